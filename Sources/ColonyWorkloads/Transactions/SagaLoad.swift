import ColonyCore
import ColonyTransactions

/// Sagas that do nothing, many times.
enum SagaLoad {
    /// Three steps in a row, of which the last decides.
    static func saga() throws -> Saga<Int, Int> {
        try Saga<Int, Int>("bench") { saga in
            let first = saga.step("first") { call in
                call.input + 1
            } compensation: { _ in
            }
            saga.step("second") { _ in
            } compensation: { _ in
            }
            let (third, rest) = saga.pivot("third") { call in try call[first] + 1 }
            _ = rest
            return third
        }
    }

    /// Runs so many sagas, so many at a time.
    static func run(
        _ count: Int, of saga: Saga<Int, Int>, tasks: Int, on coordinator: TransactionCoordinator
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 1...max(1, min(tasks, count)) {
                group.addTask {
                    for number in stride(from: task, through: count, by: tasks) {
                        let result = try await coordinator.start(saga, number).result()
                        guard result == number + 2 else {
                            throw WorkloadError("a saga gave \(result) for \(number)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Writes so many sagas in the middle of their second step, by a coordinator that resigns.
    static func leave(
        _ count: Int, of saga: Saga<Int, Int>, in journal: some TransactionJournal, clock: any MonotonicClock
    ) async throws {
        let token = try await journal.enlist(.unique(), for: .seconds(600))
        let now = SystemWallClock().now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 1...256 {
                group.addTask {
                    for number in stride(from: task, through: count, by: 256) {
                        try await Self.leave(number, of: saga, in: journal, token, now)
                    }
                }
            }
            try await group.waitForAll()
        }
        _ = try await journal.renew(token, for: .zero)
    }

    private static func leave(
        _ number: Int, of saga: Saga<Int, Int>, in journal: some TransactionJournal, _ token: FencingToken,
        _ now: WallTime
    ) async throws {
        let id = TransactionID.unique()
        let plan = try saga.definition.value.plan([])
        let new = NewTransaction(
            id: id, kind: .saga, label: saga.key.name, definition: saga.key, outline: plan.shape.steps,
            input: Array("\(number)".utf8), timeout: nil, startedAt: now,
            entries: [JournalEntry(at: now, .started(step: 0))], state: .running)
        guard try await journal.begin(new, by: token) == .begun else {
            throw WorkloadError("the transaction \(id) is there already")
        }
        let entries = [
            JournalEntry(at: now, .completed(step: 0, output: Array("\(number + 1)".utf8))),
            JournalEntry(at: now, .started(step: 1)),
        ]
        guard try await journal.append(entries, to: id, state: .running, durability: .written, by: token) else {
            throw WorkloadError("the transaction \(id) was taken away")
        }
    }
}

/// Times the takeover of a coordinator.
struct ClaimWatch: Sendable {
    struct Times: Sendable {
        let first: Duration
        let all: Duration
        let ended: Duration
    }

    private let coordinator: TransactionCoordinator
    private let clock: any MonotonicClock
    private let start: MonotonicInstant
    private let events: AsyncStream<TransactionEvent>

    init(_ coordinator: TransactionCoordinator, clock: any MonotonicClock) {
        self.coordinator = coordinator
        self.clock = clock
        self.events = coordinator.events(keepingNewest: 1_000_000)
        self.start = clock.now
    }

    func wait(for count: Int) async throws -> Times {
        var claimed = 0
        var ended = 0
        var first: Duration?
        var all: Duration = .zero
        for await event in self.events {
            switch event {
            case .claimed:
                claimed += 1
                first = first ?? self.start.duration(to: self.clock.now)
                if claimed == count { all = self.start.duration(to: self.clock.now) }
            case .finished(_, .completed, _):
                ended += 1
            default:
                break
            }
            if ended == count {
                return Times(first: first ?? .zero, all: all, ended: self.start.duration(to: self.clock.now))
            }
        }
        throw WorkloadError("the coordinator ended before its \(count) transactions")
    }
}
