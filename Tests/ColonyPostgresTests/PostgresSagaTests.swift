#if Postgres
import ColonyCore
import ColonyPostgres
import ColonyResilience
import ColonyTransactions
import Synchronization
import Testing

/// Accounts in memory: each call acts once for its key, and what was undone before it was done is never done.
private final class Accounts: Sendable {
    private struct State {
        var effects: Set<String> = []
        var undone: Set<String> = []
        var begun = 0
    }

    private let state = Mutex(State())
    private let clock = HostClock()

    var effects: Set<String> { self.state.withLock { $0.effects } }
    /// How many sagas are known to have begun.
    var begun: Int { self.state.withLock { $0.begun } }

    func began() { self.state.withLock { $0.begun += 1 } }

    func act(_ effect: String) async throws {
        try await self.clock.sleep(for: .milliseconds(3))
        self.state.withLock { state in
            if !state.undone.contains(effect) { state.effects.insert(effect) }
        }
    }

    func undo(_ effect: String) async throws {
        try await self.clock.sleep(for: .milliseconds(3))
        self.state.withLock { state in
            state.undone.insert(effect)
            state.effects.remove(effect)
        }
    }

    /// A saga whose pivot refuses every third number.
    func transfer() throws -> Saga<Int, Int> {
        let policy = try StepPolicy(delays: try RetryDelays(from: .milliseconds(10), upTo: .milliseconds(200)))
        return try Saga<Int, Int>("transfer") { saga in
            saga.step("debit", policy: policy) { call in
                try await self.act("\(call.input)/debit")
            } compensation: { call in
                try await self.undo("\(call.input)/debit")
            }
            saga.step("hold", policy: policy) { call in
                try await self.act("\(call.input)/hold")
            } compensation: { call in
                try await self.undo("\(call.input)/hold")
            }
            let rest = saga.pivot("credit", policy: policy) { call in
                if call.input.isMultiple(of: 3) { throw Refusal("the account is closed") }
                try await self.act("\(call.input)/credit")
            }
            rest.retryable("mail", policy: policy) { call in try await self.act("\(call.input)/mail") }
            return rest.result { call in call.input }
        }
    }
}

@Suite(
    "Sagas on PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct PostgresSagaTests {
    @Test func `come to their ends although their server is killed in the middle of them, again and again`()
        async throws
    {
        let server = try await PostgresProcess()
        let accounts = Accounts()
        let transfer = try accounts.transfer()
        let count = 240
        let options = try server.options { $0.timeout = .seconds(3) }
        let journals = [PostgresTransactionJournal(options), PostgresTransactionJournal(options)]
        let limits = try CoordinatorOptions(lease: .seconds(5), pollInterval: .milliseconds(200))
        let coordinators = try journals.map {
            try TransactionCoordinator($0, definitions: [transfer], options: limits)
        }
        let running = coordinators.map { coordinator in Task { try await coordinator.run() } }
        let states = try await withThrowingTaskGroup(of: [Int: TransactionState].self) { group in
            for worker in 0..<24 {
                let coordinator = coordinators[worker % 2]
                group.addTask {
                    var states: [Int: TransactionState] = [:]
                    for number in stride(from: worker, to: count, by: 24) {
                        states[number] = try await Self.work(number, transfer, coordinator, accounts)
                    }
                    return states
                }
            }
            let deaths = Task {
                for death in 1...3 {
                    try await eventually("sagas are under way") { accounts.begun >= death * count / 5 }
                    server.kill()
                    try await server.start()
                }
            }
            var states: [Int: TransactionState] = [:]
            for try await part in group { states.merge(part) { _, last in last } }
            try await deaths.value
            return states
        }
        #expect(states.count == count)
        var expected: Set<String> = []
        for (number, state) in states {
            #expect(state == (number.isMultiple(of: 3) ? .compensated : .completed), "\(number)")
            if state == .completed {
                for step in ["debit", "hold", "credit", "mail"] { expected.insert("\(number)/\(step)") }
            }
        }
        #expect(accounts.effects == expected)
        let counts = try await journals[0].counts()
        #expect(counts == [.completed: count * 2 / 3, .compensated: count / 3])
        // No decision is there twice, and each follows from those before it.
        for number in 0..<count {
            let record = try #require(try await journals[1].read(try TransactionID("transfer-\(number)")))
            var progress = TransactionProgress(TransactionShape(record.outline))
            for entry in record.entries { try progress.apply(entry.event) }
            #expect(progress.state == states[number])
        }
        for task in running { task.cancel() }
        for task in running { _ = await task.result }
        for journal in journals { await journal.close() }
    }

    /// Starts a saga until it is begun, and waits until it has ended, whatever becomes of the server.
    private static func work(
        _ number: Int, _ saga: Saga<Int, Int>, _ coordinator: TransactionCoordinator, _ accounts: Accounts
    ) async throws -> TransactionState {
        let clock = HostClock()
        let id = try TransactionID("transfer-\(number)")
        let deadline = clock.now.advanced(by: .seconds(120))
        var hasBegun = false
        while clock.now < deadline {
            do {
                let handle = try await coordinator.start(saga, number, id: id)
                if !hasBegun { accounts.began() }
                hasBegun = true
                switch try await handle.outcome(upTo: .seconds(60)) {
                case .completed(let output):
                    #expect(output == number)
                    return .completed
                case .compensated(let cause, _):
                    #expect(cause == .refused)
                    return .compensated
                }
            } catch let error as TransactionError
                where [.unavailable, .notRunning, .timedOut].contains(error.code)
            {
                try await clock.sleep(for: .milliseconds(50))
            }
        }
        throw Disappointment(description: "the saga \(number) has not ended")
    }
}
#endif
