import ColonyCore
import ColonyMemory
import ColonyRESP
import ColonyRedis
import ColonyTransactions
import RealServers
import Synchronization
import Testing

@Suite("The barrier in a Redis", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisBarrierTests {
    private struct Trouble: Error {}

    private static let keys = ["{seats}free", "{seats}held", "{seats}sold"]

    /// Moves a seat from one key to another, and returns how many are free.
    private static func move(_ from: Int, to: Int) -> RedisBarrierWork {
        RedisBarrierWork(
            """
            if tonumber(redis.call('GET', KEYS[\(from)])) < 1 then return {err = 'REFUSED none is left'} end
            redis.call('DECR', KEYS[\(from)])
            redis.call('INCR', KEYS[\(to)])
            return ARGV[1] .. ' ' .. redis.call('GET', KEYS[1])
            """)
    }

    private static let works: [BarrierCall.Operation: RedisBarrierWork] = [
        .try: move(1, to: 2), .confirm: move(2, to: 3), .cancel: move(2, to: 1),
    ]

    private static func server() async throws -> (RedisProcess, RedisBarrier) {
        let server = try await RedisProcess()
        let socket = try server.connect()
        for (key, count) in zip(Self.keys, ["5", "0", "0"]) { _ = try socket.ask("SET", key, count) }
        return (server, try Self.barrier(server))
    }

    private static func barrier(_ server: RedisProcess, isCluster: Bool = false) throws -> RedisBarrier {
        var options = RedisOptions(servers: [server.address])
        options.timeout = .seconds(20)
        options.isCluster = isCluster
        return try RedisBarrier(options)
    }

    private static func call(_ operation: BarrierCall.Operation, _ transaction: TransactionID = "t") -> BarrierCall {
        BarrierCall(transaction: transaction, branch: "seats", operation: operation)
    }

    /// Does what a participant does with a call.
    @discardableResult
    private static func deliver(_ call: BarrierCall, by barrier: RedisBarrier) async throws -> BarrierOutcome<String> {
        let work = try #require(Self.works[call.operation])
        let words = [Array(call.operation.rawValue.utf8)]
        switch try await barrier.once(call, work, keys: Self.keys, arguments: words) {
        case .done(let bytes): return .done(String(decoding: bytes, as: UTF8.self))
        case .repeated(let bytes): return .repeated(String(decoding: bytes, as: UTF8.self))
        case .empty: return .empty
        case .hanging: return .hanging
        }
    }

    private static func seats(_ server: RedisProcess) throws -> [String?] {
        let socket = try server.connect()
        return try Self.keys.map { try socket.ask("GET", $0).text }
    }

    @Test func emptyRollback() async throws {
        let (server, barrier) = try await Self.server()
        for _ in 0..<2 { #expect(try await Self.deliver(Self.call(.cancel), by: barrier) == .empty) }
        #expect(try Self.seats(server) == ["5", "0", "0"])
        #expect(try await barrier.transactions(besides: Self.keys[0], upTo: 10) == ["t"])
        await barrier.close()
    }

    @Test func hangingRefused() async throws {
        let (server, barrier) = try await Self.server()
        try await Self.deliver(Self.call(.cancel), by: barrier)
        #expect(try await Self.deliver(Self.call(.try), by: barrier) == .hanging)
        // Nobody has said that it is over, so nothing removes its marks.
        let marks = try #require(
            try server.connect().ask("KEYS", "*marks:t").elements?.first?.text, "there are no marks")
        #expect(try server.connect().ask("PTTL", marks).integer == -1)
        // Said to be over, they stay for the time that was chosen.
        try await barrier.end("t", besides: Self.keys[2], keepingFor: .seconds(3_600))
        #expect(try await barrier.transactions(besides: Self.keys[0], upTo: 10) == [])
        #expect(try await Self.deliver(Self.call(.try), by: barrier) == .hanging)
        #expect(try await barrier.transactions(besides: Self.keys[0], upTo: 10) == [])
        let left = try #require(try server.connect().ask("PTTL", marks).integer)
        #expect((3_000_000...3_600_000).contains(left))
        // Saying it again does not lengthen it, and a shorter one is not taken either: the first word stands.
        try await barrier.end("t", besides: Self.keys[0], keepingFor: .milliseconds(1))
        #expect(try server.connect().ask("EXISTS", marks).integer == 1)
        #expect(try Self.seats(server) == ["5", "0", "0"])
        let defect = await #expect(throws: TransactionError.self) {
            try await barrier.end("t", besides: "a", keepingFor: .zero)
        }
        #expect(defect?.code == .invalidRequest)
        await barrier.close()
    }

    @Test func `marks are gone when the time is over that they were kept for`() async throws {
        let (server, barrier) = try await Self.server()
        for number in 0..<5 {
            try await Self.deliver(Self.call(.try, TransactionID(stringLiteral: "t-\(number)")), by: barrier)
        }
        #expect(try await barrier.transactions(besides: Self.keys[0], upTo: 2) == ["t-0", "t-1"])
        #expect(try await barrier.transactions(besides: Self.keys[0], after: "t-1", upTo: 9) == ["t-2", "t-3", "t-4"])
        for number in 0..<5 {
            try await barrier.end(
                TransactionID(stringLiteral: "t-\(number)"), besides: Self.keys[0], keepingFor: .milliseconds(5))
        }
        try await Polling.eventually("nothing is left but the seats") {
            try server.connect().ask("DBSIZE").integer == Int64(Self.keys.count)
        }
        await barrier.close()
    }

    @Test func `decides as the value does, in all orders of five calls`() async throws {
        let (server, barrier) = try await Self.server()
        var sequences: [[BarrierCall.Operation]] = [[]]
        for _ in 0..<5 {
            sequences = sequences.flatMap { head in BarrierCall.Operation.allCases.map { head + [$0] } }
        }
        let count = RedisBarrierWork("return redis.call('INCR', KEYS[1])")
        for (number, sequence) in sequences.enumerated() {
            var marks: [BarrierCall.Operation: BarrierCall.Operation] = [:]
            for operation in sequence {
                let authors = BarrierDecision.marks(of: operation).map { mark -> BarrierCall.Operation? in
                    defer { marks[mark] = marks[mark] ?? operation }
                    return marks[mark]
                }
                let call = Self.call(operation, TransactionID(stringLiteral: "t-\(number)"))
                let outcome = try await barrier.once(call, count, keys: ["count"])
                let decision: BarrierDecision =
                    switch outcome {
                    case .done: .proceed
                    case .repeated: .repeated
                    case .empty: .empty
                    case .hanging: .hanging
                    }
                #expect(decision == BarrierDecision(operation, authors: authors), "\(sequence)")
            }
        }
        _ = server
        await barrier.close()
    }

    @Test func `a repetition is answered like the first call, and a refusal leaves no mark`() async throws {
        let (server, barrier) = try await Self.server()
        #expect(try await Self.deliver(Self.call(.try), by: barrier) == .done("try 4"))
        try await Self.deliver(Self.call(.try, "other"), by: barrier)
        #expect(try await Self.deliver(Self.call(.try), by: barrier) == .repeated("try 4"))
        _ = try server.connect().ask("SET", Self.keys[0], "0")
        let refusal = await #expect(throws: Refusal.self) {
            try await Self.deliver(Self.call(.try, "late"), by: barrier)
        }
        #expect(refusal?.reason == "none is left")
        #expect(try await barrier.transactions(besides: Self.keys[0], upTo: 10) == ["other", "t"])
        _ = try server.connect().ask("SET", Self.keys[0], "1")
        #expect(try await Self.deliver(Self.call(.try, "late"), by: barrier) == .done("try 0"))
        await barrier.close()
    }

    @Test func `work that gives a number, a status, or nothing, and work that fails`() async throws {
        let (server, barrier) = try await Self.server()
        for (number, (body, value)) in [
            ("return redis.call('DECRBY', KEYS[1], ARGV[1])", "3"), ("return redis.call('SET', KEYS[1], '5')", "OK"),
            ("redis.call('SET', KEYS[1], '5')", ""), ("return {1, 2}", ""),
            ("return 9007199254740991", "9007199254740991"),
        ].enumerated() {
            let (work, call) = (RedisBarrierWork(body), Self.call(.try, TransactionID(stringLiteral: "t-\(number)")))
            let arguments = [Array("2".utf8)]
            let first = try await barrier.once(call, work, keys: [Self.keys[0]], arguments: arguments)
            #expect(first == .done(Array(value.utf8)), "\(body)")
            let second = try await barrier.once(call, work, keys: [Self.keys[0]], arguments: arguments)
            #expect(second == .repeated(Array(value.utf8)), "\(body)")
        }
        for body in ["return redis.call('LPUSH', KEYS[1], '1')", "return nothing + 1", "this is no script"] {
            let failure = await #expect(throws: TransactionError.self, "\(body)") {
                try await barrier.once(Self.call(.try, "bad"), RedisBarrierWork(body), keys: [Self.keys[0]])
            }
            #expect(failure?.message.contains("127.0.0.1") == true)
        }
        #expect(try await !barrier.transactions(besides: Self.keys[0], upTo: 10).contains("bad"))
        #expect(try Self.seats(server)[0] == "5")
        await barrier.close()
    }

    @Test func everyBranchIdempotent() async throws {
        let (server, _) = try await Self.server()
        let barriers = try (0..<6).map { _ in try Self.barrier(server) }
        for (operations, expected) in [
            ([BarrierCall.Operation.try], ["4", "1", "0"]), ([.try, .confirm], ["3", "1", "1"]),
            ([.try, .cancel], ["3", "1", "1"]),
        ] {
            let transaction = TransactionID.unique()
            for operation in operations {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for barrier in barriers {
                        group.addTask { try await Self.deliver(Self.call(operation, transaction), by: barrier) }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try Self.seats(server) == expected, "\(operations)")
        }
        for barrier in barriers { await barrier.close() }
    }

    @Test func tryCancelRaceHasNoDeadlock() async throws {
        let (server, _) = try await Self.server()
        let barriers = try (0..<6).map { _ in try Self.barrier(server) }
        _ = try server.connect().ask("SET", Self.keys[0], "1000")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, barrier) in barriers.enumerated() {
                group.addTask {
                    for number in 0..<60 {
                        let transaction = TransactionID(stringLiteral: "t-\(number)")
                        let operation: BarrierCall.Operation = (index + number) % 6 == 0 ? .try : .cancel
                        try await Self.deliver(Self.call(operation, transaction), by: barrier)
                    }
                }
            }
            try await group.waitForAll()
        }
        // Each try was cancelled, or came too late.
        #expect(try Self.seats(server) == ["1000", "0", "0"])
        for barrier in barriers { await barrier.close() }
    }

    @Test func `takes part in a TCC`() async throws {
        let (server, barrier) = try await Self.server()
        let letters = Mutex<Set<String>>([])
        let booking = try TCC<Int, Int>("booking") { tcc in
            tcc.branch("seats") { call in
                letters.withLock { _ = $0.insert("letter") }
                _ = try await Self.deliver(call.barrier, by: barrier).get()
                if call.input == 2 { throw Refusal("no letter paper") }
                return 1
            } confirm: { call in
                try await Self.deliver(call.barrier, by: barrier)
            } cancel: { call in
                try await Self.deliver(call.barrier, by: barrier)
                letters.withLock { _ = $0.remove("letter") }
            }
        }
        let coordinator = try TransactionCoordinator(MemoryTransactionJournal(), definitions: [booking])
        try await coordinator.run {
            await #expect(throws: TransactionFailure.self) {
                try await coordinator.execute(booking, 2, id: "b-2")
            }
            #expect(letters.withLock { $0 } == [])
            _ = try await coordinator.execute(booking, 1, id: "b-1")
        }
        #expect(try Self.seats(server) == ["4", "0", "1"])
        #expect(
            try await Self.deliver(
                BarrierCall(transaction: "b-2", branch: "seats", operation: .try), by: barrier) == .repeated("try 4"))
        await barrier.close()
    }

    @Test func `marks and work are in one slot of a cluster, and keys of two slots are refused`() async throws {
        let cluster = try await RedisClusterProcess()
        let barrier = try Self.barrier(cluster.nodes[0], isCluster: true)
        let work = RedisBarrierWork("return redis.call('INCR', KEYS[#KEYS])")
        for key in ["a", "{a}b", "a}b", "{}", "x{y}z", "{seats}7"] {
            // Keys of one slot share their marks, so that each call is of a transaction of its own.
            let call = Self.call(.try, .unique())
            let first = try await barrier.once(call, work, keys: [key])
            #expect(first == .done(Array("1".utf8)), "\(key)")
            let second = try await barrier.once(call, work, keys: [key])
            #expect(second == .repeated(Array("1".utf8)), "\(key)")
        }
        for keys in [["a", "b"], []] {
            let defect = await #expect(throws: TransactionError.self) {
                try await barrier.once(Self.call(.try), work, keys: keys)
            }
            #expect(defect?.code == .invalidRequest)
        }
        await barrier.close()
    }
}
