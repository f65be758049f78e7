#if Postgres
import ColonyCore
import ColonyMemory
import ColonyPostgres
import ColonyTransactions
import Foundation
import Testing

@Suite(
    "Two-phase commit over PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct TwoPhaseTests {
    private struct Trouble: Error {}

    /// Two databases, of one server or of two, with an account of 100 each.
    private struct Bank {
        let servers: [PostgresProcess]
        let journal = MemoryTransactionJournal()
        let first: PostgresParticipant
        let second: PostgresParticipant
        let transfer: TwoPhaseCommit

        init(servers: [PostgresProcess]) async throws {
            self.servers = servers
            for database in ["bank_a", "bank_b"] { try servers[0].psql("CREATE DATABASE \(database)") }
            for (server, database) in [(servers[0], "bank_a"), (servers[servers.count - 1], "bank_b")] {
                if server !== servers[0] { try server.psql("CREATE DATABASE \(database)") }
                let client = try PostgresClient(server, database: database)
                _ = try client.run("CREATE TABLE accounts (id int PRIMARY KEY, balance int CHECK (balance >= 0))")
                _ = try client.run("INSERT INTO accounts VALUES (1, 100)")
            }
            self.first = try Self.participant("a", servers[0], "bank_a")
            self.second = try Self.participant("b", servers[servers.count - 1], "bank_b")
            self.transfer = try TwoPhaseCommit("transfer", participants: [self.first, self.second])
        }

        static func make() async throws -> Bank {
            try await Bank(servers: [PostgresProcess(["max_prepared_transactions=20"])])
        }

        static func participant(
            _ name: StepName, _ server: PostgresProcess, _ database: String
        ) throws -> PostgresParticipant {
            var options = try server.options()
            options.database = database
            return try PostgresParticipant(name, options)
        }

        func coordinator() throws -> TransactionCoordinator {
            try TransactionCoordinator(self.journal, definitions: [self.transfer])
        }

        func sweeper(bound: Duration = .zero) throws -> OrphanSweeper {
            try OrphanSweeper(self.journal, participants: [self.first, self.second], bound: bound)
        }

        func move(_ amount: Int, by work: TwoPhaseWork) async throws {
            try await work.prepare(self.first, Self.add(-amount))
            try await work.prepare(self.second, Self.add(amount))
        }

        static func add(_ amount: Int) -> PostgresParticipant.Work {
            { database in
                let answer = try await database.query(
                    "UPDATE accounts SET balance = balance + $1 WHERE id = $2", ["\(amount)", "1"])
                guard answer.count == 1 else { throw Trouble() }
            }
        }

        func balances() throws -> [String] {
            try [(self.servers[0], "bank_a"), (self.servers[self.servers.count - 1], "bank_b")].map {
                server, database in
                let client = try PostgresClient(server, database: database)
                // Does not wait for a lock that nobody ever gives back.
                _ = try client.run("SET lock_timeout = '20s'")
                return try client.run("SELECT balance::text FROM accounts FOR UPDATE")[0][0] ?? ""
            }
        }

        func prepared() throws -> String {
            try self.servers[0].psql("SELECT count(*) FROM pg_prepared_xacts")
        }
    }

    @Test func `commits in two databases of one server, and in two servers`() async throws {
        for count in 1...2 {
            var servers: [PostgresProcess] = []
            for _ in 0..<count { servers.append(try await PostgresProcess(["max_prepared_transactions=20"])) }
            let bank = try await Bank(servers: servers)
            let coordinator = try bank.coordinator()
            let value = try await coordinator.run {
                try await coordinator.execute(bank.transfer) { work in
                    try await bank.move(30, by: work)
                    return work.id
                }
            }
            #expect(try bank.balances() == ["70", "130"])
            #expect(try bank.prepared() == "0")
            let record = try #require(try await bank.journal.read(value))
            #expect(record.summary.kind == .twoPhase && record.summary.state == .completed)
            #expect(Set(record.outline.map(\.name)) == ["a", "b"])
        }
    }

    @Test func `that is refused by one leaves nothing anywhere, and writes nothing down`() async throws {
        let bank = try await Bank.make()
        let coordinator = try bank.coordinator()
        try await coordinator.run {
            let error = await #expect(throws: TwoPhaseError.self) {
                try await coordinator.execute(bank.transfer) { work in
                    try await work.prepare(bank.second, Bank.add(200))
                    // The second breaks a rule of its table.
                    try await work.prepare(bank.first, Bank.add(-200))
                }
            }
            #expect(error?.code == .refused && error?.cause as? SQLState == SQLState(rawValue: "23514"))
            await #expect(throws: Trouble.self) {
                try await coordinator.execute(bank.transfer) { work in
                    try await bank.move(10, by: work)
                    throw Trouble()
                }
            }
        }
        #expect(try bank.balances() == ["100", "100"])
        #expect(try bank.prepared() == "0")
        #expect(try await bank.journal.counts().values.reduce(0, +) == 0)
    }

    @Test func `an error that the work swallows is no promise`() async throws {
        let bank = try await Bank.make()
        let coordinator = try bank.coordinator()
        try await coordinator.run {
            let error = await #expect(throws: TwoPhaseError.self) {
                try await coordinator.execute(bank.transfer) { work in
                    try await work.prepare(bank.second, Bank.add(10))
                    try? await work.prepare(bank.first) { database in
                        _ = try? await database.query("UPDATE accounts SET balance = -1")
                    }
                }
            }
            #expect(error?.code == .refused)
            // The connections of the pool are as good as before.
            try await coordinator.execute(bank.transfer) { work in try await bank.move(1, by: work) }
        }
        #expect(try bank.balances() == ["99", "101"])
    }

    @Test func `a participant that was not named, or is asked twice, ends it`() async throws {
        let bank = try await Bank.make()
        let coordinator = try bank.coordinator()
        let stranger = try Bank.participant("a", bank.servers[0], "bank_a")
        try await coordinator.run {
            for participant in [stranger, bank.second] {
                let error = await #expect(throws: TwoPhaseError.self) {
                    try await coordinator.execute(bank.transfer) { work in
                        try await work.prepare(bank.second, Bank.add(10))
                        try? await work.prepare(participant, Bank.add(10))
                    }
                }
                #expect(error?.code == .invalidRequest)
            }
        }
        #expect(try bank.balances() == ["100", "100"])
        #expect(try bank.prepared() == "0")
    }

    @Test func `a server that prepares nothing is told with what to set`() async throws {
        let server = try await PostgresProcess()
        let participant = try PostgresParticipant("a", url: EngineURL(server.url))
        let error = await #expect(throws: TwoPhaseError.self) {
            try await participant.prepare("t") { database in try await database.query("CREATE TABLE never ()") }
        }
        #expect(error?.code == .unsupported && error?.message.contains("max_prepared_transactions") == true)
        #expect(error?.message.contains(PostgresProcess.password) == false)
        #expect(try server.psql("SELECT to_regclass('never') IS NULL") == "t")
        #expect(throws: InvalidName.self) {
            try PostgresParticipant("a", url: EngineURL(server.url), prefix: "it's")
        }
    }

    @Test func preparedOrphansResolved() async throws {
        let bank = try await Bank.make()
        // A coordinator was lost after the first prepare, and the server after that.
        try await bank.first.prepare("lost 'with' \\quotes", Bank.add(-50))
        // What is not ours is nobody's business.
        let other = try PostgresClient(bank.servers[0], database: "bank_b")
        _ = try other.run("BEGIN")
        _ = try other.run("CREATE TABLE foreign_table ()")
        _ = try other.run("PREPARE TRANSACTION 'somebody else'")
        bank.servers[0].kill()
        try await bank.servers[0].start()
        try await eventually("the participants are back") {
            let report = try await bank.sweeper(bound: .seconds(3_600)).sweep()
            return report.failures.isEmpty && report.inDoubt == 1
        }
        #expect(try bank.prepared() == "2")
        let sweeper = try bank.sweeper()
        let report = await sweeper.sweep()
        #expect(report.aborted == 1 && report.committed == 0 && report.inDoubt == 1 && report.failures == [:])
        #expect(try #require(report.oldest) > .zero)
        #expect(sweeper.report == report)
        #expect(await sweeper.sweep().inDoubt == 0)
        #expect(try bank.prepared() == "1")
        #expect(try bank.balances() == ["100", "100"])
        _ = try PostgresClient(bank.servers[0], database: "bank_b").run("ROLLBACK PREPARED 'somebody else'")
    }

    @Test func `what was decided is committed by whoever comes next: a coordinator, or a sweeper`() async throws {
        for sweeps in [true, false] {
            let bank = try await Bank.make()
            // Decides, and cannot reach anybody any more.
            let id: TransactionID = "decided"
            try await bank.first.prepare(id, Bank.add(-50))
            try await bank.second.prepare(id, Bank.add(50))
            let token = try await bank.journal.enlist(.unique(), for: .seconds(1))
            let steps = [StepOutline("a", .retryable, after: []), StepOutline("b", .retryable, after: [])]
            let now = SystemWallClock().now
            let decision = NewTransaction(
                id: id, kind: .twoPhase, label: "transfer", definition: bank.transfer.key, outline: steps,
                input: Array(#"["a","b"]"#.utf8), timeout: nil, startedAt: now,
                entries: [JournalEntry(at: now, .started(step: 0)), JournalEntry(at: now, .started(step: 1))],
                state: .running)
            #expect(try await bank.journal.begin(decision, by: token) == .begun)
            _ = try await bank.journal.renew(token, for: .zero)
            if sweeps {
                let report = await (try bank.sweeper()).sweep()
                #expect(report.committed == 2 && report.aborted == 0 && report.failures == [:])
            }
            let coordinator = try bank.coordinator()
            try await coordinator.run {
                try await eventually("it has ended") {
                    try await bank.journal.read(id)?.summary.state == .completed
                }
            }
            #expect(try bank.balances() == ["50", "150"])
            #expect(try bank.prepared() == "0")
        }
    }

    @Test func `a coordinator that was taken for dead aborts as well`() async throws {
        let bank = try await Bank.make()
        let coordinator = try bank.coordinator()
        try await coordinator.run {
            let error = await #expect(throws: TwoPhaseError.self) {
                try await coordinator.execute(bank.transfer) { work in
                    try await work.prepare(bank.first, Bank.add(-10))
                    // It is stopped here for longer than the bound.
                    let report = await (try bank.sweeper()).sweep()
                    #expect(report.aborted == 1)
                    try await work.prepare(bank.second, Bank.add(10))
                }
            }
            #expect(error?.code == .aborted)
        }
        #expect(try bank.balances() == ["100", "100"])
        #expect(try bank.prepared() == "0")
    }

    @Test func `a caller that is cancelled before the decision leaves nothing`() async throws {
        let bank = try await Bank.make()
        let coordinator = try bank.coordinator()
        try await coordinator.run {
            let caller = Task {
                try await coordinator.execute(bank.transfer) { work in
                    try await work.prepare(bank.first, Bank.add(-10))
                    try await work.prepare(bank.second) { database in
                        try await database.query("SELECT pg_sleep(10)")
                    }
                }
            }
            try await eventually("it is at work") {
                try bank.servers[0].psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
            }
            caller.cancel()
            await #expect(throws: (any Error).self) { try await caller.value }
        }
        #expect(try bank.balances() == ["100", "100"])
        #expect(try bank.prepared() == "0")
    }

    @Test func `many at a time keep the sum, with few connections`() async throws {
        let bank = try await Bank.make()
        let coordinator = try bank.coordinator()
        try await coordinator.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<30 {
                    group.addTask {
                        try? await coordinator.execute(bank.transfer) { work in
                            try await bank.move(number % 7, by: work)
                            if number % 5 == 0 { throw Trouble() }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let moved = (0..<30).filter { $0 % 5 != 0 }.reduce(0) { $0 + $1 % 7 }
        #expect(try bank.balances() == ["\(100 - moved)", "\(100 + moved)"])
        #expect(try bank.prepared() == "0")
    }
}
#endif
