/// A value of the Redis serialization protocol, in either of its versions.
///
/// Strings are bytes, because Redis neither knows nor checks encodings; ``text`` is for people. Version 2 knows simple
/// strings, errors, integers, bulk strings, arrays, and the two nulls; the rest came with version 3, and
/// ``RESPEncoder`` says how each is told to a version 2 peer.
///
/// - SeeAlso: *Redis serialization protocol specification*, redis.io; *RESP3 specification*, antirez/RESP3.
public enum RESPValue: Hashable, Sendable {
    /// `+`: a short string without line ends.
    case simpleString([UInt8])
    /// `-`: an error whose first word is its code, without line ends.
    case simpleError([UInt8])
    /// `:`
    case integer(Int64)
    /// `$`: any bytes.
    case bulkString([UInt8])
    /// `*`
    case array([RESPValue])
    /// `_`, or `$-1` in version 2.
    case null
    /// `*-1`, which only version 2 tells apart from ``null``.
    case nullArray
    /// `#`
    case boolean(Bool)
    /// `,`: may be infinite or not a number.
    case double(Double)
    /// `(`: decimal digits with an optional sign, of any length.
    case bigNumber([UInt8])
    /// `!`: an error that may contain any bytes.
    case blobError([UInt8])
    /// `=`: a string that says what kind of text it is.
    case verbatimString(RESPTextFormat, [UInt8])
    /// `%`: pairs in the order in which they came; the protocol leaves doubled keys to the reader.
    case map([RESPPair])
    /// `~`: in the order in which they came; the protocol leaves doubled members to the reader.
    case set([RESPValue])
    /// `>`: what the peer says without having been asked.
    case push([RESPValue])
    /// `|`: a value with something said about it that a reader may ignore.
    indirect case attributed([RESPPair], RESPValue)
}

/// A key and a value of a ``RESPValue/map(_:)`` or an attribute.
public struct RESPPair: Hashable, Sendable {
    /// The key; of any type.
    public var key: RESPValue
    /// The value.
    public var value: RESPValue

    /// Puts the two together.
    public init(_ key: RESPValue, _ value: RESPValue) {
        self.key = key
        self.value = value
    }
}

/// The three bytes that say what the text of a verbatim string is.
public struct RESPTextFormat: Hashable, Sendable, CustomStringConvertible {
    private let first: UInt8
    private let second: UInt8
    private let third: UInt8

    /// Plain text.
    public static let plain = Self(UInt8(ascii: "t"), UInt8(ascii: "x"), UInt8(ascii: "t"))
    /// Markdown.
    public static let markdown = Self(UInt8(ascii: "m"), UInt8(ascii: "k"), UInt8(ascii: "d"))

    /// A format by its three bytes.
    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8) {
        (self.first, self.second, self.third) = (first, second, third)
    }

    /// The three bytes.
    public var bytes: [UInt8] { [self.first, self.second, self.third] }

    public var description: String { String(decoding: self.bytes, as: UTF8.self) }
}

extension RESPValue {
    /// A bulk string of the UTF-8 of a text.
    public static func bulk(_ text: String) -> RESPValue { .bulkString(Array(text.utf8)) }

    /// The bytes of a value that is a string of some kind, or a big number; `nil` for others.
    public var bytes: [UInt8]? {
        switch self {
        case .simpleString(let bytes), .bulkString(let bytes), .verbatimString(_, let bytes), .bigNumber(let bytes):
            bytes
        case .attributed(_, let value): value.bytes
        default: nil
        }
    }

    /// ``bytes`` as text, with what is not UTF-8 replaced.
    public var text: String? { self.bytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The text of an error of either kind; `nil` for others.
    public var errorText: String? {
        switch self {
        case .simpleError(let bytes), .blobError(let bytes): String(decoding: bytes, as: UTF8.self)
        case .attributed(_, let value): value.errorText
        default: nil
        }
    }

    /// The members of an array, a set, or a push; `nil` for others.
    public var elements: [RESPValue]? {
        switch self {
        case .array(let values), .set(let values), .push(let values): values
        case .attributed(_, let value): value.elements
        default: nil
        }
    }

    /// The number of an integer; `nil` for others.
    public var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .attributed(_, let value): value.integer
        default: nil
        }
    }

    /// Whether there is nothing, said in any way.
    public var isNull: Bool {
        switch self {
        case .null, .nullArray: true
        case .attributed(_, let value): value.isNull
        default: false
        }
    }
}

/// The versions of the protocol.
public enum RESPVersion: Int, CaseIterable, Hashable, Sendable {
    /// What every Redis speaks, and all speak before `HELLO`.
    case two = 2
    /// What Redis speaks from 6.0 after `HELLO 3`.
    case three = 3
}
