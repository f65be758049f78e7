import ColonyCore
import ColonyTransactions
import Synchronization

/// What stands between a simulated process and everything that outlives it: its journal and its participants. At one point, which is told
/// by its number, the process crashes, and nothing of it gets through any more.
final class CrashGate: Sendable {
    struct Crashed: Error, CustomStringConvertible {
        let description = "the simulated process has crashed"
    }

    private struct State {
        var passed = 0
        var isCrashed = false
        var point: CrashPoint?
    }

    private let target: Int?
    private let onTarget: (@Sendable () -> Void)?
    private let state = Mutex(State())
    /// Fired when the process has crashed.
    let crash = OneShotSignal()

    /// - Parameters:
    ///   - target: The number of the point, from 1; `nil` to count.
    ///   - onTarget: What happens there instead of a crash.
    init(target: Int?, onTarget: (@Sendable () -> Void)? = nil) {
        self.target = target
        self.onTarget = onTarget
    }

    /// How many points were passed.
    var count: Int { self.state.withLock { $0.passed } }
    /// What the point was at which it crashed.
    var point: CrashPoint? { self.state.withLock { $0.point } }

    func pass(_ point: @autoclosure () -> CrashPoint) throws(Crashed) {
        let (isCrashed, isTarget) = self.state.withLock { state -> (Bool, Bool) in
            if state.isCrashed { return (true, false) }
            state.passed += 1
            guard state.passed == self.target else { return (false, false) }
            state.point = point()
            state.isCrashed = self.onTarget == nil
            return (state.isCrashed, true)
        }
        if isTarget {
            self.onTarget?()
            if isCrashed { self.crash.fire() }
        }
        if isCrashed { throw Crashed() }
    }

    /// A definition whose calls pass this gate.
    func guarding(_ definition: TransactionDefinition) -> TransactionDefinition {
        TransactionDefinition(definition.key, definition.kind) { input in
            var plan = try definition.plan(input)
            plan.steps = plan.steps.map { self.guarding($0) }
            return plan
        }
    }

    private func guarding(_ step: PlannedStep) -> PlannedStep {
        if step.shape.kind == .computed { return step }
        var guarded = step
        guarded.action = { call in
            try self.pass(CrashPoint(.action(step.shape.name), .before))
            let result = try await step.action(call)
            try self.pass(CrashPoint(.action(step.shape.name), .after))
            return result
        }
        if let compensation = step.compensation {
            guarded.compensation = { call in
                try self.pass(CrashPoint(.compensation(step.shape.name), .before))
                try await compensation(call)
                try self.pass(CrashPoint(.compensation(step.shape.name), .after))
            }
        }
        return guarded
    }
}

/// A journal as a process sees it that may crash before and after each durable write.
final class GatedJournal: TransactionAdministration {
    private let base: any TransactionAdministration
    private let gate: CrashGate

    init(_ base: any TransactionAdministration, _ gate: CrashGate) {
        self.base = base
        self.gate = gate
    }

    var guarantee: Guarantee { self.base.guarantee }

    private func pass(_ point: CrashPoint) throws(TransactionError) {
        do {
            try self.gate.pass(point)
        } catch {
            throw TransactionError(.closed, error.description)
        }
    }

    /// Nothing of a process that has crashed reaches the journal.
    private func check() throws(TransactionError) {
        if self.gate.crash.isFired { throw TransactionError(.closed, CrashGate.Crashed().description) }
    }

    func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        try self.check()
        return try await self.base.enlist(owner, for: lease)
    }

    func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError) -> [TransactionID]? {
        try self.check()
        return try await self.base.renew(coordinator, for: lease)
    }

    func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        try self.pass(CrashPoint(.write, .before))
        let outcome = try await self.base.begin(transaction, by: coordinator)
        try self.pass(CrashPoint(.write, .after))
        return outcome
    }

    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try self.pass(CrashPoint(.write, .before))
        let isDone = try await self.base.append(
            entries, to: transaction, state: state, durability: durability, by: coordinator)
        try self.pass(CrashPoint(.write, .after))
        return isDone
    }

    func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        try self.check()
        return try await self.base.claim(upTo: limit, of: definitions, by: coordinator)
    }

    func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        try self.check()
        return try await self.base.read(transaction)
    }

    func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError) {
        try self.check()
        try await self.base.waitForChange(of: transaction, since: entries, upTo: limit)
    }

    func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary] {
        try self.check()
        return try await self.base.list(states, limit: limit, after: last)
    }

    func counts() async throws(TransactionError) -> [TransactionState: Int] {
        try self.check()
        return try await self.base.counts()
    }

    func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        try self.check()
        return try await self.base.requestCancellation(of: transaction)
    }

    func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        try self.check()
        return try await self.base.intervene(entries, in: transaction, state: state, after: count)
    }
}
