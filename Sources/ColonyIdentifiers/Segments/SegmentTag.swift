public import ColonyCore

/// The name of a series of numbers: the business tag of Leaf, such as `orders`.
///
/// A name has 1 to 255 bytes of UTF-8 and no control characters. Names are equal when their bytes are equal: two
/// spellings of `é` are two names, on every engine, because stores compare bytes while `String` compares characters.
public struct SegmentTag: Sendable {
    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        if let defect = NameRules.defect(in: text) {
            throw InvalidName(role: "segment tag", value: text, reason: defect)
        }
        var text = text
        text.makeContiguousUTF8()
        self.rawValue = text
    }

    /// Makes a name from bytes that come from outside, such as a decoded URL path.
    ///
    /// - Throws: ``InvalidName`` also when the bytes are not UTF-8.
    public init(utf8 bytes: some Sequence<UInt8>) throws(InvalidName) {
        let bytes = Array(bytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InvalidName(
                role: "segment tag", value: String(decoding: bytes, as: UTF8.self), reason: "it is not UTF-8")
        }
        try self.init(text)
    }
}

extension SegmentTag: ExpressibleByStringLiteral {
    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension SegmentTag: Hashable, Comparable, CustomStringConvertible {
    public static func == (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.elementsEqual(second.rawValue.utf8)
    }

    /// Orders names by their bytes, as stores do.
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

extension SegmentTag: Codable {
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
