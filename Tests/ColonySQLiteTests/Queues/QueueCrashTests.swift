import ColonyCore
import ColonyQueues
import ColonySQLite
import Dispatch
import Foundation
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Consumers that die with their messages", .timeLimit(.minutes(2)), .serialized)
struct QueueCrashTests {
    private static let countDeadlines = SQL("SELECT count(*) FROM queue_deadline")

    /// The entries that a probe has written into its journal.
    private func entries(_ journal: String) -> [[Substring]] {
        let text = (try? String(contentsOfFile: journal, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { $0.split(separator: " ") }
    }

    @Test(
        "workerKilledRedelivers: what a killed process had is with another when the lease is over, and its slots are free"
    )
    func workerKilledRedelivers() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        var settings = QueueSettings()
        settings.lease = .seconds(1)
        let queue = MessageQueue<[UInt8]>("work", on: engine, settings: settings, codec: .bytes)
        // Two keys and one without, so that a dead holder would hold up a whole line.
        _ = try await queue.publish(
            ["a", "a", "b", nil].enumerated().map { NewMessage([UInt8($0.offset)], key: $0.element) })
        let journal = folder.path(of: "journal")
        let probe = try Probe(program: "colony-queue-probe", ["consume", folder.store, "work", journal, "600000", "3"])
        try await eventually("three handlers have begun", within: .seconds(30)) { self.entries(journal).count == 3 }
        let clock = HostClock()
        let killed = clock.now
        try await probe.killNow()
        let seen = Mutex<[(body: [UInt8], attempt: Int, at: MonotonicInstant)]>([])
        let consumer = queue.consumer(concurrency: 3) { message in
            seen.withLock { $0.append((message.payload, message.attempt, clock.now)) }
        }
        let run = Task { try await consumer.run() }
        try await eventually("all messages were handled") { consumer.statistics.handled == 4 }
        run.cancel()
        try await run.value
        #expect(seen.withLock { $0 }.map(\.body).sorted { $0[0] < $1[0] } == [[0], [1], [2], [3]])
        for entry in seen.withLock({ $0 }) {
            #expect(entry.attempt == (entry.body == [1] ? 1 : 2))
            // A machine that does much else is given some time.
            #expect(killed.duration(to: entry.at) < settings.lease + .seconds(5))
        }
        await engine.close()
    }

    @Test("poisonIsQuarantined: a message that kills every process is given up, with and without a dead-letter queue")
    func poisonIsQuarantined() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        var settings = QueueSettings()
        settings.lease = .milliseconds(150)
        settings.deliveryLimit = 3
        try await engine.declare("dead", QueueSettings())
        for (name, deadLetterQueue) in [("parks", nil), ("moves", "dead")] as [(QueueName, QueueName?)] {
            settings.deadLetterQueue = deadLetterQueue
            try await engine.declare(name, settings)
            _ = try await engine.publish([OutgoingMessage([1])], to: name)
            var crashes = 0
            let journal = folder.path(of: "journal-\(name)")
            while try await engine.inspect(name)?.statistics.dead == 0,
                try await engine.inspect("dead")?.statistics.count == 0
            {
                try #require(crashes < 3, "it was delivered more often than it may be")
                let probe = try Probe(program: "colony-queue-probe", ["poison", folder.store, name.rawValue, journal])
                try await eventually("crash \(crashes + 1)", within: .seconds(20)) { !probe.isRunning }
                crashes += 1
                try await HostClock().sleep(for: settings.lease)
            }
            #expect(crashes == 3)
            #expect(self.entries(journal).map { $0.last } == ["1", "2", "3"])
        }
        let parked = try await engine.deadLetters(of: "parks", after: nil, limit: 10)
        #expect(parked.map(\.attempts) == [3])
        #expect(parked.first?.history.map(\.attempt) == [1, 2, 3])
        #expect(parked.first?.reason.contains("lease ran out") == true)
        let moved = try await engine.receive(10, from: "dead", lease: .seconds(30))
        #expect(moved.map { $0.headers["dead-letter-attempts"] } == ["3"])
        #expect(try await engine.inspect("moves")?.statistics.count == 0)
        await engine.close()
    }

    @Test("longHandlerKeepsLease: handlers that block every thread of the pool for ten leases run once")
    func longHandlerKeepsLease() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        var settings = QueueSettings()
        settings.lease = .milliseconds(200)
        let queue = MessageQueue<[UInt8]>("work", on: engine, settings: settings, codec: .bytes)
        let count = ProcessInfo.processInfo.activeProcessorCount + 2
        _ = try await queue.publish((0..<count).map { NewMessage([UInt8($0)]) })
        let lease = settings.lease
        let attempts = Mutex<[Int]>([])
        let consumer = queue.consumer(concurrency: count) { message in
            attempts.withLock { $0.append(message.attempt) }
            // A handler that lets nobody else have its thread.
            blockThread(for: lease * 10)
        }
        let run = Task { try await consumer.run() }
        try await eventually("all are handled", within: .seconds(60)) { consumer.statistics.handled == count }
        run.cancel()
        try await run.value
        #expect(attempts.withLock { $0 } == Array(repeating: 1, count: count))
        #expect(consumer.statistics.stale == 0)
        #expect(try await engine.inspect("work")?.totals.leasesLost == 0)
        await engine.close()
    }

    @Test("requeueLoopIsBounded: a message that is handed back for ever neither fills the disk nor starves the others")
    func requeueLoopIsBounded() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        var settings = QueueSettings()
        settings.deliveryLimit = 1_000
        try await engine.declare("work", settings)
        // Twelve at a time, of which each is handed out again and again.
        let body = [UInt8](repeating: 7, count: 2_000)
        _ = try await engine.publish((0..<20).map { _ in OutgoingMessage(body) }, to: "work")
        // Leases as long as they may be: what was noted of them must not stay for as long.
        let lease = MessageLimits.lease.upperBound
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    for round in 0..<400 {
                        guard let delivery = try await engine.receive(1, from: "work", lease: lease).first else {
                            continue
                        }
                        let kind: Settlement.Kind =
                            round.isMultiple(of: 4) ? .retry(after: .zero, reason: "again") : .handBack
                        let outcomes = try await engine.settle(
                            [Settlement(delivery.receipt, .extend(lease)), Settlement(delivery.receipt, kind)],
                            in: "work")
                        #expect(outcomes == [.settled, .settled])
                    }
                }
            }
            try await group.waitForAll()
        }
        let record = try #require(try await engine.inspect("work"))
        #expect(record.statistics.leased == 0)
        #expect(record.statistics.ready + record.statistics.dead == 20)
        #expect(record.totals.delivered > 4_000)
        let rows = try await engine.storeForTesting.read { connection throws(StoreError) -> Int64 in
            let count = try connection.prepared(Self.countDeadlines)
            defer { count.reset() }
            return try count.step() ? count.integer(0) : -1
        }
        // Without care there would be two for each delivery.
        #expect(rows < 3_500)
        // The others are delivered.
        #expect(try await engine.receive(100, from: "work", lease: .seconds(30)).count == record.statistics.ready)
        await engine.close()
    }
}

/// What a handler does that computes or waits without giving its thread back.
private func blockThread(for duration: Duration) {
    _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(Int(duration / .milliseconds(1))))
}
