/// How a transaction ended.
public enum TransactionOutcome<Result: Sendable>: Sendable {
    /// All steps were done.
    case completed(Result)
    /// No step has an effect any more.
    case compensated(JournalEvent.TurnBack, reason: String)
}

/// What is thrown to who wanted the result of a transaction that has none.
public struct TransactionFailure: Error, Sendable, CustomStringConvertible {
    /// Which one.
    public var id: TransactionID
    /// Where it stands: ``TransactionState/compensated`` or ``TransactionState/stuck``; ``TransactionState/completed`` if a person has closed
    /// it as done, so that there is no result.
    public var state: TransactionState
    /// What turned it back.
    public var turnBack: JournalEvent.TurnBack?
    /// Why, for people.
    public var reason: String

    /// Makes a failure.
    public init(_ id: TransactionID, _ state: TransactionState, turnBack: JournalEvent.TurnBack?, reason: String) {
        self.id = id
        self.state = state
        self.turnBack = turnBack
        self.reason = reason
    }

    public var description: String { "the transaction \(self.id) is \(self.state.rawValue): \(self.reason)" }
}
