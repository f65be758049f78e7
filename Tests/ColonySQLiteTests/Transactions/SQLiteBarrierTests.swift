import ColonyCore
import ColonySQLite
import ColonyTransactions
import GRDB
import Synchronization
import Testing

@Suite("The barrier in an SQLite database", .timeLimit(.minutes(5)))
struct SQLiteBarrierTests {
    private struct Trouble: Error {}

    private static func database(_ folder: TemporaryFolder) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(45)
        let pool = try DatabasePool(path: folder.path(of: "seats.db"), configuration: configuration)
        var migrator = DatabaseMigrator()
        SQLiteBarrier.registerMigration(in: &migrator)
        migrator.registerMigration("seats") { db in
            try db.execute(
                sql: "CREATE TABLE seats (free INTEGER, held INTEGER, sold INTEGER); INSERT INTO seats VALUES (5, 0, 0)"
            )
        }
        try migrator.migrate(pool)
        return pool
    }

    private static func call(_ operation: BarrierCall.Operation, _ transaction: TransactionID = "t") -> BarrierCall {
        BarrierCall(transaction: transaction, branch: "seats", operation: operation)
    }

    /// What the participant does for each operation: it moves one seat.
    private static func work(_ operation: BarrierCall.Operation, in db: Database) throws {
        switch operation {
        case .try: try db.execute(sql: "UPDATE seats SET free = free - 1, held = held + 1")
        case .confirm: try db.execute(sql: "UPDATE seats SET held = held - 1, sold = sold + 1")
        case .cancel: try db.execute(sql: "UPDATE seats SET held = held - 1, free = free + 1")
        }
    }

    @discardableResult
    private static func deliver(_ call: BarrierCall, to pool: DatabasePool) async throws -> BarrierOutcome<String> {
        try await pool.write { db in
            try SQLiteBarrier.once(call, in: db) {
                try Self.work(call.operation, in: db)
                return "\(call.operation) \(try Int.fetchOne(db, sql: "SELECT free FROM seats") ?? -1)"
            }
        }
    }

    private static func seats(_ pool: DatabasePool) async throws -> [Int] {
        try await pool.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT free, held, sold FROM seats")
            return [row?["free"] ?? -1, row?["held"] ?? -1, row?["sold"] ?? -1]
        }
    }

    @Test func emptyRollback() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        for _ in 0..<2 {
            #expect(try await Self.deliver(Self.call(.cancel), to: pool) == .empty)
        }
        #expect(try await Self.seats(pool) == [5, 0, 0])
        #expect(try await pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM colony_barrier") } == 2)
    }

    @Test func hangingRefused() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        try await Self.deliver(Self.call(.cancel), to: pool)
        // Not said to be over, so no time of retention removes its marks.
        let late = WallTime(millisecondsSince1970: .max)
        #expect(try await pool.write { try SQLiteBarrier.sweep(endedBefore: late, upTo: 10, in: $0) } == 0)
        #expect(try await Self.deliver(Self.call(.try), to: pool) == .hanging)
        // Said to be over, they stay for the time that was chosen.
        let end = WallTime(millisecondsSince1970: 1_000_000)
        try await pool.write { db in
            #expect(try SQLiteBarrier.transactions(upTo: 10, in: db) == ["t"])
            try SQLiteBarrier.end("t", at: end, in: db)
            #expect(try SQLiteBarrier.transactions(upTo: 10, in: db) == [])
            #expect(try SQLiteBarrier.sweep(endedBefore: end, upTo: 10, in: db) == 0)
        }
        #expect(try await Self.deliver(Self.call(.try), to: pool) == .hanging)
        #expect(try await Self.seats(pool) == [5, 0, 0])
        let after = WallTime(millisecondsSince1970: 1_000_001)
        #expect(try await pool.write { try SQLiteBarrier.sweep(endedBefore: after, upTo: 10, in: $0) } == 2)
    }

    @Test func `a repetition is answered like the first call`() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        #expect(try await Self.deliver(Self.call(.try), to: pool) == .done("try 4"))
        try await Self.deliver(Self.call(.try, "other"), to: pool)
        #expect(try await Self.deliver(Self.call(.try), to: pool) == .repeated("try 4"))
        #expect(try await Self.deliver(Self.call(.cancel), to: pool) == .done("cancel 4"))
        #expect(try await Self.deliver(Self.call(.cancel), to: pool) == .repeated("cancel 4"))
    }

    @Test func `work that throws leaves no mark, also if the transaction goes on`() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        try await pool.write { db in
            _ = #expect(throws: Trouble.self) {
                try SQLiteBarrier.once(Self.call(.try), in: db) {
                    try Self.work(.try, in: db)
                    throw Trouble()
                }
            }
        }
        #expect(try await Self.seats(pool) == [5, 0, 0])
        #expect(try await Self.deliver(Self.call(.try), to: pool) == .done("try 4"))
    }

    @Test func everyBranchIdempotent() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        for (operations, expected) in [
            ([BarrierCall.Operation.try], [4, 1, 0]), ([.try, .confirm], [3, 1, 1]), ([.try, .cancel], [3, 1, 1]),
        ] {
            let transaction = TransactionID.unique()
            for operation in operations {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask { try await Self.deliver(Self.call(operation, transaction), to: pool) }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await Self.seats(pool) == expected, "\(operations)")
        }
    }

    @Test func tryCancelRaceHasNoDeadlock() async throws {
        let folder = try TemporaryFolder()
        // Several pools, as several processes have them: the file's own lock decides.
        let pools = try (0..<4).map { _ in try Self.database(folder) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                for (index, pool) in pools.enumerated() {
                    group.addTask {
                        let transaction = TransactionID(stringLiteral: "t-\(number)")
                        let operation: BarrierCall.Operation = (index + number) % 4 == 0 ? .try : .cancel
                        try await Self.deliver(Self.call(operation, transaction), to: pool)
                    }
                }
            }
            try await group.waitForAll()
        }
        // Each try was cancelled, or came too late.
        #expect(try await Self.seats(pools[0]) == [5, 0, 0])
    }

    @Test func partialTryIsCancelled() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        let letters = Mutex<Set<String>>([])
        // The try writes a letter, which is in no database, and then finds that there is no seat.
        let booking = try TCC<Int, Int>("booking") { tcc in
            tcc.branch("seats") { call in
                letters.withLock { _ = $0.insert("letter") }
                return try await pool.write { db in
                    try SQLiteBarrier.once(call.barrier, in: db) { () throws -> Int in
                        try Self.work(.try, in: db)
                        throw Refusal("no seat")
                    }.get()
                }
            } confirm: { _ in
            } cancel: { call in
                let outcome = try await pool.write { db in
                    try SQLiteBarrier.once(call.barrier, in: db) { try Self.work(.cancel, in: db) }
                }
                guard case .empty = outcome else { throw Trouble() }
                letters.withLock { _ = $0.remove("letter") }
            }
        }
        let coordinator = try TransactionCoordinator(.sqlite(path: folder.store), definitions: [booking])
        try await coordinator.run {
            let failure = await #expect(throws: TransactionFailure.self) {
                try await coordinator.execute(booking, 1, id: "b-1")
            }
            #expect(failure?.state == .compensated)
        }
        // The journal says of it that it is over, and of another one nothing.
        let journal = coordinator.journal
        #expect(try await journal.ended(among: ["b-0", "b-1"]) == ["b-1"])
        #expect(try await journal.ended(among: ["b-0", "b-1"], countingUnknown: true) == ["b-0", "b-1"])
        #expect(letters.withLock { $0 } == [])
        #expect(try await Self.seats(pool) == [5, 0, 0])
        let late = BarrierCall(transaction: "b-1", branch: "seats", operation: .try)
        #expect(try await Self.deliver(late, to: pool) == .hanging)
    }

    @Test func `a TCC whose answers get lost moves each seat once`() async throws {
        let folder = try TemporaryFolder()
        let pool = try Self.database(folder)
        let calls = Mutex<[BarrierCall: Int]>([:])
        // The first two answers to each call get lost.
        let lose: @Sendable (BarrierCall) throws -> Void = { call in
            let count = calls.withLock { calls in
                calls[call, default: 0] += 1
                return calls[call] ?? 0
            }
            if count < 3 { throw Trouble() }
        }
        let booking = try TCC<Bool, String>("booking") { tcc in
            let seat = tcc.branch("seats") { call in
                let seat = try await Self.deliver(call.barrier, to: pool).get()
                try lose(call.barrier)
                return seat
            } confirm: { call in
                try await Self.deliver(call.barrier, to: pool)
                try lose(call.barrier)
            } cancel: { call in
                try await Self.deliver(call.barrier, to: pool)
                try lose(call.barrier)
            }
            tcc.branch("money") { call in
                if !call.input {
                    try await HostClock().sleep(for: .milliseconds(50))
                    throw Refusal("no money")
                }
            } confirm: { _ in
            } cancel: { _ in
            }
            return seat
        }
        let coordinator = try TransactionCoordinator(.sqlite(path: folder.store), definitions: [booking])
        try await coordinator.run {
            let seat = try await coordinator.execute(booking, true)
            #expect(seat == "try 4")
            await #expect(throws: TransactionFailure.self) { try await coordinator.execute(booking, false) }
        }
        #expect(try await Self.seats(pool) == [4, 0, 1])
    }
}
