import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

/// Attempts that wait on the clock for as long as the script says for each, and tell how they ended.
private final class Attempts: Sendable {
    private struct State {
        var started = 0
        var running = 0
        var cancelled = 0
    }

    private let clock: ManualClock
    private let lengths: [Duration]
    private let failing: Set<Int>
    private let state = Mutex(State())

    init(_ lengths: [Duration], failing: Set<Int> = [], clock: ManualClock) {
        self.lengths = lengths
        self.failing = failing
        self.clock = clock
    }

    var started: Int { self.state.withLock { $0.started } }
    var running: Int { self.state.withLock { $0.running } }
    var cancelled: Int { self.state.withLock { $0.cancelled } }

    func run() async throws -> Int {
        let number = HedgeAttempt.current ?? 0
        self.state.withLock { state in
            state.started += 1
            state.running += 1
        }
        defer { self.state.withLock { $0.running -= 1 } }
        do {
            try await self.clock.sleep(for: self.lengths[number - 1])
        } catch {
            self.state.withLock { $0.cancelled += 1 }
            throw error
        }
        if self.failing.contains(number) { throw Failure(number: number) }
        return number
    }
}

@Suite("Hedge")
struct HedgeTests {
    private func hedge(
        after delay: Duration = .seconds(1), hedges: Int = 1, budget: RetryBudget? = nil, clock: ManualClock
    ) throws -> Hedge {
        try Hedge(HedgeOptions(delay: .fixed(delay), maximumHedges: hedges, budget: budget), name: "test", clock: clock)
    }

    @Test func `a first attempt that is in time is alone`() async throws {
        let clock = ManualClock()
        let attempts = Attempts([.milliseconds(500)], clock: clock)
        let hedge = try self.hedge(clock: clock)
        let call = Task { try await hedge.execute { try await attempts.run() } }
        try await clock.waitForSleepers(2)
        clock.advanceToNextDeadline()
        #expect(try await call.value == 1)
        #expect(attempts.started == 1)
        #expect(clock.sleeperCount == 0, "the timer is gone")
        #expect(hedge.statistics.hedgedCount == 0)
    }

    @Test func `a late attempt is overtaken, cancelled, and waited for`() async throws {
        let clock = ManualClock()
        let attempts = Attempts([.seconds(60), .seconds(1)], clock: clock)
        let hedge = try self.hedge(clock: clock)
        let call = Task { try await hedge.execute { try await attempts.run() } }
        try await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        try await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        #expect(try await call.value == 2)
        #expect(attempts.running == 0)
        #expect(attempts.cancelled == 1)
        #expect(clock.sleeperCount == 0)
        #expect(hedge.statistics.hedgedCount == 1)
        #expect(hedge.statistics.hedgeWins == 1)
    }

    @Test func `no more hedges are started than allowed`() async throws {
        let clock = ManualClock()
        let attempts = Attempts([.seconds(10), .seconds(10), .seconds(10), .seconds(10)], clock: clock)
        let hedge = try self.hedge(hedges: 2, clock: clock)
        let call = Task { try await hedge.execute { try await attempts.run() } }
        for sleepers in [2, 3, 3] {
            try await clock.waitForSleepers(sleepers)
            clock.advance(by: .seconds(1))
        }
        clock.advance(by: .seconds(60))
        _ = try await call.value
        #expect(attempts.started == 3)
        #expect(attempts.running == 0)
    }

    @Test func `a failure is no reason to hedge, and does not beat an attempt under way`() async throws {
        let clock = ManualClock()
        let hedge = try self.hedge(clock: clock)
        let first = Attempts([.milliseconds(1)], failing: [1], clock: clock)
        let call = Task { try await hedge.execute { try await first.run() } }
        try await clock.waitForSleepers(2)
        clock.advanceToNextDeadline()
        await #expect(throws: Failure(number: 1)) { try await call.value }
        #expect(first.started == 1)

        let second = Attempts([.seconds(2), .seconds(5)], failing: [1], clock: clock)
        let other = Task { try await hedge.execute { try await second.run() } }
        try await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        try await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        try await clock.waitForSleepers(1)
        clock.advance(by: .seconds(60))
        #expect(try await other.value == 2)
    }

    @Test func `the budget bounds hedges, and not calls`() async throws {
        let clock = ManualClock()
        let budget = try RetryBudget(ratio: 0.5, minimumPerSecond: 0, window: .seconds(3_600), clock: clock)
        let hedge = try self.hedge(budget: budget, clock: clock)
        for isGranted in [false, true, false, true] {
            let refused = hedge.statistics.refusedByBudget
            let attempts = Attempts([.seconds(2), .seconds(2)], clock: clock)
            let call = Task { try await hedge.execute { try await attempts.run() } }
            try await clock.waitForSleepers(2)
            clock.advance(by: .seconds(1))
            if isGranted {
                try await clock.waitForSleepers(2)
            } else {
                while hedge.statistics.refusedByBudget == refused { await Task.yield() }
            }
            clock.advance(by: .seconds(2))
            _ = try await call.value
            #expect(attempts.started == (isGranted ? 2 : 1))
        }
        #expect(hedge.statistics.hedgedCount == 2)
        #expect(hedge.statistics.refusedByBudget == 2)
        #expect(hedge.statistics.calls == 4)
    }

