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
        let text = try Self.checked(text, upTo: Self.maximumBytes)
        // The last two parts of a key then have none, so two calls of different transactions never have the same key.
        if text.utf8.contains(UInt8(ascii: ":")) {
            throw InvalidName(
                role: Self.role, value: text, reason: "it contains a colon, which separates the parts of request keys")
        }
        self.rawValue = text
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(literal: value)
    }
}
