import ColonyCore
import ColonyPostgres
import ColonySQLite
import ColonyTransactions
import ColonyWorkloads
import Synchronization

/// Two-phase commits over two databases, each of them an update of one row of its task.
struct TwoPhaseLoad: Sendable {
    let coordinator: TransactionCoordinator
    private let commit: TwoPhaseCommit
    private let left: PostgresParticipant
    private let right: PostgresParticipant
    private let tasks: Int

    init(_ server: TransactionServer, folder: String, tasks: Int) throws {
        let options = "connections=\(tasks)"
        self.left = try PostgresParticipant("left", url: EngineURL(server.url(of: "left", options)))
        self.right = try PostgresParticipant("right", url: EngineURL(server.url(of: "right", options)))
        self.commit = try TwoPhaseCommit("bench", participants: [self.left, self.right])
        self.coordinator = try TransactionCoordinator(
            .sqlite(path: "\(folder)/colony.db"), definitions: [self.commit])
        self.tasks = tasks
    }

    /// Commits until the time is over.
    func run(for span: Duration, clock: any MonotonicClock) async throws -> (count: Int, rate: Double) {
        let start = clock.now
        let end = start.advanced(by: span)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 1...self.tasks {
                group.addTask {
                    var count = 0
                    while clock.now < end {
                        try await self.commit(account: task)
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return (count, Double(count) / start.duration(to: clock.now).inSeconds)
    }

    private func commit(account: Int) async throws {
        let sql = "UPDATE account SET balance = balance + $1 WHERE id = $2"
        let parameters = ["1", "\(account)"]
        try await self.coordinator.execute(self.commit) { work in
            async let left: Void = work.prepare(self.left) { try await $0.query(sql, parameters) }
            async let right: Void = work.prepare(self.right) { try await $0.query(sql, parameters) }
            _ = try await (left, right)
        }
    }
}
