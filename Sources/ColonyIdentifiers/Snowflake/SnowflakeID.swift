import ColonyCore

/// A Snowflake identifier: a positive 64-bit number whose order is the order of time.
///
/// JavaScript keeps numbers exactly only up to 2⁵³ − 1, and much between here and a browser is JavaScript or behaves
/// like it. So the identifier is a string in JSON. A number is read only where it cannot have lost a digit, and written
/// only through ``Numeric``, which refuses what JavaScript would change.
public struct SnowflakeID: RawRepresentable, Hashable, Comparable, Sendable {
    /// The identifier as a number, for a database column of 64 bits.
    public let rawValue: Int64

    /// Takes a number for an identifier; ``SnowflakeLayout/parse(_:)`` says whether it is one.
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }

    /// The largest number that JavaScript tells from its neighbours: 2⁵³ − 1.
    public static let largestJavaScriptNumber: Int64 = 9_007_199_254_740_991
}

extension SnowflakeID: LosslessStringConvertible {
    /// Reads the decimal form: digits only, no sign, no leading zero.
    public init?(_ description: String) {
        guard let value = Int64(description), value >= 0, String(value) == description else { return nil }
        self.init(rawValue: value)
    }

    public var description: String { String(self.rawValue) }
}

extension SnowflakeID {
    /// The identifier in an alphabet whose order is that of the numbers, always of the same length.
    ///
    /// - Complexity: O(1).
    public func text(_ encoding: OrderedTextEncoding) -> String {
        encoding.text(of: UInt64(bitPattern: self.rawValue))
    }

    /// Reads what ``text(_:)`` wrote.
    ///
    /// - Throws: ``IdentifierError/Code/malformedID``, which quotes the text and says what is wrong with it.
    public init(text: String, encoding: OrderedTextEncoding) throws(IdentifierError) {
        let word = try encoding.number(from: text)
        guard word <= UInt64(Int64.max) else {
            throw IdentifierError(.malformedID, "\(NameRules.quoted(text)) stands for a number beyond 2^63 - 1")
        }
        self.init(rawValue: Int64(word))
    }
}

extension SnowflakeID: Codable {
    /// Reads a string of digits, or a number up to ``largestJavaScriptNumber``.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            guard (0...Self.largestJavaScriptNumber).contains(number) else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription:
                        "the number \(number) is no safe identifier: beyond 0 to 2^53 - 1 a number may have "
                        + "lost digits on its way; send a string")
            }
            self.init(rawValue: number)
            return
        }
        let text = try container.decode(String.self)
        guard let id = SnowflakeID(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\(NameRules.quoted(text)) is no identifier: digits without sign or leading zero, up "
                    + "to 2^63 - 1")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }

    /// An identifier that is a number in JSON, for clients that insist; see ``SnowflakeLayout/javaScriptSafe``.
    public struct Numeric: Hashable, Sendable, Codable {
        /// The identifier, at most ``SnowflakeID/largestJavaScriptNumber``.
        public let id: SnowflakeID

        /// - Throws: ``IdentifierError/Code/unsafeNumber`` if JavaScript would change the number.
        public init(_ id: SnowflakeID) throws(IdentifierError) {
            guard (0...SnowflakeID.largestJavaScriptNumber).contains(id.rawValue) else {
                throw IdentifierError(
                    .unsafeNumber,
                    "\(id) is beyond 2^53 - 1, so JavaScript would change it; use the string form or a layout of 53 bits"
                )
            }
            self.id = id
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            let number = try container.decode(Int64.self)
            do {
                try self.init(SnowflakeID(rawValue: number))
            } catch {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
            }
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(self.id.rawValue)
        }
    }
}
