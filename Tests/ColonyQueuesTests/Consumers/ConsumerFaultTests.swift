import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Logging
import ServiceLifecycle
import Synchronization
import Testing

/// A queue of numbers in memory on a clock that the test moves, behind an engine that lets calls go wrong.
private struct FaultyQueue {
    let clock = ManualClock()
    let memory: MemoryQueueEngine
    let engine: FaultyQueueEngine
    let queue: MessageQueue<Int>
    /// The same queue without faults, for another consumer.
    let sound: MessageQueue<Int>

    static let lease: Duration = .seconds(30)

    init(_ plan: @escaping FaultyQueueEngine.Plan = { _, _ in nil }) {
        self.memory = MemoryQueueEngine(clock: self.clock, wallClock: ManualWallClock())
        self.engine = FaultyQueueEngine(self.memory, clock: self.clock, plan: plan)
        self.queue = MessageQueue("numbers", on: self.engine, clock: self.clock)
        self.sound = MessageQueue("numbers", on: self.memory, clock: self.clock)
    }

    var statistics: QueueStatistics {
        get async throws { try #require(try await self.memory.inspect("numbers")).statistics }
    }

    /// Cancels a consumer, and lets time pass until it has ended: it may be about to try something again.
    func end(_ run: Task<Void, any Error>) async throws {
        run.cancel()
        let ended = OneShotSignal()
        Task {
            _ = await run.result
            ended.fire()
        }
        try await self.pass("the end of the consumer") { ended.isFired }
        try await run.value
    }

    /// Lets time pass in small steps until `condition` holds.
    func pass(
        _ what: String, by step: Duration = .milliseconds(200), until condition: () async throws -> Bool
    ) async throws {
        let host = HostClock()
        let deadline = host.now.advanced(by: .seconds(20))
        while try await !condition() {
            guard host.now < deadline else {
                Issue.record("\(what) did not come about")
                return
            }
            self.clock.advance(by: step)
            // What was woken gets its turn before the next step.
            for _ in 0..<20 { await Task.yield() }
        }
    }
}

/// What handlers have begun.
private final class Begun: Sendable {
    struct Entry: Equatable {
        let value: Int
        let key: String?
        let attempt: Int
    }

    private let state = Mutex<[Entry]>([])

    var entries: [Entry] { self.state.withLock { $0 } }

