public import ColonyCore
public import ColonyTransactions
import Synchronization

/// A journal of transactions in the memory of this process: the reference engine, for tests and simulations.
///
/// Several coordinators can share one, so that takeovers can be played. It ends with the process, so nothing that matters belongs here.
///
/// - Complexity: Each call O(log *n*) or better, but for claims and lists, which look at what is open.
public final class MemoryTransactionJournal: TransactionJournal {
    struct Stored {
        var record: TransactionRecord
        var endedAt: MonotonicInstant?
    }

    struct State {
        var transactions: [TransactionID: Stored] = [:]
        /// Those that are running or compensating, by number.
        var open: [Int64: TransactionID] = [:]
        /// Those that have ended, in the order of their ends, from ``firstEnded`` on.
        var ended: [TransactionID] = []
        var firstEnded = 0
        var coordinators: [FencingToken: MonotonicInstant] = [:]
        var lastToken: UInt64 = 0
        var lastNumber: Int64 = 0
        var waiters: [TransactionID: [OneShotSignal]] = [:]
    }

    let clock: any MonotonicClock
    let wall: any WallClock
    /// How long a transaction is kept after its end.
    public let retention: Duration
    let state = Mutex(State())

    /// Makes a journal of nothing.
    ///
    /// - Parameters:
    ///   - retention: How long a transaction is kept after its end. At least zero.
    ///   - clock: What leases and retention are measured by.
    ///   - wall: What dates changes that no entry dates.
    public init(
        retention: Duration = .seconds(86_400), clock: any MonotonicClock = HostClock(),
        wall: any WallClock = SystemWallClock()
    ) {
        precondition(retention >= .zero, "a transaction cannot be kept for \(retention)")
        self.retention = retention
        self.clock = clock
        self.wall = wall
    }

