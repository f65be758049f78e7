import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import Foundation
import GRDB
import Testing

@Suite(.timeLimit(.minutes(3))) struct `Relays of an SQLite outbox` {
    @Test func `only one of them works, and the other goes on when it is gone`() async throws {
        let bench = try await OutboxBench()
        let (memory, outbox) = (bench.memory, bench.outbox)
        // Longer than a busy machine stands still: no lease runs out here.
        let options = try OutboxRelayOptions(lease: .seconds(60), pollInterval: .milliseconds(2))
        let first = OutboxRelay(outbox, to: memory, options: options)
        let second = OutboxRelay(
            SQLiteOutbox(path: bench.folder.path(of: "shop.db")), to: memory, options: options)
        let firstRun = Task { try await first.run() }
        try await eventually("the first works") { first.statistics.isActive }
        let secondRun = Task { try await second.run() }
        try await bench.add(["a"])
        try await bench.drained()
        #expect(first.statistics.isActive && !second.statistics.isActive)
        firstRun.cancel()
        try await firstRun.value
        try await eventually("the second works") { second.statistics.isActive }
        try await bench.add(["b"])
        try await bench.drained()
        secondRun.cancel()
        try await secondRun.value
        #expect(second.statistics.sent == 1 && first.statistics.sent == 1)
        #expect(try await OutboxBench.texts(in: "work", of: memory) == ["a", "b"])
    }

    @Test func `the lease ends by itself, with its owner's word, and with the run of the host`() async throws {
        let bench = try await OutboxBench()
        let clock = ManualClock()
        func process(_ boot: String) -> SQLiteOutbox {
            SQLiteOutbox(path: bench.folder.path(of: "shop.db"), clock: clock, boot: BootIdentity(boot))
        }
        let (one, other) = (process("boot-1"), process("boot-1"))
        let (ada, bob): (OwnerID, OwnerID) = ("ada", "bob")
        #expect(try await one.claim(ada, for: .seconds(10)))
        #expect(try await one.claim(ada, for: .seconds(10)))
        #expect(try await !other.claim(bob, for: .seconds(10)))
        #expect(try await !other.claim(bob, for: .zero), "who gives back what it does not have has it")
        clock.advance(by: .seconds(9))
        #expect(try await !other.claim(bob, for: .seconds(10)))
        clock.advance(by: .seconds(1))
        #expect(try await other.claim(bob, for: .seconds(10)))
        #expect(try await !one.claim(ada, for: .seconds(10)))
        #expect(try await !other.claim(bob, for: .zero))
        #expect(try await one.claim(ada, for: .seconds(10)))
        #expect(try await process("boot-2").claim(bob, for: .seconds(10)), "a lease has outlived its host")
        let defect = await #expect(throws: TransactionError.self) {
            _ = try await one.claim(ada, for: .milliseconds(1))
        }
        #expect(defect?.code == .invalidRequest)
    }

    @Test func `two that both work, because one was paused, send everything and keep the order`() async throws {
        let bench = try await OutboxBench()
        let memory = bench.memory
        for number in 0..<200 { try await bench.add(["\(number)"], key: "k") }
        let options = try OutboxRelayOptions(pollInterval: .milliseconds(1), batch: 3)
        // Two outboxes on two boots: each takes the lease from the other at every turn.
        let relays = ["boot-1", "boot-2"].map { boot in
            OutboxRelay(
                SQLiteOutbox(
                    path: bench.folder.path(of: "shop.db"), clock: HostClock(), boot: BootIdentity(boot)),
                to: memory, options: options)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for relay in relays { group.addTask { try await relay.run() } }
            try await bench.drained()
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(try await OutboxBench.texts(in: "work", of: memory) == (0..<200).map(String.init))
    }

    @Test func `a message that its queue refuses is set aside, told of, and can be released or dropped`() async throws {
        let bench = try await OutboxBench()
        try await bench.add(["1", "2", "3"], key: "k")
        // As another program might write it, past the checks.
        try await bench.database.write {
            try $0.execute(sql: "UPDATE colony_outbox SET priority = 12 WHERE number < 3")
        }
        let engine = FaultyQueueEngine(bench.memory, clock: HostClock())
        try await bench.relaying(to: engine) { relay in
            try await eventually("one is sent and two are parked") {
                relay.statistics.sent == 1 && relay.statistics.parked == 2
            }
            #expect(try await OutboxBench.texts(in: "work", of: bench.memory) == ["3"])
            let parked = try await bench.outbox.parked(after: 0, limit: 10)
            #expect(parked.map(\.message.number) == [1, 2] && parked.allSatisfy { $0.reason.contains("12") })
            #expect(try await bench.outbox.parked(after: 1, limit: 10).map(\.message.number) == [2])
            let status = try await bench.outbox.status()
            #expect(status.waiting == 0 && status.parked == 2 && status.oldest == nil)
            try await bench.database.write { try $0.execute(sql: "UPDATE colony_outbox SET priority = 4") }
            #expect(try await bench.outbox.drop(1))
            #expect(try await !bench.outbox.drop(1))
            #expect(try await bench.outbox.release(2))
            #expect(try await !bench.outbox.release(2))
            try await bench.drained()
        }
        #expect(try await OutboxBench.texts(in: "work", of: bench.memory) == ["2"])
    }

    @Test func `a queue in the same file gets messages in one transaction, in their order and once`() async throws {
        let bench = try await OutboxBench()
        let path = bench.folder.path(of: "shop.db")
        let engine = SQLiteQueueEngine(path: path, configuration: SQLiteStoreConfiguration(sharesDatabase: true))
        var settings = QueueSettings()
        (settings.capacity, settings.overflow) = (5, .reject)
        try await engine.declare("work", settings)
        try await bench.add((0..<8).map(String.init), key: "k")
        #expect(
            try await bench.outbox.move(3, for: "work", into: engine)
                == OutboxMove(moved: 3, duplicates: 0, isFull: false))
        #expect(try await bench.count == 5)
        #expect(
            try await bench.outbox.move(9, for: "work", into: engine)
                == OutboxMove(moved: 2, duplicates: 0, isFull: true))
        #expect(try await bench.outbox.move(9, for: "work", into: bench.memory) == nil)
        let unknown = await #expect(throws: QueueError.self) {
            _ = try await bench.outbox.move(9, for: "nowhere", into: engine)
        }
        #expect(unknown?.code == .unknownQueue)
        try await bench.database.write {
            try $0.execute(sql: "UPDATE colony_outbox SET priority = 12 WHERE number = 7")
        }
        try await bench.relaying(to: engine) { relay in
            var texts: [String] = []
            try await eventually("all have come") {
                texts += try await OutboxBench.texts(in: "work", of: engine)
                return texts.count == 7
            }
            #expect(texts == ["0", "1", "2", "3", "4", "5", "7"])
            try await eventually("one is parked") { relay.statistics.parked == 1 }
            #expect(relay.statistics.duplicates == 0)
            // A deduplication identifier of the caller's own still counts, and only that is remembered.
            let outbox = bench.outbox
            try await bench.database.write { db in
                for _ in 0..<2 { try outbox.add(OutgoingMessage([1], deduplicationID: "mine"), to: "work", in: db) }
            }
            try await eventually("both are gone") { relay.statistics.sent == 4 }
            #expect(relay.statistics.duplicates == 1)
            let known = try await bench.database.read {
                try String.fetchAll($0, sql: "SELECT text FROM queue_deduplication")
            }
            #expect(known == ["mine"])
        }
        #expect(try await engine.inspect("work")?.totals.published == 8)
        await engine.close()
    }

    @Test func `the age of what waits is told, and when it is late`() async throws {
        let bench = try await OutboxBench()
        try await bench.add(["x"], to: "nowhere")
        let options = try OutboxRelayOptions(
            pollInterval: .milliseconds(2), lateAfter: .zero,
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(5)))
        let relay = OutboxRelay(
            bench.outbox, to: bench.memory, options: options,
            wall: ManualWallClock(now: WallTime(millisecondsSince1970: .max / 2)))
        let events = relay.events()
        let run = Task { try await relay.run() }
        for await event in events {
            if case .late(let age, let waiting) = event {
                #expect(age > .seconds(60) && waiting == 1)
                break
            }
        }
        #expect(relay.statistics.waiting == 1 && relay.statistics.oldestAge > .seconds(60))
        run.cancel()
        try await run.value
    }

    @Test func `one whose database is not there yet waits for it, and one that was closed ends`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path(of: "late.db")
        let memory = MemoryQueueEngine()
        try await memory.declare("work", QueueSettings())
        let outbox = SQLiteOutbox(path: path)
        let relay = OutboxRelay(outbox, to: memory, options: OutboxBench.quick)
        let run = Task { try await relay.run() }
        try await eventually("it has failed") { relay.statistics.failures > 1 }
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try await database.write { db in
            try SQLiteOutbox.install(in: db)
            try outbox.add(OutgoingMessage([7]), to: "work", in: db)
        }
        try await eventually("it is sent") { relay.statistics.sent == 1 }
        await outbox.close()
        let error = await #expect(throws: TransactionError.self) { try await run.value }
        #expect(error?.code == .closed)
    }
}
