/// What a journal keeps of a step of a definition: enough to decide, and to show a person where a transaction stands, without the program
/// that has the definition.
public struct StepOutline: Hashable, Sendable {
    /// What a step is for the way forward and back.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Its effect can be undone, or it has none.
        case compensable
        /// The point of no return.
        case pivot
        /// It is repeated until it is done.
        case retryable
        /// A value that follows from others; no participant is called.
        case computed
    }

    /// What it is called.
    public var name: StepName
    /// What it is.
    public var kind: Kind
    /// The steps before it, which must be done first; each has a smaller number.
    public var dependencies: [Int]
    /// Whether there is something to undo.
    public var hasCompensation: Bool
    /// Whether it is undone also if it was refused.
    public var compensatesRefused: Bool

    /// Makes an outline.
    public init(
        _ name: StepName, _ kind: Kind, after dependencies: [Int], hasCompensation: Bool = false,
        compensatesRefused: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.dependencies = dependencies
        self.hasCompensation = hasCompensation
        self.compensatesRefused = compensatesRefused
    }
}
