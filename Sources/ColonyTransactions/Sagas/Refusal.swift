/// What an action throws when its participant says no: it was not done, and will not be done however often it is asked.
///
/// A refusal turns the transaction back. Every other error leaves the outcome unknown, because a participant that does not answer may have
/// done what it was asked for; so the call is repeated with the same key, and nothing is undone on a guess.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Why, for people.
    public var reason: String
    /// Whether the participant may have done a part of it that has to be undone: then the step is compensated like one that was done.
    public var leavesEffects: Bool

    /// Makes a refusal.
    public init(_ reason: String, leavesEffects: Bool = false) {
        self.reason = reason
        self.leavesEffects = leavesEffects
    }

    public var description: String { "refused: \(self.reason)" }
}
