#if Postgres
import ColonyCore
import ColonyMemory
import ColonyPostgres
import ColonyTransactions
import Foundation
import Synchronization
import Testing

@Suite(
    "The barrier in a PostgreSQL database", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct PostgresBarrierTests {
    private struct Trouble: Error {}

    private static func server() async throws -> PostgresProcess {
        let server = try await PostgresProcess()
        try server.psql(PostgresBarrier.installation)
        try server.psql(PostgresBarrier.installation)
        try server.psql(
            """
            CREATE TABLE seats (free int, held int, sold int); INSERT INTO seats VALUES (5, 0, 0);
            CREATE TABLE done (tx text, operation text)
            """)
        return server
    }

    private static func call(_ operation: BarrierCall.Operation, _ transaction: TransactionID = "t") -> BarrierCall {
        BarrierCall(transaction: transaction, branch: "seats", operation: operation)
    }

    private static func work(_ operation: BarrierCall.Operation) -> String {
        switch operation {
        case .try: "UPDATE seats SET free = free - 1, held = held + 1"
        case .confirm: "UPDATE seats SET held = held - 1, sold = sold + 1"
        case .cancel: "UPDATE seats SET held = held - 1, free = free + 1"
        }
    }

    /// Does what a participant does with a call, in a transaction of a client of its own.
    @discardableResult
    private static func deliver(
        _ call: BarrierCall, by client: PostgresClient, isolation: String = "READ COMMITTED"
    ) async throws -> BarrierOutcome<String> {
        while true {
            do {
                return try await client.transaction(isolation: isolation) { run in
                    try await PostgresBarrier.once(call, running: { try run($0.sql, $0.parameters) }) {
                        _ = try run(Self.work(call.operation), [])
                        return "\(call.operation) \(try run("SELECT free FROM seats", [])[0][0] ?? "")"
                    }
                }
            } catch let failure as PostgresClient.Failure where failure.state == "40001" {
                continue
            }
        }
    }

    @Test func `a sweeper removes marks of what is over`() async throws {
        let server = try await Self.server()
        let client = try PostgresClient(server)
        try await Self.deliver(Self.call(.try, "over"), by: client)
        try await Self.deliver(Self.call(.try, "goes on"), by: client)
        let marks = PostgresBarrierMarks { statement in
            try PostgresClient(server).run(statement.sql, statement.parameters)
        }
        #expect(try await marks.transactions(after: nil, upTo: 10) == ["goes on", "over"])
        #expect(try await marks.transactions(after: "goes on", upTo: 10) == ["over"])
        try await marks.end(["over"])
        #expect(try await marks.sweep(endedFor: .seconds(3_600), upTo: 10) == 0)
        #expect(try await marks.sweep(endedFor: .zero, upTo: 10) == 1)
        #expect(try server.psql("SELECT string_agg(tx, ' ') FROM colony_barrier") == "goes on")
        let report = await (try BarrierSweeper(marks, MemoryTransactionJournal(), countingUnknown: true)).sweep()
        #expect(report.ended == 1 && report.failure == nil)
    }

    private static func seats(_ server: PostgresProcess) throws -> String {
        try server.psql("SELECT free || ' ' || held || ' ' || sold FROM seats")
    }

    @Test func emptyRollback() async throws {
        let server = try await Self.server()
        let client = try PostgresClient(server)
        for _ in 0..<2 {
            #expect(try await Self.deliver(Self.call(.cancel), by: client) == .empty)
        }
        #expect(try Self.seats(server) == "5 0 0")
        #expect(
            try server.psql("SELECT string_agg(operation || author, ' ' ORDER BY operation) FROM colony_barrier")
                == "cancelcancel trycancel")
    }

    @Test func hangingRefused() async throws {
        let server = try await Self.server()
        let client = try PostgresClient(server)
        func run(_ statement: PostgresBarrier.Statement) throws -> [[String?]] {
            try client.run(statement.sql, statement.parameters)
        }
        try await Self.deliver(Self.call(.cancel), by: client)
        #expect(try await Self.deliver(Self.call(.try), by: client) == .hanging)
        // Not said to be over, so no time of retention removes its marks.
        _ = try run(PostgresBarrier.sweeping(endedFor: .zero, upTo: 10))
        #expect(try await Self.deliver(Self.call(.try), by: client) == .hanging)
        #expect(try run(PostgresBarrier.transactions(upTo: 10)) == [["t"]])
        _ = try run(PostgresBarrier.ending(["t", "with \"quotes\" and \\"]))
        #expect(try run(PostgresBarrier.transactions(upTo: 10)) == [])
        // Said to be over, they stay for the time that was chosen.
        _ = try run(PostgresBarrier.sweeping(endedFor: .seconds(3_600), upTo: 10))
        #expect(try await Self.deliver(Self.call(.try), by: client) == .hanging)
        _ = try run(PostgresBarrier.sweeping(endedFor: .zero, upTo: 10))
        #expect(try server.psql("SELECT count(*) FROM colony_barrier") == "0")
        #expect(try Self.seats(server) == "5 0 0")
    }

    @Test func `decides as the value does, in all orders of five calls`() async throws {
        let server = try await Self.server()
        let client = try PostgresClient(server)
        var sequences: [[BarrierCall.Operation]] = [[]]
        for _ in 0..<5 {
            sequences = sequences.flatMap { head in BarrierCall.Operation.allCases.map { head + [$0] } }
        }
        for (number, sequence) in sequences.enumerated() {
            var marks: [BarrierCall.Operation: BarrierCall.Operation] = [:]
            for operation in sequence {
                let authors = BarrierDecision.marks(of: operation).map { mark -> BarrierCall.Operation? in
                    defer { marks[mark] = marks[mark] ?? operation }
                    return marks[mark]
                }
                let entry = PostgresBarrier.entry(of: Self.call(operation, TransactionID(stringLiteral: "t-\(number)")))
                let answer = try client.run(entry.sql, entry.parameters)
                #expect(
                    try PostgresBarrier.decision(answer[0][0]) == BarrierDecision(operation, authors: authors),
                    "\(sequence)")
            }
        }
    }

    @Test func `a repetition is answered like the first call, and work that throws leaves no mark`() async throws {
        let server = try await Self.server()
        let client = try PostgresClient(server)
        await #expect(throws: Trouble.self) {
            try await client.transaction { run in
                try await PostgresBarrier.once(Self.call(.try), running: { try run($0.sql, $0.parameters) }) {
                    _ = try run(Self.work(.try), [])
                    throw Trouble()
                }
            }
        }
        #expect(try Self.seats(server) == "5 0 0")
        #expect(try await Self.deliver(Self.call(.try), by: client) == .done("try 4"))
        try await Self.deliver(Self.call(.try, "other"), by: client)
        #expect(try await Self.deliver(Self.call(.try), by: client) == .repeated("try 4"))
        #expect(throws: PostgresBarrier.UnknownAnswer.self) { try PostgresBarrier.decision("maybe") }
    }

    @Test(arguments: ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]) func everyBranchIdempotent(
        isolation: String
    ) async throws {
        let server = try await Self.server()
        let clients = try (0..<6).map { _ in try PostgresClient(server) }
        for (operations, expected) in [
            ([BarrierCall.Operation.try], "4 1 0"), ([.try, .confirm], "3 1 1"), ([.try, .cancel], "3 1 1"),
        ] {
            let transaction = TransactionID.unique()
            for operation in operations {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in clients {
                        group.addTask {
                            try await Self.deliver(Self.call(operation, transaction), by: client, isolation: isolation)
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try Self.seats(server) == expected, "\(operations)")
        }
    }

    @Test func tryCancelRaceHasNoDeadlock() async throws {
        let server = try await Self.server()
        let clients = try (0..<6).map { _ in try PostgresClient(server) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, client) in clients.enumerated() {
                group.addTask {
                    for number in 0..<60 {
                        let transaction = TransactionID(stringLiteral: "t-\(number)")
                        // One tries, the others cancel, at the same time. A deadlock would end one of them with 40P01.
                        let operation: BarrierCall.Operation = (index + number) % 6 == 0 ? .try : .cancel
                        try await Self.deliver(Self.call(operation, transaction), by: client)
                    }
                }
            }
            try await group.waitForAll()
        }
        // Each try was cancelled, or came too late.
        #expect(try Self.seats(server) == "5 0 0")
    }

    @Test func partialTryIsCancelled() async throws {
        let server = try await Self.server()
        let client = try PostgresClient(server)
        let letters = Mutex<Set<String>>([])
        // The try writes a letter, which is in no database, and then finds that there is no seat.
        let booking = try TCC<Int, Int>("booking") { tcc in
            tcc.branch("seats") { call in
                letters.withLock { _ = $0.insert("letter") }
                return try await client.transaction { run in
                    try await PostgresBarrier.once(call.barrier, running: { try run($0.sql, $0.parameters) }) {
                        () throws -> Int in
                        _ = try run(Self.work(.try), [])
                        throw Refusal("no seat")
                    }.get()
                }
            } confirm: { _ in
            } cancel: { call in
                let outcome = try await client.transaction { run in
                    try await PostgresBarrier.once(call.barrier, running: { try run($0.sql, $0.parameters) }) {
                        _ = try run(Self.work(.cancel), [])
                    }
                }
                guard case .empty = outcome else { throw Trouble() }
                letters.withLock { _ = $0.remove("letter") }
            }
        }
        let coordinator = try TransactionCoordinator(MemoryTransactionJournal(), definitions: [booking])
        try await coordinator.run {
            let failure = await #expect(throws: TransactionFailure.self) {
                try await coordinator.execute(booking, 1, id: "b-1")
            }
            #expect(failure?.state == .compensated)
        }
        #expect(letters.withLock { $0 } == [])
        #expect(try Self.seats(server) == "5 0 0")
        let late = BarrierCall(transaction: "b-1", branch: "seats", operation: .try)
        #expect(try await Self.deliver(late, by: client) == .hanging)
    }
}
#endif
