public import ColonyCore

/// A cluster: what keeps its nodes, and what they have written down, apart from those of another one.
public struct ClusterName: StoredName {
    /// The role that errors name.
    public static var role: String { "cluster name" }

    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        self.rawValue = try Self.checked(text)
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(literal: value)
    }
}
