public import ColonyCore

/// A decision about a transaction, or something that was learnt of it: what a journal keeps, in order, and what a coordinator that takes
/// over reads.
///
/// Steps are told by their place in the definition, which is why a definition that changes needs another version.
public enum JournalEvent: Hashable, Sendable {
    /// The action of a step may be called from here on, so its compensation is due if the transaction turns back.
    case started(step: Int)
    /// The action of a step was done, and gave this.
    case completed(step: Int, output: [UInt8])
    /// The participant has refused the action.
    case refused(step: Int, reason: String, leavesEffects: Bool)
    /// A call ended without a known outcome, and is repeated. Not each one is written down: the first, second, fourth, eighth, and so on.
    case failed(step: Int, direction: StepDirection, attempt: Int, reason: String)
    /// What was done is undone from here on.
    case turnedBack(TurnBack, reason: String)
    /// The compensation of a step was done.
    case compensated(step: Int)
    /// The step needs a person.
    case stuck(step: Int, direction: StepDirection, reason: String)
    /// A person has decided about a transaction that was stuck.
    case intervened(Intervention, by: String, note: String)
    /// The end: ``TransactionState/completed`` or ``TransactionState/compensated``.
    case finished(TransactionState)

    /// Why a transaction turned back.
    public enum TurnBack: String, Sendable, Hashable, CaseIterable {
        /// A participant refused.
        case refused
        /// Somebody cancelled it.
        case cancelled
        /// It took longer than it may.
        case timedOut = "timed_out"
        /// A person decided so when it was stuck.
        case decided
        /// A step that may be given up failed as often as it may.
        case exhausted
    }
}

/// What a person decides about a transaction that is stuck.
public enum Intervention: Hashable, Sendable {
    /// Go on where it stopped; what failed is tried as often as at first.
    case retry
    /// Undo what was done. Only while the pivot was not begun.
    case turnBack
    /// Take the step at which it stopped for done. The person has seen to it by other means.
    ///
    /// - Parameter output: What the action would have given, as the codec of the definition writes it; not for a compensation.
    case skip(output: [UInt8]?)
    /// Close it as it is.
    case resolve(TransactionState)
}

/// A decision with the time at which it was written down.
public struct JournalEntry: Hashable, Sendable {
    /// By the civil clock of who wrote it; for people, and nothing is decided by it.
    public var at: WallTime
    /// What was decided or learnt.
    public var event: JournalEvent

    /// Makes an entry.
    public init(at: WallTime, _ event: JournalEvent) {
        self.at = at
        self.event = event
    }
}
