public import ColonyCore

/// What an entry of a shared cache is stored under.
///
/// A key has 1 to 250 bytes of UTF-8, which is what Memcached takes, and no control characters. Keys are equal when
/// their bytes are equal: two spellings of `é` are two keys, in every store, because stores compare bytes while
/// `String` compares characters. A key made from something longer is best a digest of it.
public struct CacheKey: Sendable {
    /// The most bytes that a key may have.
    public static let maximumBytes = 250

    /// The key as text.
    public let rawValue: String

    /// Makes a key from text that comes from outside.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        if let defect = NameRules.defect(in: text) ?? Self.excess(of: text) {
            throw InvalidName(role: "cache key", value: text, reason: defect)
        }
        var text = text
        text.makeContiguousUTF8()
        self.rawValue = text
    }

    private static func excess(of text: String) -> String? {
        let count = text.utf8.count
        return count > Self.maximumBytes ? "it has \(count) bytes, and \(Self.maximumBytes) are the most" : nil
    }

    /// Makes a key from bytes that come from outside, such as a decoded URL path.
    ///
    /// - Throws: ``InvalidName`` also when the bytes are not UTF-8.
    public init(utf8 bytes: some Sequence<UInt8>) throws(InvalidName) {
        let bytes = Array(bytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InvalidName(
                role: "cache key", value: String(decoding: bytes, as: UTF8.self), reason: "it is not UTF-8")
        }
        try self.init(text)
    }
}

extension CacheKey: ExpressibleByStringLiteral {
    /// Makes a key from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension CacheKey: Hashable, Comparable, CustomStringConvertible {
    public static func == (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.elementsEqual(second.rawValue.utf8)
    }

    /// Orders keys by their bytes, as stores do.
    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.lexicographicallyPrecedes(second.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        let hashed: Void? = self.rawValue.utf8.withContiguousStorageIfAvailable { bytes in
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        if hashed == nil {
            for byte in self.rawValue.utf8 {
                hasher.combine(byte)
            }
        }
        hasher.combine(0xFF as UInt8)
    }

    public var description: String { self.rawValue }
}

extension CacheKey: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as InvalidName {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}
