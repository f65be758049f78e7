import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Testing

/// What happens when several operations of queues meet in one batch of the writer, or very much has become due at once.
@Suite("Queues in one batch", .timeLimit(.minutes(2)))
struct QueueBatchTests {
    @Test("the deletion of one queue does not keep the news of another from those who wait")
    func deletionAndNews() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        try await engine.declare("old", QueueSettings())
        try await engine.declare("work", QueueSettings())
        let store = try engine.storeForTesting
        let gate = Gate()
        let clock = HostClock()
        let start = clock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            let seen = try await engine.waitForChange(of: "work", since: 0, upTo: .zero)
            group.addTask {
                let count = try await engine.waitForChange(of: "work", since: seen, upTo: .seconds(30))
                #expect(count != seen)
            }
            // The wait has looked at the queue once before it sleeps; those who come later are told by news alone.
            try await clock.sleep(for: .milliseconds(100))
            group.addTask { try await store.write(.readOnly) { _ in gate.pass() } }
            try await eventually("the gate is reached") { gate.isReached }
            group.addTask { try await engine.delete("old") }
            // Now and then the watch of the bell has a look queued as well.
            try await eventually("the deletion is queued") { store.queuedOperations >= 1 }
            group.addTask { _ = try await engine.publish([OutgoingMessage([1])], to: "work") }
            try await eventually("the message is queued") { store.queuedOperations >= 2 }
            gate.open()
            try await group.waitForAll()
        }
        #expect(start.duration(to: clock.now) < .seconds(15))
        await engine.close()
    }

    @Test("a lease that has ended is stale also while very many others that have ended are not looked at yet")
    func manyLeasesEnd() async throws {
        let folder = try TemporaryFolder()
        let (clock, wall) = (ManualClock(), ManualWallClock())
        let engine = SQLiteQueueEngine(
            path: folder.store, clock: clock, wall: wall, boot: BootIdentity("boot-1"), registry: StoreRegistry())
        try await engine.declare("work", QueueSettings())
        for _ in 0..<3 {
            _ = try await engine.publish((0..<1_000).map { _ in OutgoingMessage([1]) }, to: "work")
        }
        // One deadline each, of which an operation looks at a thousand.
        var last: Delivery?
        try await withThrowingTaskGroup(of: Delivery?.self) { group in
            for _ in 0..<2_999 {
                group.addTask { try await engine.receive(1, from: "work", lease: .seconds(10)).first }
            }
            try await group.waitForAll()
        }
        clock.advance(by: .seconds(1))
        last = try await engine.receive(1, from: "work", lease: .seconds(10)).first
        clock.advance(by: .seconds(60))
        let receipt = try #require(last).receipt
        let extended = try await engine.settle([Settlement(receipt, .extend(.seconds(60)))], in: "work")
        #expect(extended == [.stale])
        let acknowledged = try await engine.settle([Settlement(receipt, .acknowledge)], in: "work")
        #expect(acknowledged == [.stale])
        try await eventually("all leases have ended") {
            try await engine.inspect("work")?.statistics.ready == 3_000
        }
        await engine.close()
    }
}
