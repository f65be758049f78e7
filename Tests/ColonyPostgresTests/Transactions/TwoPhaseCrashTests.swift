#if Postgres
import ColonyCore
import ColonyMemory
import ColonyPostgres
import ColonyResilience
import ColonyTransactions
import Synchronization
import Testing

@Suite(
    "Two-phase commit over servers that are killed", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct TwoPhaseCrashTests {
    /// What was begun, and of which it was told that it is committed.
    private final class Tally: Sendable {
        private let sets = Mutex<(begun: Set<String>, committed: Set<String>)>(([], []))
        private let over = Atomic(false)

        var committed: Set<String> { self.sets.withLock { $0.committed } }
        var failed: Set<String> { self.sets.withLock { $0.begun.subtracting($0.committed) } }
        var isOver: Bool { self.over.load(ordering: .acquiring) }

        func begin(_ id: TransactionID) { self.sets.withLock { _ = $0.begun.insert(id.rawValue) } }
        func commit(_ id: TransactionID) { self.sets.withLock { _ = $0.committed.insert(id.rawValue) } }
        func end() { self.over.store(true, ordering: .releasing) }
    }

    private struct Teller: Sendable {
        let coordinator: TransactionCoordinator
        let entry: TwoPhaseCommit
        let first: PostgresParticipant
        let second: PostgresParticipant
        let tally: Tally

        /// Enters one identifier after the other into both books, until it is told to stop.
        func work() async {
            while !self.tally.isOver {
                do {
                    let id = try await self.coordinator.execute(self.entry, waitingUpTo: .seconds(1)) { work in
                        self.tally.begin(work.id)
                        let text = work.id.rawValue
                        let insert: PostgresParticipant.Work = { database in
                            try await database.query("INSERT INTO ledger VALUES ($1)", [text])
                        }
                        try await work.prepare(self.first, insert)
                        try await work.prepare(self.second, insert)
                        return work.id
                    }
                    self.tally.commit(id)
                } catch {
                    try? await HostClock().sleep(for: .milliseconds(5))
                }
            }
        }
    }

    private static func participant(_ name: StepName, _ server: PostgresProcess) throws -> PostgresParticipant {
        var options = try server.options()
        options.timeout = .seconds(5)
        return try PostgresParticipant(name, options, workLimit: .seconds(10))
    }

    @Test func `what is in one database is in the other, whenever a server is killed`() async throws {
        let servers = [
            try await PostgresProcess(["max_prepared_transactions=20"]),
            try await PostgresProcess(["max_prepared_transactions=20"]),
        ]
        for server in servers { try server.psql("CREATE TABLE ledger (tx text PRIMARY KEY)") }
        let first = try Self.participant("a", servers[0])
        let second = try Self.participant("b", servers[1])
        let policy = try StepPolicy(
            timeout: .seconds(5), delays: RetryDelays(from: .milliseconds(20), upTo: .seconds(1)))
        let entry = try TwoPhaseCommit("entry", participants: [first, second], policy: policy)
        let journal = MemoryTransactionJournal()
        let coordinator = try TransactionCoordinator(journal, definitions: [entry])
        let sweeper = try OrphanSweeper(
            journal, participants: [first, second], bound: .milliseconds(200), interval: .milliseconds(100))
        let tally = Tally()
        let teller = Teller(coordinator: coordinator, entry: entry, first: first, second: second, tally: tally)
        try await coordinator.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sweeper.run() }
                for _ in 0..<6 { group.addTask { await teller.work() } }
                for round in 0..<4 {
                    let before = tally.committed.count
                    try await eventually("work goes on") { tally.committed.count > before + 20 }
                    servers[round % 2].kill()
                    try await servers[round % 2].start()
                }
                tally.end()
                try await eventually("everything has ended") {
                    let counts = try await journal.counts()
                    let isOpen = [.running, .compensating, .stuck].contains { counts[$0, default: 0] > 0 }
                    let report = await sweeper.sweep()
                    return !isOpen && report.inDoubt == 0 && report.failures == [:]
                }
                group.cancelAll()
            }
        }
        let ledgers = try servers.map { server in
            Set(try server.psql("SELECT tx FROM ledger").split(separator: "\n").map(String.init))
        }
        #expect(ledgers[0] == ledgers[1])
        #expect(ledgers[0] == tally.committed)
        #expect(ledgers[0].isDisjoint(with: tally.failed))
        #expect(tally.committed.count > 80)
        for server in servers { #expect(try server.psql("SELECT count(*) FROM pg_prepared_xacts") == "0") }
    }
}
#endif
