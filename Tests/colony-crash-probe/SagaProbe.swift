import ColonyCore
import ColonySQLite
import ColonyTransactions

/// Sagas for a test to kill.
enum SagaProbe {
    static func run(_ journal: SQLiteTransactionJournal, count: Int) async throws {
        let saga = try Self.saga()
        let coordinator = try TransactionCoordinator(
            journal, definitions: [saga],
            options: CoordinatorOptions(lease: .milliseconds(500), pollInterval: .milliseconds(50)))
        try await coordinator.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for number in stride(from: task, to: count, by: 8) {
                            let handle = try await coordinator.start(saga, number, id: TransactionID("s-\(number)"))
                            _ = try await handle.outcome()
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        await journal.close()
    }

    private static func saga() throws -> Saga<Int, Int> {
        try Saga<Int, Int>("order") { saga in
            let stock = saga.step("stock") { call in
                try await Self.act("stock", call)
                return call.input
            } compensation: { call in
                say("\(call.transaction) -stock")
            }
            saga.step("payment") { call in
                try await Self.act("payment", call)
            } compensation: { call in
                say("\(call.transaction) -payment")
            }
            let rest = saga.pivot("parcel") { call in
                if call.input % 3 == 0 { throw Refusal("every third is refused") }
                try await Self.act("parcel", call)
            }
            rest.retryable("mail") { call in try await Self.act("mail", call) }
            return rest.result { call in try call[stock] }
        }
    }

    /// Takes a moment, so that processes are killed in the middle of it.
    private static func act(_ step: String, _ call: StepCall<Int>) async throws {
        say("\(call.transaction) \(step)")
        try await HostClock().sleep(for: .milliseconds(3))
    }
}
