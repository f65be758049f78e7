public import ColonyCore
public import ColonyTransactions
import Synchronization

/// What the body of a ``TransactionJournalCase`` works with: two clients of one store, names that nobody else uses, and time.
///
/// Enlist coordinators and begin transactions through the context, so that what a case leaves open is brought to an end.
public struct TransactionJournalCaseContext: Sendable {
    /// One client of the store.
    public let journal: any TransactionAdministration
    /// Another client of the same store.
    public let other: any TransactionAdministration
    /// What made the clients.
    public let harness: any TransactionJournalHarness
    /// What all names of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String
    private let timeScale: Double
    private let traces = Traces()

    /// - Parameter timeScale: By what factor leases are shortened: at least that of the harness, at most 1.
    init(
        journal: any TransactionAdministration, other: any TransactionAdministration,
        harness: any TransactionJournalHarness, prefix: String, timeScale: Double
    ) {
        self.journal = journal
        self.other = other
        self.harness = harness
        self.prefix = prefix
        self.timeScale = timeScale
    }

    // MARK: Names and time

    /// The identifier of a transaction of this case.
    public func id(_ text: String = "t") throws -> TransactionID {
        let id = try TransactionID(self.prefix + text)
        self.traces.state.withLock { _ = $0.transactions.insert(id) }
        return id
    }

    /// A definition of this case.
    public func definition(_ text: String = "d", version: Int = 1) throws -> DefinitionKey {
        let key = DefinitionKey(try DefinitionName(self.prefix + text), version: version)
        self.traces.state.withLock { _ = $0.definitions.insert(key) }
        return key
    }

    /// A lease that does not run out while a case is running, however slow the machine.
    public var ample: Duration { .seconds(600) }

    /// A lease of ten seconds at the scale of the harness, for cases that wait until it runs out.
    public var brief: Duration { .seconds(10) * self.timeScale }

    /// Lets `part` of a brief lease pass on the store's clock.
    public func pass(_ part: Double) async throws {
        try await self.harness.advance(by: self.brief * part)
    }

    /// The full amount of something, reduced to the effort of the harness.
    public func amount(_ full: Int, atLeast minimum: Int = 1) -> Int {
        max(minimum, Int(Double(full) * self.harness.effort))
    }

    // MARK: Coordinators and transactions

    /// Enlists a coordinator, with an ample lease unless another is given.
    public func enlist(
        _ number: Int = 1, for lease: Duration? = nil, on journal: (any TransactionAdministration)? = nil
    ) async throws -> FencingToken {
        let owner = try OwnerID("\(self.prefix)owner-\(number)")
        let token = try await (journal ?? self.journal).enlist(owner, for: lease ?? self.ample)
        self.traces.state.withLock { _ = $0.coordinators.insert(token) }
        return token
    }

    /// A saga of three steps of which the first is begun.
    public func saga(_ id: TransactionID, _ definition: DefinitionKey? = nil) throws -> NewTransaction {
        let key = try definition ?? self.definition()
        return NewTransaction(
            id: id, kind: .saga, label: key.name, definition: key,
            outline: [
                StepOutline("stock", .compensable, after: [], hasCompensation: true),
                StepOutline("payment", .pivot, after: [0]), StepOutline("mail", .retryable, after: [1]),
            ],
            input: Array("an order".utf8), timeout: nil, startedAt: Self.start,
            entries: [JournalEntry(at: Self.start, .started(step: 0))], state: .running)
    }

    /// When the sagas of a case begin, for people.
    static let start = WallTime(millisecondsSince1970: 1_700_000_000_000)

    /// Begins a saga, which must not be there yet.
    public func begin(
        _ text: String = "t", by coordinator: FencingToken, _ definition: DefinitionKey? = nil,
        on journal: (any TransactionAdministration)? = nil
    ) async throws -> TransactionID {
        let id = try self.id(text)
        let outcome = try await (journal ?? self.journal).begin(self.saga(id, definition), by: coordinator)
        try expect(outcome == .begun, "\(id) was to begin, and was there")
        return id
    }

    /// Entries of a later moment than the beginning.
    public func entries(_ events: JournalEvent...) -> [JournalEntry] {
        events.enumerated().map { index, event in
            JournalEntry(
                at: WallTime(millisecondsSince1970: Self.start.millisecondsSince1970 + 1_000 + Int64(index)), event)
        }
    }

