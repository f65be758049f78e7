public import ColonyCore

/// The name of a step within its definition, such as `payment`. Steps of a nested saga are called after it, as in `delivery/parcel`.
public struct StepName: StoredName {
    /// The role that errors name.
    public static var role: String { "step name" }

    /// The most bytes of such a name: with those of the other names it fits into a request key.
    public static let maximumBytes = 100

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
