#if Postgres
import ColonyCore
import ColonyMemory
import ColonyPostgres
import ColonyQueues
import ColonySimulation
import ColonyTransactions
import Testing

@Suite(
    "A message in the outbox of a PostgreSQL database", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct PostgresOutboxTests {
    /// The case that a reader with a remembered place loses: a low number that is committed after a higher one was sent.
    @Test func outboxSkipsNothing() async throws {
        let bench = try await PostgresOutboxBench()
        let (late, early, ghost) = (
            try RawClient(bench.server), try RawClient(bench.server), try RawClient(bench.server)
        )
        try await bench.relaying(to: bench.memory) { relay in
            try late.run("BEGIN")
            try PostgresOutboxBench.add("late", by: late)
            try ghost.run("BEGIN")
            try PostgresOutboxBench.add("ghost", by: ghost)
            try early.run("BEGIN")
            try PostgresOutboxBench.add("early", by: early)
            try early.run("COMMIT")
            // Neither does the open transaction hold it up.
            try await eventually("the early one is sent") { relay.statistics.sent == 1 }
            #expect(try early.run("SELECT count(*) FROM colony_outbox") == "0")
            try late.run("COMMIT")
            try ghost.run("ROLLBACK")
            try await eventually("the late one is sent") { relay.statistics.sent == 2 }
        }
        #expect(try await bench.texts() == ["early", "late"])
    }

    @Test
    func
        `of many transactions that overlap, commit in any order, and are taken back, all that were committed are sent once`()
        async throws
    {
        let bench = try await PostgresOutboxBench()
        let clients = try (0..<6).map { _ in try RawClient(bench.server) }
        let (committed, last) = try await bench.relaying(to: bench.memory, batch: 3) { relay in
            var random = SeededGenerator(seed: Seed(rawValue: 9))
            var open: [Int: [String]] = [:]
            var committed: [String] = []
            for step in 0..<1_500 {
                let index = Int.random(in: 0..<clients.count, using: &random)
                let client = clients[index]
                guard let texts = open[index] else {
                    try client.run("BEGIN")
                    open[index] = []
                    continue
                }
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    try client.run("COMMIT")
                    committed += texts
                    open[index] = nil
                case 1 where step % 3 == 0:
                    try client.run("ROLLBACK")
                    open[index] = nil
                default:
                    let text = "\(index)/\(step)"
                    try PostgresOutboxBench.add(text, key: "\(index)", by: client)
                    open[index] = texts + [text]
                }
            }
            for (index, texts) in open {
                try clients[index].run("COMMIT")
                committed += texts
            }
            try await bench.drained()
            try await eventually("all are counted") { relay.statistics.sent == UInt64(committed.count) }
            return (committed, relay.statistics)
        }
        #expect(committed.count > 300 && last.duplicates == 0)
        let found = try await bench.texts()
        #expect(found.sorted() == committed.sorted())
        // The transactions of one client come one after the other, so its messages do too.
        for index in 0..<clients.count {
            let prefix = "\(index)/"
            let order = committed.filter { $0.hasPrefix(prefix) }
            #expect(found.filter { $0.hasPrefix(prefix) } == order)
        }
    }

    @Test func `is in its queue once, and in the order of its key, although answers are lost and the server is killed`()
        async throws
    {
        let bench = try await PostgresOutboxBench()
        let faulty = FaultyQueueEngine(bench.memory, clock: HostClock(), seed: 3) { call, generator in
            guard call.member == .publish else { return nil }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: return .errorBefore
            case 1: return .errorAfter
            default: return nil
            }
        }
        for round in 0..<2 {
            let client = try RawClient(bench.server)
            for number in 0..<300 { try PostgresOutboxBench.add("\(round * 300 + number)", key: "k", by: client) }
            try await bench.relaying(to: faulty, batch: 10) { relay in
                try await eventually("some are sent") { relay.statistics.sent > 30 }
                bench.server.kill()
                try await eventually("the relay has noticed") { relay.statistics.failures > 0 }
                try await bench.server.start()
                try await bench.drained()
            }
        }
        #expect(try await bench.texts() == (0..<600).map(String.init))
    }

    @Test func `keeps everything that it was added with, also by a program of another kind`() async throws {
        let bench = try await PostgresOutboxBench()
        let client = try RawClient(bench.server)
        let messages = [
            OutgoingMessage(
                [0, 255, 16], key: "kéy", priority: 9, deduplicationID: "mine", headers: ["a": "\"\\\n", "b": ""]),
            OutgoingMessage([], availability: .after(.seconds(10))),
            OutgoingMessage([1], availability: .at(WallTime(millisecondsSince1970: 77))),
        ]
        for message in messages { try PostgresOutboxBench.add(message, by: client) }
        try client.run(
            "INSERT INTO colony_outbox (queue, body, headers) VALUES ('work', 'plain', '{\"n\": 1, \"o\": {\"x\": null}, \"z\": null}')"
        )
        let found = try await bench.outbox.next(10, for: "work")
        #expect(Array(found.map(\.content).prefix(3)) == messages)
        #expect(found[3].content.headers == ["n": "1", "o": "{\"x\": null}", "z": ""])
        #expect(found[3].content.body == Array("plain".utf8) && found[3].content.priority == 4)
        #expect(Set(found.map(\.identity)).count == 4 && found.allSatisfy { $0.identity.count == 32 })
        #expect(try await bench.outbox.next(2, for: "work").map(\.number) == found.prefix(2).map(\.number))
        let now = SystemWallClock().now.millisecondsSince1970
        #expect(abs(found[0].addedAt.millisecondsSince1970 - now) < 60_000)
        let nul = #expect(throws: TransactionError.self) {
            try PostgresOutbox.addition(of: OutgoingMessage([], headers: ["h": "a\0"]), to: "work")
        }
        #expect(nul?.code == .invalidRequest && nul?.message.contains("\"h\"") == true)
        // Large ones are read a few at a time.
        for _ in 0..<12 {
            try PostgresOutboxBench.add(
                OutgoingMessage(Array(repeating: 7, count: MessageLimits.bodyBytes)), to: "large", by: client)
        }
        #expect(try await bench.outbox.next(100, for: "large").count == 8)
        #expect(try await bench.outbox.queues(limit: 10) == ["large", "work"])
        #expect(try await bench.outbox.queues(limit: 1) == ["large"])
    }

    @Test func `that its queue refuses is set aside, and one relay works at a time`() async throws {
        let bench = try await PostgresOutboxBench()
        let client = try RawClient(bench.server)
        for text in ["1", "2", "3"] { try PostgresOutboxBench.add(text, key: "k", by: client) }
        // As a program of another version might, past the checks.
        try client.run("ALTER TABLE colony_outbox DROP CONSTRAINT colony_outbox_priority_check")
        try client.run("UPDATE colony_outbox SET priority = 12 WHERE number < 3")
        let other = PostgresOutbox(try bench.server.options())
        let second = OutboxRelay(other, to: bench.memory, options: try PostgresOutboxBench.options())
        let secondRun = try await bench.relaying(to: bench.memory) { relay in
            try await eventually("one is sent and two are parked") {
                relay.statistics.sent == 1 && relay.statistics.parked == 2
            }
            let run = Task { try await second.run() }
            let parked = try await bench.outbox.parked(after: 0, limit: 10)
            #expect(parked.map(\.message.number) == [1, 2] && parked.allSatisfy { $0.reason.contains("12") })
            try client.run("UPDATE colony_outbox SET priority = 4")
            #expect(try await bench.outbox.drop(1))
            #expect(try await !bench.outbox.drop(1))
            #expect(try await bench.outbox.release(2))
            #expect(try await !bench.outbox.release(2))
            try await eventually("the released one is sent") { relay.statistics.sent == 2 }
            #expect(!second.statistics.isActive)
            return run
        }
        // The first has ended and given its lease back.
        try await eventually("the second works") { second.statistics.isActive }
        try PostgresOutboxBench.add("4", key: "k", by: client)
        try await eventually("the second sends") { second.statistics.sent == 1 }
        secondRun.cancel()
        try await secondRun.value
        #expect(try await bench.texts() == ["3", "2", "4"])
        // A lease that nobody gives back runs out.
        let ada: OwnerID = "ada"
        #expect(try await bench.outbox.claim(ada, for: .seconds(4)))
        #expect(try await !other.claim("bob", for: .seconds(10)))
        try await eventually("the lease has run out") { try await other.claim("bob", for: .seconds(10)) }
        #expect(try await !bench.outbox.claim(ada, for: .seconds(10)))
        await other.close()
    }

    @Test func `a database without the tables says what is missing, and a closed outbox that it is closed`()
        async throws
    {
        let server = try await PostgresProcess()
        let outbox = PostgresOutbox(try server.options())
        let error = await #expect(throws: TransactionError.self) { _ = try await outbox.queues(limit: 1) }
        #expect(error?.code == .storageFailed && error?.message.contains("installation") == true)
        try server.psql(
            "CREATE SCHEMA \"odd \"\"name\"; SET search_path = \"odd \"\"name\"; \(PostgresOutbox.installation)")
        let other = PostgresOutbox(try server.options(), tablesIn: "odd \"name")
        #expect(try await other.queues(limit: 1) == [])
        await other.close()
        await outbox.close()
        let closed = await #expect(throws: TransactionError.self) { _ = try await outbox.status() }
        #expect(closed?.code == .closed)
    }
}
#endif
