public import ColonyCore

/// What an entry of a shared cache is stored under.
///
/// A key has at most 250 bytes, which is what Memcached takes. A key made from something longer is best a digest of it.
public struct CacheKey: StoredName {
    /// The role that errors name.
    public static var role: String { "cache key" }

    /// The most bytes that a key may have.
    public static let maximumBytes = 250

    /// The key as text.
    public let rawValue: String

    /// Makes a key from text that comes from outside.
    ///
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        self.rawValue = try Self.checked(text, upTo: Self.maximumBytes)
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(literal: value)
    }
}
