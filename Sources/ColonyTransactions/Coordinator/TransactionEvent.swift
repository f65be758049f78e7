import ColonyCore

/// What a coordinator tells whoever listens, for logs and alerts.
public enum TransactionEvent: Sendable {
    /// A transaction was begun here.
    case began(TransactionID, DefinitionKey)
    /// A transaction that another coordinator, or an earlier one, had begun goes on here.
    case claimed(TransactionID, DefinitionKey)
    /// A call ended without a known outcome, and is repeated.
    case retrying(TransactionID, StepName, StepDirection, attempt: Int, reason: String)
    /// What was done is being undone.
    case turnedBack(TransactionID, JournalEvent.TurnBack, reason: String)
    /// A transaction needs a person. Ring somebody.
    case stuck(TransactionID, StepName, StepDirection, reason: String)
    /// A transaction has come to its end.
    case finished(TransactionID, TransactionState, after: Duration)
    /// A transaction belongs to another coordinator now.
    case lost(TransactionID)
    /// There are transactions of a definition that this process does not have, and nobody works on them.
    case unknownDefinition(DefinitionKey)
    /// A transaction is in the journal that cannot be read, and nobody works on it. Ring somebody.
    case unreadable(TransactionID, reason: String)
    /// Beyond those that were told of by name, so many more cannot be read.
    case unreadableBeyond(count: Int)
    /// The journal did not take a decision or an answer; the coordinator tries again.
    case journalFailed(TransactionError)
}

/// What a coordinator has done since it was made, and is doing.
public struct CoordinatorStatistics: Hashable, Sendable {
    /// Transactions that are being worked on here.
    public var inFlight = 0
    /// Begun here.
    public var begun: UInt64 = 0
    /// Taken over.
    public var claimed: UInt64 = 0
    /// Ended with all steps done.
    public var completed: UInt64 = 0
    /// Ended with nothing left of them.
    public var compensated: UInt64 = 0
    /// Handed to a person.
    public var stuck: UInt64 = 0
    /// Calls of participants.
    public var calls: UInt64 = 0
    /// Calls that ended without a known outcome.
    public var unknownOutcomes: UInt64 = 0

    /// Makes statistics of nothing.
    public init() {}
}
