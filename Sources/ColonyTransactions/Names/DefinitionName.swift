public import ColonyCore

/// The name by which a journal refers to the definition of a transaction, such as `place-order`.
public struct DefinitionName: StoredName {
    /// The role that errors name.
    public static var role: String { "definition name" }

    /// The most bytes of such a name: with those of the other names it fits into a request key.
    public static let maximumBytes = 255

    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
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
