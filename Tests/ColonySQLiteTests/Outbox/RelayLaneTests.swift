import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import GRDB
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(3))) struct `Queues of a relay` {
    @Test func `one that hangs holds up no other, no renewal of the lease, and no end`() async throws {
        let bench = try await OutboxBench()
        try await bench.memory.declare("slow", QueueSettings())
        let hangs = FaultyQueueEngine(bench.memory, clock: HostClock()) { call, _ in
            call.member == .publish && call.number == 1 ? .hangBefore : nil
        }
        let clock = HostClock()
        let end = try await bench.relaying(to: hangs) { relay in
            try await bench.add(["s"], to: "slow")
            try await eventually("a queue hangs") { hangs.hangingCount == 1 }
            // For longer than the lease.
            let start = clock.now
            var sent: UInt64 = 0
            while start.duration(to: clock.now) < OutboxBench.quick.lease * 2 {
                try await bench.add(["\(sent)"])
                sent += 1
                try await eventually("another queue goes on") { [sent] in relay.statistics.sent == sent }
            }
            #expect(try await !bench.outbox.claim("bob", for: .seconds(1)), "the lease has run out")
            #expect(hangs.hangingCount == 1)
            return clock.now
        }
        #expect(end.duration(to: clock.now) < .seconds(15), "the end has waited for the queue that hangs")
        #expect(try await bench.outbox.claim("bob", for: .seconds(1)), "the lease was not given back")
        hangs.heal()
    }

    @Test func `one that rested and hangs then has the relay sleep between its looks`() async throws {
        let bench = try await OutboxBench()
        try await bench.memory.declare("slow", QueueSettings())
        let hangs = FaultyQueueEngine(bench.memory, clock: HostClock()) { call, _ in
            guard call.member == .publish else { return nil }
            return call.number == 1 ? .errorBefore : .hangBefore
        }
        let store = CountedOutbox(bench.outbox)
        let options = try OutboxRelayOptions(
            lease: .seconds(30), pollInterval: .milliseconds(50),
            backoff: Backoff(initial: .milliseconds(20), maximum: .milliseconds(20)))
        let clock = HostClock()
        try await bench.relaying(to: hangs, options, asking: store) { relay in
            try await bench.add(["s"], to: "slow")
            try await eventually("the queue has failed, and hangs now") {
                relay.statistics.held == 1 && hangs.hangingCount == 1
            }
            let (start, before) = (clock.now, store.looks)
            try await eventually("half a second has passed") { start.duration(to: clock.now) >= .milliseconds(500) }
            let most = Int(start.duration(to: clock.now) / Duration.milliseconds(50)) + 5
            #expect(store.looks - before <= most, "the relay has looked without a pause")
            hangs.heal()
            try await eventually("it goes on") { relay.statistics.sent == 1 }
        }
    }

    @Test(arguments: [true, false])
    func `one that may never have room for a message does not wait for it`(isDirect: Bool) async throws {
        let bench = try await OutboxBench()
        let sqlite = SQLiteQueueEngine(
            path: bench.folder.path(of: isDirect ? "shop.db" : "queues.db"),
            configuration: SQLiteStoreConfiguration(sharesDatabase: true))
        var settings = QueueSettings()
        (settings.capacityBytes, settings.overflow) = (500, .reject)
        try await sqlite.declare("work", settings)
        let large = String(repeating: "x", count: 600)
        // More than there is room for at a time, so that the queue is also full for good reasons.
        let small = (0..<20).map(String.init)
        try await bench.add(Array(small.prefix(10)) + [large] + Array(small.suffix(10)), key: "k")
        try await bench.relaying(to: sqlite) { relay in
            var texts: [String] = []
            try await eventually("the others have come") {
                texts += try await OutboxBench.texts(in: "work", of: sqlite)
                return texts.count == 20
            }
            #expect(texts == small)
            try await eventually("it is set aside") { relay.statistics.parked == 1 }
            let parked = try await bench.outbox.parked(after: 0, limit: 10)
            #expect(parked.count == 1 && parked[0].message.content.body.count == 600)
            #expect(parked[0].reason.contains("takes 500 in all"), "\(parked[0].reason)")
            #expect(relay.statistics.held > 0, "the queue was never full, so the other case is not tested")
        }
        await sqlite.close()
    }

    @Test func `all have their turn, however many there are`() async throws {
        let bench = try await OutboxBench()
        let queues = try (0..<12).map { try QueueName("q-\($0)") }
        for queue in queues {
            try await bench.memory.declare(queue, QueueSettings())
            try await bench.add(["a", "b", "c"], to: queue)
        }
        let options = try OutboxRelayOptions(pollInterval: .milliseconds(2), batch: 1, concurrency: 2)
        try await bench.relaying(to: bench.memory, options) { relay in
            try await eventually("everything is sent") { relay.statistics.sent == 36 }
        }
        for queue in queues { #expect(try await OutboxBench.texts(in: queue, of: bench.memory) == ["a", "b", "c"]) }
    }
}

/// An outbox that counts how often its relay looks.
private final class CountedOutbox: OutboxStore {
    private let base: SQLiteOutbox
    private let count = Atomic<Int>(0)

    init(_ base: SQLiteOutbox) {
        self.base = base
    }

    var looks: Int { self.count.load(ordering: .relaxed) }

    func claim(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> Bool {
        try await self.base.claim(owner, for: lease)
    }

    func queues(limit: Int) async throws(TransactionError) -> [QueueName] {
        self.count.add(1, ordering: .relaxed)
        return try await self.base.queues(limit: limit)
    }

    func next(_ limit: Int, for queue: QueueName) async throws(TransactionError) -> [OutboxMessage] {
        try await self.base.next(limit, for: queue)
    }

    func remove(_ messages: [OutboxMessage]) async throws(TransactionError) { try await self.base.remove(messages) }

    func park(_ message: OutboxMessage, reason: String) async throws(TransactionError) {
        try await self.base.park(message, reason: reason)
    }

    func status() async throws(TransactionError) -> OutboxStatus { try await self.base.status() }

    func waitForChange(since seen: UInt64, upTo limit: Duration) async throws(TransactionError) -> UInt64 {
        try await self.base.waitForChange(since: seen, upTo: limit)
    }
}
