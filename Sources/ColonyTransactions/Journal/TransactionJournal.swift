public import ColonyCore

/// Where decisions about transactions are kept: the port under sagas, TCC, and two-phase commit.
///
/// A journal keeps what must be atomic and durable: that a transaction exists, what was decided about it and in which order, and which
/// coordinator may decide next. What to decide, when to call whom, and when to try again lies above it, once, in ``TransactionCoordinator``.
///
/// **Ownership.** A coordinator enlists with a lease and is given a rising token. Each open transaction belongs to one token; who has
/// another one can write nothing to it. When the lease of a coordinator has run out, or it has resigned, others may claim what belonged
/// to it, and from then on its own writes are refused: a coordinator that was paused in the middle of a step can call a participant once
/// more, but not decide anything.
///
/// Every member may be called concurrently. Making a journal does no I/O; the first call opens what it needs.
public protocol TransactionJournal: AnyObject, Sendable {
    /// What a decision is worth once it is acknowledged; constant for the life of the journal.
    var guarantee: Guarantee { get }

    /// Enlists a coordinator, in one atomic step.
    ///
    /// Each call gives another token, greater than all before, so a coordinator that is not sure whether it was enlisted does so again.
    ///
    /// - Parameter lease: How long it counts as alive without a renewal, by the journal's clock. In ``TransactionLimits/lease``.
    /// - Throws: ``TransactionError``. After `unavailable` or `cancelled` a coordinator that nobody knows may be enlisted; it runs out.
    func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken

    /// Keeps a coordinator enlisted for `lease` from now, in one atomic step; zero resigns, so that others can take over at once.
    ///
    /// - Returns: Which of its transactions somebody wants cancelled, or `nil` if the coordinator is no longer enlisted: then it must stop.
    /// - Throws: ``TransactionError``. After `unavailable` or `cancelled` it may or may not be extended.
    func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError) -> [TransactionID]?

    /// Stores a transaction with its first decisions, in one durable step, unless there is one of its identifier.
    ///
    /// - Returns: Whether it was stored, or what is there.
    /// - Throws: ``TransactionError``; `notRunning` if the coordinator is not enlisted. After `unavailable` or `cancelled` it may or may
    ///   not be stored: begin it again.
    func begin(_ transaction: NewTransaction, by coordinator: FencingToken) async throws(TransactionError)
        -> BeginOutcome

    /// Adds decisions to a transaction, in their order and in one step, if it still belongs to the coordinator.
    ///
    /// - Parameters:
    ///   - state: Where the transaction stands afterwards. Once it is stuck or at its end it belongs to nobody.
    ///   - durability: With `synced` the answer comes when the decisions outlive a loss of power; with `written` when they outlive the
    ///     process. What came before is as durable as it was.
    /// - Returns: Whether they were added; `false` if the transaction belongs to another coordinator, or to none.
    /// - Throws: ``TransactionError``. After `unavailable` it may or may not be done: read the transaction before you go on. After
    ///   `cancelled` nothing was done.
    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool

    /// Gives transactions that are running or compensating and belong to nobody who is enlisted to this coordinator, oldest first, in one
    /// durable step.
    ///
    /// - Parameters:
    ///   - limit: From 1 to ``TransactionLimits/batch``.
    ///   - definitions: Those that the coordinator can work on; others stay for one that can.
    /// - Returns: What it was given, with all that was decided: fewer than `limit` if there are no more that nobody is writing to. Then also which definitions
    ///   those have that belong to nobody and were not asked for.
    /// - Throws: ``TransactionError``; `notRunning` if the coordinator is not enlisted. After `unavailable` it may own some that it has
    ///   not heard of; enlist anew.
    func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome

    /// What is known of a transaction; `nil` if there is none, or its time of retention is over.
    func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord?

    /// Waits until a transaction may have changed since it had so many entries.
    ///
    /// The wait may end early without reason; the caller reads again.
    ///
    /// - Throws: ``TransactionError``; `cancelled` as soon as the task is cancelled.
    func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError)
}

/// What operators do with a journal.
public protocol TransactionAdministration: TransactionJournal {
    /// What there is, stuck ones first and then the oldest open one first, or the newest first among those that have ended.
    ///
    /// - Parameters:
    ///   - states: Which states are asked for.
    ///   - limit: From 1 to ``TransactionLimits/batch``.
    ///   - last: The last one of the page before.
    func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary]

    /// How many there are in each state.
    func counts() async throws(TransactionError) -> [TransactionState: Int]

    /// Has the owner of a transaction turn it back; whoever claims it next, if it has none. Repeating it is harmless.
    ///
    /// - Returns: Whether there is such a transaction that has not ended.
    func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool

    /// Writes a person's decision about a transaction that is stuck into its journal, and lets it go on, in one durable step.
    ///
    /// - Parameters:
    ///   - entries: The decision, and what follows from it.
    ///   - count: How many entries the transaction had when the person decided: a second decision about the same trouble is refused.
    /// - Returns: Whether it was done; `false` if the transaction is not stuck any more, or is not there.
    func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool
}

/// What is legal to ask of a journal.
public enum TransactionLimits {
    /// How long a coordinator may count as alive without a renewal.
    public static let lease: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3_600)
    /// The most transactions that one call claims or lists.
    public static let batch = 1_000
    /// The most bytes of an input or an output.
    public static let payloadBytes = 1 << 20
    /// The most steps of a definition, those of nested sagas with it.
    public static let steps = 256
    /// How many scalars of a reason are kept.
    public static let reasonLength = 1_000
}
