/// One answer of memcached to a meta command.
package struct MetaReply: Hashable, Sendable {
    /// What kind of answer it is.
    package enum Kind: Hashable, Sendable {
        /// `HD`: done, nothing further.
        case done
        /// `VA`: found, with the value.
        case value([UInt8])
        /// `EN`: not found by `mg`.
        case miss
        /// `NS`: not stored, because of the mode.
        case notStored
        /// `EX`: the CAS token is another one.
        case exists
        /// `NF`: there is no such key.
        case notFound
        /// `MN`: the answer to the fence.
        case fence
        /// `SERVER_ERROR`: the command was understood and could not be carried out.
        case serverError(String)
        /// `CLIENT_ERROR`: the command was wrong in its parts.
        case clientError(String)
        /// `ERROR`: the command is not known, or, with a text behind it, the server wants to say something before it
        /// ends the connection, such as that it has too many.
        case unknownCommand(String)
    }

    package var kind: Kind
    /// The flags, each a letter with its token.
    package var flags: [Flag] = []

    package init(kind: Kind, flags: [Flag] = []) {
        self.kind = kind
        self.flags = flags
    }

    /// A letter and what stands behind it.
    package struct Flag: Hashable, Sendable {
        package var letter: UInt8
        package var token: [UInt8]

        package init(letter: UInt8, token: [UInt8]) {
            self.letter = letter
            self.token = token
        }
    }

    /// `O`: what the command gave to have it back.
    package var opaque: Int? { self.number("O").flatMap { Int(exactly: $0) } }
    /// `c`: the CAS token.
    package var casToken: UInt64? { self.number("c").flatMap { UInt64(exactly: $0) } }
    /// `t`: the seconds that are left; `nil` if there is no end or the answer does not say.
    package var secondsLeft: Int64? {
        guard let number = self.number("t"), number >= 0 else { return nil }
        return Int64(exactly: number)
    }

    private func number(_ letter: Unicode.Scalar) -> Int128? {
        guard let flag = self.flags.first(where: { $0.letter == UInt8(ascii: letter) }) else { return nil }
        return Int128(String(decoding: flag.token, as: UTF8.self))
    }
}