    func note(_ message: ReceivedMessage<Int>) {
        self.state.withLock {
            $0.append(Entry(value: message.payload, key: message.key, attempt: message.attempt))
        }
    }
}

@Suite("Consumers under faults", .timeLimit(.minutes(2)))
struct ConsumerFaultTests {
    @Test("a handler whose lease is lost is cancelled at the end of the lease, and what it says is refused")
    func lostLeaseCancels() async throws {
        let faulty = FaultyQueue { call, _ in call.member == .settle ? .errorBefore : nil }
        try await faulty.sound.publish(1)
        let begun = OneShotSignal()
        let cancelledAt = Mutex<MonotonicInstant?>(nil)
        let consumer = faulty.queue.consumer { message in
            if message.attempt > 1 { return }
            begun.fire()
            do {
                try await OneShotSignal().wait()
            } catch {
                cancelledAt.withLock { $0 = faulty.clock.now }
                throw error
            }
        }
        let start = faulty.clock.now
        let run = Task { try await consumer.run() }
        try await begun.wait()
        try await faulty.pass("the cancellation") { cancelledAt.withLock { $0 } != nil }
        let took = try start.duration(to: #require(cancelledAt.withLock { $0 }))
        #expect(took >= FaultyQueue.lease)
        // The steps of the clock are coarse, and the machine may be slow.
        #expect(took < FaultyQueue.lease * 3)
        faulty.engine.heal()
        try await faulty.pass("the second delivery") { try await faulty.statistics.count == 0 }
        try await faulty.pass("the refusal") { consumer.statistics.stale >= 1 }
        try await faulty.end(run)
        let totals = try #require(try await faulty.memory.inspect("numbers")).totals
        #expect(totals.leasesLost == 1)
        #expect(totals.acknowledged == 1)
        #expect(totals.delivered == 2)
    }

    @Test("staleAckRejected: a handler that does not mind its cancellation cannot finish the delivery of another")
    func staleAckRejected() async throws {
        let faulty = FaultyQueue { call, _ in call.member == .settle ? .errorBefore : nil }
        try await faulty.sound.publish(1)
        let (firstBegun, secondBegun, secondEnds) = (OneShotSignal(), OneShotSignal(), OneShotSignal())
        let first = faulty.queue.consumer { message in
            #expect(message.attempt == 1)
            firstBegun.fire()
            // In a task of its own, so that the cancellation passes it by.
            await Task { try? await secondBegun.wait() }.value
        }
        let firstRun = Task { try await first.run() }
        try await firstBegun.wait()
        // The first takes no more, so that the second delivery goes to the other.
        first.pause()
        let second = faulty.sound.consumer { message in
            #expect(message.attempt == 2)
            secondBegun.fire()
            try await secondEnds.wait()
        }
        let secondRun = Task { try await second.run() }
        try await faulty.pass("the second delivery") { secondBegun.isFired }
        faulty.engine.heal()
        try await faulty.pass("the refusal") { first.statistics.stale == 1 }
        #expect(try await faulty.statistics.leased == 1)
        secondEnds.fire()
        try await faulty.pass("the end") { try await faulty.statistics.count == 0 }
        #expect(second.statistics.handled == 1)
        #expect(second.statistics.stale == 0)
        for run in [firstRun, secondRun] {
            try await faulty.end(run)
        }
    }

    @Test("what was held ready longer than its lease is not begun")
    func lapsedIsNotBegun() async throws {
        let faulty = FaultyQueue { call, _ in call.member == .settle ? .errorBefore : nil }
        _ = try await faulty.sound.publish((0..<5).map { NewMessage($0) })
        let (firstBegun, firstEnds) = (OneShotSignal(), OneShotSignal())
        let begun = Begun()
        var settings = ConsumerSettings()
        settings.prefetch = 10
        let consumer = faulty.queue.consumer(settings: settings) { message in
            begun.note(message)
            guard message.payload == 0, message.attempt == 1 else { return }
            firstBegun.fire()
            await Task { try? await firstEnds.wait() }.value
        }
        let run = Task { try await consumer.run() }
        try await firstBegun.wait()
        #expect(try await faulty.statistics.leased == 5)
        // The process was stopped for two leases.
        faulty.clock.advance(by: FaultyQueue.lease * 2)
        firstEnds.fire()
        faulty.engine.heal()
        try await faulty.pass("the end") { try await faulty.statistics.count == 0 }
        try await faulty.end(run)
        #expect(begun.entries.filter { $0.attempt == 1 }.map(\.value) == [0])
        #expect(begun.entries.filter { $0.attempt == 2 }.map(\.value).sorted() == Array(0..<5))
    }

    @Test(
        "a store that fails one call, whichever it is, costs no message, and the order of keys holds",
        arguments: [LeaseFault.errorBefore, .errorAfter])
    func faultSweep(_ fault: LeaseFault) async throws {
        for number in 1...40 {
            let faulty = FaultyQueue()
            _ = try await faulty.sound.publish((0..<8).map { NewMessage($0, key: "k\($0 % 2)") })
            faulty.engine.follow { call, _ in call.number == number ? fault : nil }
            let begun = Begun()
            let consumer = faulty.queue.consumer(concurrency: 2) { message in
                begun.note(message)
                if message.payload == 3, message.attempt == 1 { throw Reject.retry(after: .seconds(1)) }
            }
            let run = Task {
                // A declaration that fails is the caller's to repeat.
                if number == 1 { _ = try? await faulty.queue.declare() }
                try await consumer.run()
            }
            try await faulty.pass("the end with call \(number) failing") {
                try await faulty.statistics.count == 0
            }
            try await faulty.end(run)
            #expect(try await faulty.memory.inspect("numbers")?.totals.acknowledged == 8)
            for key in ["k0", "k1"] {
                var first: [Int] = []
                for entry in begun.entries where entry.key == key && !first.contains(entry.value) {
                    first.append(entry.value)
                }
                #expect(first == first.sorted() && first.count == 4, "call \(number): \(begun.entries)")
            }
        }
    }

    @Test("cancelled at any call to the store, a consumer leaves nothing leased")
    func cancellationSweep() async throws {
        for number in 2...40 {
            let faulty = FaultyQueue()
            _ = try await faulty.sound.publish((0..<8).map { NewMessage($0, key: "k\($0 % 2)") })
            let consumer = faulty.queue.consumer(concurrency: 2) { message in
                if message.payload == 3, message.attempt == 1 { throw Reject.retry(after: .seconds(1)) }
            }
            let run = Mutex<Task<Void, any Error>?>(nil)
            let isReached = OneShotSignal()
            faulty.engine.observe { call in
                guard call.number == number else { return }
                run.withLock { $0 }?.cancel()
                isReached.fire()
            }
            let task = Task { try await consumer.run() }
            run.withLock { $0 = task }
            // A consumer that is done before makes fewer calls.
            try await faulty.pass("call \(number)") {
                let count = try await faulty.statistics.count
                return isReached.isFired || count == 0
            }
            task.cancel()
            let ended = OneShotSignal()
            Task {
                _ = await task.result
                ended.fire()
            }
            try await faulty.pass("the end after call \(number)") { ended.isFired }
            try await task.value
            let statistics = try await faulty.statistics
            #expect(statistics.leased == 0, "after call \(number): \(statistics)")
            let totals = try #require(try await faulty.memory.inspect("numbers")).totals
            #expect(totals.acknowledged + statistics.count == 8)
        }
    }

    @Test(
        "a store that never answers does not keep a consumer from ending", arguments: FaultyQueueEngine.Member.allCases)
    func hangingStore(_ member: FaultyQueueEngine.Member) async throws {
        // The calls that a consumer makes while it runs.
        guard [.receive, .settle, .waitForChange].contains(member) else { return }
        let faulty = FaultyQueue()
        _ = try await faulty.sound.publish((0..<4).map { NewMessage($0) })
        try await faulty.queue.declare()
        faulty.engine.follow { call, _ in call.member == member ? .hangBefore : nil }
        let consumer = faulty.queue.consumer { _ in }
        let run = Task { try await consumer.run() }
        try await faulty.pass("the first call that hangs") { faulty.engine.hangingCount > 0 }
        run.cancel()
        let ended = OneShotSignal()
        Task {
            _ = await run.result
            ended.fire()
        }
        let start = faulty.clock.now
        try await faulty.pass("the end") { ended.isFired }
        #expect(start.duration(to: faulty.clock.now) < FaultyQueue.lease * 4)
        faulty.engine.heal()
        try await faulty.pass("the end of what was leased") { try await faulty.statistics.leased == 0 }
        #expect(try await faulty.statistics.ready == 4)
    }

    @Test("graceful shutdown hands back at once what was not begun, and cancels handlers after the drain limit")
    func gracefulShutdown() async throws {
        let faulty = FaultyQueue()
        _ = try await faulty.sound.publish((0..<6).map { NewMessage($0) })
        var settings = ConsumerSettings()
        settings.prefetch = 10
        settings.drainLimit = .seconds(20)
        let begun = OneShotSignal()
        let cancelledAt = Mutex<MonotonicInstant?>(nil)
        let consumer = faulty.queue.consumer(settings: settings) { _ in
            begun.fire()
            do {
                try await OneShotSignal().wait()
            } catch {
                cancelledAt.withLock { $0 = faulty.clock.now }
                throw error
            }
        }
        let group = ServiceGroup(services: [consumer], logger: Logger(label: "test"))
        let run = Task { try await group.run() }
        try await begun.wait()
        #expect(try await faulty.statistics.leased == 6)
        let start = faulty.clock.now
        await group.triggerGracefulShutdown()
        // Without a step of the clock: at once.
        try await faulty.pass("the hand-back", by: .zero) {
            let statistics = try await faulty.statistics
            return statistics.ready == 5 && statistics.leased == 1
        }
        try await faulty.pass("the drain limit") { cancelledAt.withLock { $0 } != nil }
        let took = try start.duration(to: #require(cancelledAt.withLock { $0 }))
        #expect(took >= .seconds(20))
        try await run.value
        // The handler was cancelled by the shutdown, so its message is not to blame.
        let deliveries = try await faulty.memory.receive(10, from: "numbers", lease: .seconds(1))
        #expect(deliveries.map(\.attempt) == Array(repeating: 1, count: 6))
    }
}
