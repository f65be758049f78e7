/// A store that can promise to commit: the port under ``TwoPhaseCommit``.
///
/// Once ``prepare(_:_:)`` has returned, what was done is durable and locked, and neither a crash of the store nor one of the program ends that:
/// only a commit or an abort does.
public protocol TwoPhaseParticipant: AnyObject, Sendable {
    /// What the participant is told to do before it promises.
    associatedtype Work: Sendable

    /// What it is called in definitions and journals; constant. A participant of the same name in another process must lead to the
    /// same store.
    var name: StepName { get }

    /// Does the work in a transaction of the store's own, and promises to commit it, in one atomic step at its end.
    ///
    /// Called once for an identifier and participant.
    ///
    /// - Throws: What the work throws, and ``TwoPhaseError``: nothing is left of the transaction then, unless the code is `unavailable`
    ///   or `cancelled`, after which it may be prepared, now or a moment later. An abort follows in each case.
    func prepare(_ transaction: TransactionID, _ work: Work) async throws

    /// Commits what was prepared. Repeating it succeeds.
    ///
    /// - Throws: ``TwoPhaseError``: unknown whether it is done; repeat it.
    func commit(_ transaction: TransactionID) async throws(TwoPhaseError)

    /// Takes back what was prepared. It succeeds also if there is nothing of the sort.
    ///
    /// - Throws: ``TwoPhaseError``: unknown whether it is done; repeat it.
    func abort(_ transaction: TransactionID) async throws(TwoPhaseError)

    /// What is prepared, and neither committed nor aborted; the oldest first.
    ///
    /// - Parameter limit: The most that are given; at least 1.
    func inDoubt(upTo limit: Int) async throws(TwoPhaseError) -> [PreparedBranch]
}

/// Something that a participant has promised to commit.
public struct PreparedBranch: Hashable, Sendable {
    /// Of which transaction.
    public var transaction: TransactionID
    /// How long ago it was prepared, by the participant's clock.
    public var age: Duration

    /// Puts the two together.
    public init(transaction: TransactionID, age: Duration) {
        self.transaction = transaction
        self.age = age
    }
}