    @Test func `no hedge is started at the deadline or after it`() async throws {
        let clock = ManualClock()
        let attempts = Attempts([.seconds(5), .seconds(5)], clock: clock)
        let hedge = try self.hedge(clock: clock)
        let call = Task {
            try await Deadline.within(.seconds(1), on: clock) { try await hedge.execute { try await attempts.run() } }
        }
        try await clock.waitForSleepers(1)
        clock.advance(by: .seconds(60))
        _ = try await call.value
        #expect(attempts.started == 1)
    }

    @Test(arguments: [0, 1])
    func `a cancellation reaches every attempt and the timer`(hedged: Int) async throws {
        let clock = ManualClock()
        let attempts = Attempts([.seconds(60), .seconds(60)], clock: clock)
        let hedge = try self.hedge(clock: clock)
        let call = Task { try await hedge.execute { try await attempts.run() } }
        try await clock.waitForSleepers(2)
        if hedged == 1 {
            clock.advance(by: .seconds(1))
            try await clock.waitForSleepers(2)
        }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(attempts.running == 0)
        #expect(attempts.cancelled == hedged + 1)
        #expect(clock.sleeperCount == 0)
    }

    @Test func `the delay follows the percentile of the latencies within its bounds`() async throws {
        let clock = ManualClock()
        let delay = HedgeDelay.percentile(90, atLeast: .milliseconds(5), atMost: .seconds(1))
        let hedge = try Hedge(HedgeOptions(delay: delay, minimumSamples: 100, budget: nil), name: "test", clock: clock)
        #expect(hedge.delay == .seconds(1))
        func call(lasting length: Duration) async throws {
            try await hedge.execute { clock.advance(by: length) }
        }
        for number in 1...99 { try await call(lasting: .milliseconds(number)) }
        #expect(hedge.delay == .seconds(1), "99 latencies are too few")
        try await call(lasting: .milliseconds(100))
        #expect(hedge.delay >= .milliseconds(90) && hedge.delay <= .milliseconds(96))
        for _ in 1...10_000 { try await call(lasting: .milliseconds(1)) }
        #expect(hedge.delay == .milliseconds(5))
    }

    @Test func `only first attempts count, and those of callers that gave up early do not`() async throws {
        let clock = ManualClock()
        let delay = HedgeDelay.percentile(50, atLeast: .milliseconds(5), atMost: .seconds(1))
        let hedge = try Hedge(HedgeOptions(delay: delay, minimumSamples: 1, budget: nil), name: "test", clock: clock)
        let given = Attempts([.seconds(60)], clock: clock)
        let early = Task { try await hedge.execute { try await given.run() } }
        try await clock.waitForSleepers(2)
        clock.advance(by: .milliseconds(10))
        early.cancel()
        await #expect(throws: CancellationError.self) { try await early.value }
        #expect(hedge.delay == .seconds(1))
        let attempts = Attempts([.seconds(60), .milliseconds(100)], clock: clock)
        let call = Task { try await hedge.execute { try await attempts.run() } }
        try await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        try await clock.waitForSleepers(2)
        clock.advance(by: .milliseconds(100))
        #expect(try await call.value == 2)
        #expect(hedge.delay == .seconds(1), "the quick second attempt is not the latency of the service")
    }

    @Test func `settings that cannot work are refused with their value`() {
        func message(_ body: () throws -> HedgeOptions) -> String? {
            let error = #expect(throws: ResilienceError.self) { _ = try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try HedgeOptions(delay: .fixed(.zero)) }?.contains("0.0 seconds") == true)
        #expect(message { try HedgeOptions(delay: .fixed(.seconds(-1))) }?.contains("-1") == true)
        let (one, ten) = (Duration.milliseconds(1), Duration.milliseconds(10))
        for bad in [Double.nan, 0, 49.9, 100, .infinity] {
            #expect(
                message { try HedgeOptions(delay: .percentile(bad, atLeast: one, atMost: ten)) }?.contains("\(bad)")
                    == true)
        }
        #expect(
            message { try HedgeOptions(delay: .percentile(95, atLeast: ten, atMost: one)) }?.contains("0.01") == true)
        #expect(message { try HedgeOptions(maximumHedges: 0) }?.contains("0 hedges") == true)
        #expect(message { try HedgeOptions(maximumHedges: .max) }?.contains("9223372036854775807") == true)
        #expect(message { try HedgeOptions(minimumSamples: -1) }?.contains("-1") == true)
    }
}
