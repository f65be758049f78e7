/// One field line of a head: 16 bytes of offsets, no copy of anything.
package struct FieldEntry: Hashable, Sendable {
    /// Where the line begins, which is where its name begins.
    var nameStart: UInt32
    /// The value without the whitespace around it.
    var valueStart: UInt32
    var valueEnd: UInt32
    var nameLength: UInt16
    /// The name, where it is a known one.
    package var field: KnownField
    var marks: Marks

    /// What the writer does with the line apart from what its name says.
    struct Marks: OptionSet, Hashable, Sendable {
        let rawValue: UInt8
        /// An option of `Connection` names it: it goes no further.
        static let namedByConnection = Marks(rawValue: 1)
        /// `Content-Length` with zeros before its number, a tabulator, or more than one space: written anew. nginx takes a
        /// tabulator for a part of the value, others read such numbers as octal ones.
        static let unusualLength = Marks(rawValue: 2)
        /// With hyphens for its underscores the name would be a known one: it goes no further.
        static let lookalike = Marks(rawValue: 4)
    }

    package var name: HeadRange { HeadRange(Int(self.nameStart), Int(self.nameStart) + Int(self.nameLength)) }
    package var value: HeadRange { HeadRange(Int(self.valueStart), Int(self.valueEnd)) }
}

/// What the `Connection` fields of a head ask for (RFC 9110, section 7.6.1).
package struct ConnectionOptions: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let close = ConnectionOptions(rawValue: 1)
    package static let keepAlive = ConnectionOptions(rawValue: 2)
    package static let upgrade = ConnectionOptions(rawValue: 4)
    /// Some option is the name of a field.
    package static let named = ConnectionOptions(rawValue: 8)
}

/// What the `Transfer-Encoding` fields of a head say when they are read as one list.
struct TransferCodings: OptionSet, Hashable, Sendable {
    let rawValue: UInt8
    static let chunked = TransferCodings(rawValue: 1)
    static let unknown = TransferCodings(rawValue: 2)
    /// An element is empty or no token, or chunked is there twice.
    static let malformed = TransferCodings(rawValue: 4)
    static let lastIsChunked = TransferCodings(rawValue: 8)

    /// Why a body with these codings cannot be framed; `nil` for `chunked` alone.
    var defect: HeadDefect? {
        if self.contains(.malformed) { return .invalidTransferEncoding }
        // RFC 9112, section 6.3: without chunked at the end nothing says where the body of a request ends.
        if !self.contains(.lastIsChunked) { return .chunkedIsNotLast }
        return self.contains(.unknown) ? .codingNotSupported : nil
    }
}