    /// Within this process, and gone with it.
    public var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    /// Enlists a coordinator.
    public func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        try TransactionRequests.check(lease: lease)
        let now = self.clock.now
        return self.state.withLock { state in
            state.coordinators = state.coordinators.filter { $0.value > now }
            state.lastToken += 1
            let token = FencingToken(rawValue: state.lastToken)
            state.coordinators[token] = now.advanced(by: lease)
            return token
        }
    }

    /// Keeps a coordinator enlisted, or ends its membership.
    public func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError)
        -> [TransactionID]?
    {
        if lease != .zero { try TransactionRequests.check(lease: lease) }
        let now = self.clock.now
        return self.state.withLock { state in
            guard let end = state.coordinators[coordinator], end > now else { return nil }
            state.coordinators[coordinator] = lease == .zero ? nil : now.advanced(by: lease)
            return state.open.sorted { $0.key < $1.key }.map(\.value).filter { id in
                guard let record = state.transactions[id]?.record else { return false }
                return record.summary.coordinator == coordinator && record.isCancellationRequested
            }
        }
    }

    /// Stores a transaction, or finds the one that is there.
    public func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        try TransactionRequests.check(transaction)
        let now = self.clock.now
        return try self.state.withLock { state throws(TransactionError) in
            if let present = state.transactions[transaction.id] { return .exists(present.record) }
            guard let end = state.coordinators[coordinator], end > now else {
                throw TransactionRequests.notEnlisted(coordinator)
            }
            state.lastNumber += 1
            let isOpen = transaction.state == .running || transaction.state == .compensating
            let summary = TransactionSummary(
                id: transaction.id, kind: transaction.kind, label: transaction.label, state: transaction.state,
                startedAt: transaction.startedAt, changedAt: transaction.entries.last?.at ?? transaction.startedAt,
                coordinator: isOpen ? coordinator : nil, number: state.lastNumber)
            let record = TransactionRecord(
                summary: summary, definition: transaction.definition, outline: transaction.outline,
                input: transaction.input, timeout: transaction.timeout, isCancellationRequested: false,
                entries: transaction.entries)
            state.sweep(before: now.advanced(by: .zero - self.retention))
            state.transactions[transaction.id] = Stored(
                record: record, endedAt: transaction.state.isFinal ? now : nil)
            if transaction.state.isFinal { state.ended.append(transaction.id) }
            if isOpen { state.open[state.lastNumber] = transaction.id }
            return .begun
        }
    }

    /// Adds decisions, if the transaction still belongs to the coordinator.
    public func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try TransactionRequests.check(entries)
        return self.change(transaction, to: state, adding: entries) { $0.summary.coordinator == coordinator }
    }

    /// Adds entries to a transaction if it is as it must be, and tells who waits.
    func change(
        _ transaction: TransactionID, to next: TransactionState, adding entries: [JournalEntry],
        if isAllowed: (TransactionRecord) -> Bool
    ) -> Bool {
        let now = self.clock.now
        let waiters = self.state.withLock { state -> [OneShotSignal]? in
            guard var stored = state.transactions[transaction], isAllowed(stored.record) else { return nil }
            stored.record.entries += entries
            stored.record.summary.state = next
            stored.record.summary.changedAt = entries.last?.at ?? stored.record.summary.changedAt
            let isOpen = next == .running || next == .compensating
            if !isOpen { stored.record.summary.coordinator = nil }
            stored.endedAt = next.isFinal ? now : nil
            if next.isFinal { state.ended.append(transaction) }
            state.open[stored.record.summary.number] = isOpen ? transaction : nil
            state.transactions[transaction] = stored
            return state.waiters.removeValue(forKey: transaction) ?? []
        }
        for waiter in waiters ?? [] { waiter.fire() }
        return waiters != nil
    }

    /// Gives what belongs to nobody to the coordinator.
    public func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        try TransactionRequests.check(batch: limit)
        let now = self.clock.now
        return try self.state.withLock { state throws(TransactionError) in
            guard let end = state.coordinators[coordinator], end > now else {
                throw TransactionRequests.notEnlisted(coordinator)
            }
            var outcome = ClaimOutcome(claimed: [], unknown: [])
            for (_, id) in state.open.sorted(by: { $0.key < $1.key }) {
                guard var stored = state.transactions[id] else { continue }
                if let owner = stored.record.summary.coordinator, let end = state.coordinators[owner], end > now {
                    continue
                }
                guard definitions.contains(stored.record.definition) else {
                    outcome.unknown.insert(stored.record.definition)
                    continue
                }
                stored.record.summary.coordinator = coordinator
                state.transactions[id] = stored
                outcome.claimed.append(stored.record)
                if outcome.claimed.count == limit { return ClaimOutcome(claimed: outcome.claimed, unknown: []) }
            }
            return outcome
        }
    }

    /// What is known of a transaction.
    public func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        self.state.withLock { $0.transactions[transaction]?.record }
    }

    /// Waits until a transaction has another number of entries.
    public func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError) {
        let signal = OneShotSignal()
        let mustWait = self.state.withLock { state in
            guard limit > .zero, let stored = state.transactions[transaction], stored.record.entries.count == entries
            else { return false }
            state.waiters[transaction, default: []].append(signal)
            return true
        }
        guard mustWait else { return }
        defer { self.forget(signal, of: transaction) }
        do {
            _ = try await signal.wait(until: self.clock.now.advanced(by: limit), on: self.clock)
        } catch {
            throw TransactionError(
                .cancelled, "the wait for the transaction \(transaction) was cancelled", cause: error)
        }
    }

    private func forget(_ signal: OneShotSignal, of transaction: TransactionID) {
        self.state.withLock { state in
            state.waiters[transaction]?.removeAll { $0 === signal }
            if state.waiters[transaction]?.isEmpty == true { state.waiters[transaction] = nil }
        }
    }
}

extension MemoryTransactionJournal.State {
    /// Removes some that ended long ago: more than are begun, so that memory follows what is kept.
    mutating func sweep(before end: MonotonicInstant) {
        for _ in 0..<4 {
            guard self.firstEnded < self.ended.count, let at = self.transactions[self.ended[self.firstEnded]]?.endedAt,
                at <= end
            else { break }
            self.transactions[self.ended[self.firstEnded]] = nil
            self.firstEnded += 1
        }
        if self.firstEnded > 1_000, self.firstEnded * 2 > self.ended.count {
            self.ended.removeFirst(self.firstEnded)
            self.firstEnded = 0
        }
    }
}

extension TransactionJournal where Self == MemoryTransactionJournal {
    /// A journal in the memory of this process.
    public static func memory() -> MemoryTransactionJournal { MemoryTransactionJournal() }
}
