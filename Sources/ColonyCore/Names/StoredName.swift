/// The name of something that a store keeps, such as a lock, a queue, or a limit.
///
/// A name has 1 to 255 bytes of UTF-8 and no control characters. Names are equal when their bytes are equal: two spellings of `é` are two
/// names, on every engine, because stores compare bytes while `String` compares characters.
///
/// A type of name says what it is for by its ``role`` and how it is checked by its initialiser; the rest is the same for all of them.
public protocol StoredName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral
{
    /// What the name is for, as errors say it, such as `lock name`.
    static var role: String { get }

    /// The name as text.
    var rawValue: String { get }

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    init(_ text: String) throws(InvalidName)
}

extension StoredName {
    /// The text of a name of so many bytes at the most, if it can be one.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    package static func checked(
        _ text: String, upTo most: Int = NameRules.maximumBytes
    ) throws(InvalidName) -> String {
        if let defect = NameRules.defect(in: text, upTo: most) {
            throw InvalidName(role: Self.role, value: text, reason: defect)
        }
        var text = text
        text.makeContiguousUTF8()
        return text
    }

    /// Makes a name from bytes that come from outside, such as a decoded URL path.
    ///
    /// - Throws: ``InvalidName`` also when the bytes are not UTF-8.
    public init(utf8 bytes: some Sequence<UInt8>) throws(InvalidName) {
        let bytes = Array(bytes)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InvalidName(
                role: Self.role, value: String(decoding: bytes, as: UTF8.self), reason: "it is not UTF-8")
        }
        try self.init(text)
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    ///
    /// Each type of name has an `init(stringLiteral:)` of its own that calls this, so that who writes a literal need import its module only.
    package init(literal value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }

    @inlinable
    public static func == (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.elementsEqual(second.rawValue.utf8)
    }

    /// Orders names by their bytes, as stores do.
    @inlinable
    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.lexicographicallyPrecedes(second.rawValue.utf8)
    }

    /// Hashes the bytes of the name.
    @inlinable
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

    /// Reads a name.
    ///
    /// - Throws: `DecodingError` with what is wrong with it.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as InvalidName {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Writes the text of the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}