    /// Adds decisions that have to be taken.
    public func append(
        _ events: JournalEvent..., to id: TransactionID, state: TransactionState = .running,
        by coordinator: FencingToken,
        on journal: (any TransactionAdministration)? = nil
    ) async throws {
        let entries = events.map { JournalEntry(at: Self.start, $0) }
        let isDone = try await (journal ?? self.journal).append(
            entries, to: id, state: state, durability: .synced, by: coordinator)
        try expect(isDone, "\(id) belongs to \(coordinator), which could add nothing to it")
    }

    /// Fails if a coordinator can add to a transaction; then also if something was added all the same.
    public func expectNothingAdded(
        to id: TransactionID, by coordinator: FencingToken, _ who: String,
        on journal: (any TransactionAdministration)? = nil
    ) async throws {
        let before = try await self.journal.read(id)
        let isDone = try await (journal ?? self.journal).append(
            self.entries(.completed(step: 0, output: [])), to: id, state: .running, durability: .synced, by: coordinator
        )
        try expect(!isDone, "\(who) could add to \(id)")
        try expect(try await self.journal.read(id) == before, "what \(who) was refused changed \(id)")
    }

    /// Brings a saga to where it needs a person.
    public func stick(_ id: TransactionID, by coordinator: FencingToken) async throws {
        try await self.append(
            .stuck(step: 0, direction: .action, reason: "it was refused"), to: id, state: .stuck, by: coordinator)
    }

    /// What is known of a transaction that must be there.
    public func record(
        of id: TransactionID, on journal: (any TransactionAdministration)? = nil
    ) async throws -> TransactionRecord {
        try require(try await (journal ?? self.other).read(id), "\(id) is not there")
    }

    /// Claims transactions of a definition of this case.
    public func claim(
        upTo limit: Int = 100, _ definition: DefinitionKey? = nil, by coordinator: FencingToken,
        on journal: (any TransactionAdministration)? = nil
    ) async throws -> [TransactionRecord] {
        let key = try definition ?? self.definition()
        return try await (journal ?? self.journal).claim(upTo: limit, of: [key], by: coordinator).claimed
    }

    /// Fails unless a call is refused with `code`.
    public func expectRefusal(
        _ code: TransactionError.Code, _ what: String, _ call: () async throws -> Void
    ) async throws {
        do {
            try await call()
        } catch let error as TransactionError {
            try expect(
                error.code == code,
                "\(what) was refused with \(error.code), and \(code) was expected: \(error.message)")
            return
        }
        throw ConformanceFailure("\(what) was not refused with \(code)")
    }

    /// Starts a task whose end the case can wait for without being stuck if it never comes.
    public func start<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) -> LeaseCaseTask<Value> {
        LeaseCaseTask(operation)
    }

    /// Waits for a task that has to end at once, however busy the machine: for twenty seconds of real time.
    public func promptOutcome<Value: Sendable>(
        of task: LeaseCaseTask<Value>, _ what: String
    ) async throws -> Result<Value, any Error> {
        if let outcome = await task.outcome(within: .seconds(20)) { return outcome }
        task.cancel()
        throw ConformanceFailure("\(what) did not end promptly, not even within 20 seconds of real time")
    }

    // MARK: The end

    /// Ends what the case has left open, so that nobody has to wonder about it.
    func cleanUp() async throws {
        let traces = self.traces.state.withLock { $0 }
        for token in traces.coordinators { _ = try? await self.journal.renew(token, for: .zero) }
        let token = try await self.journal.enlist(try OwnerID("\(self.prefix)cleaner"), for: self.ample)
        let now = SystemWallClock().now
        for id in traces.transactions where try await self.journal.read(id)?.summary.state == .stuck {
            let count = try await self.journal.read(id)?.entries.count ?? 0
            _ = try await self.journal.intervene(
                [JournalEntry(at: now, .finished(.compensated))], in: id, state: .compensated, after: count)
        }
        // A journal that gives the same again and again must not keep this busy for ever.
        for _ in 0..<1_000 {
            try Task.checkCancellation()
            let claimed = try await self.journal.claim(
                upTo: TransactionLimits.batch, of: traces.definitions, by: token
            ).claimed
            if claimed.isEmpty { break }
            for record in claimed {
                _ = try await self.journal.append(
                    [JournalEntry(at: now, .finished(.compensated))], to: record.summary.id, state: .compensated,
                    durability: .written, by: token)
            }
        }
        _ = try await self.journal.renew(token, for: .zero)
    }
}

/// What a case has made.
private final class Traces: Sendable {
    struct State {
        var transactions: Set<TransactionID> = []
        var definitions: Set<DefinitionKey> = []
        var coordinators: Set<FencingToken> = []
    }

    let state = Mutex(State())
}
