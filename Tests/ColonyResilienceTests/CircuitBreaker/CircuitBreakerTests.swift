import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

struct Broken: Error, Equatable {}
struct Expected: Error {}

/// A permit in a place that can be shared and emptied.
final class HeldPermit {
    private var permit: CircuitPermit?

    init?(of breaker: CircuitBreaker) {
        guard let permit = breaker.tryAcquire() else { return nil }
        self.permit = consume permit
    }

    func take() -> CircuitPermit? { self.permit.take() }
}

@Suite("A circuit breaker")
struct CircuitBreakerTests {
    let clock = ManualClock()

    func makeBreaker(
        window: CircuitBreakerOptions.Window = .calls(10), failureRate: Double = 0.5,
        slowCalls: CircuitBreakerOptions.SlowCalls? = nil, minimumCalls: Int? = 4,
        wait: CircuitBreakerOptions.Wait = .init(.seconds(10)), probes: Int = 3,
        ignores: @escaping @Sendable (any Error) -> Bool = CircuitBreakerOptions.isLocal,
        counts: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) throws -> CircuitBreaker {
        let options = try CircuitBreakerOptions(
            window: window, failureRate: failureRate, slowCalls: slowCalls, minimumCalls: minimumCalls, wait: wait,
            probes: probes, ignores: ignores, counts: counts)
        return CircuitBreaker(options, name: "orders", clock: self.clock, generator: SeededGenerator(seed: 7))
    }

    func fail(_ breaker: CircuitBreaker, times: Int, with error: any Error = Broken()) async {
        for _ in 0..<times {
            _ = try? await breaker.execute { throw error }
        }
    }

    func succeed(_ breaker: CircuitBreaker, times: Int) async throws {
        for _ in 0..<times {
            try await breaker.execute {}
        }
    }

    @Test func `values and errors pass through a closed breaker`() async throws {
        let breaker = try self.makeBreaker()
        #expect(try await breaker.execute { 42 } == 42)
        await #expect(throws: Broken.self) { try await breaker.execute { throw Broken() } }
        #expect(breaker.state == .closed)
        #expect(breaker.snapshot.tally == CircuitTally(calls: 2, failures: 1))
    }

    @Test func `it opens at the threshold, and not before the minimum of calls`() async throws {
        let breaker = try self.makeBreaker()
        await self.fail(breaker, times: 3)
        #expect(breaker.state == .closed)
        await self.fail(breaker, times: 1)
        #expect(breaker.state == .open)
    }

    @Test func `a success that completes the minimum opens it if the failures before suffice`() async throws {
        let breaker = try self.makeBreaker()
        await self.fail(breaker, times: 3)
        try await self.succeed(breaker, times: 1)
        #expect(breaker.state == .open)
    }

    @Test func `an open breaker refuses without starting the call and tells the exact rest of the wait`() async throws {
        let breaker = try self.makeBreaker()
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .nanoseconds(3_000_000_001))
        let started = Mutex(false)
        let error = await #expect(throws: ResilienceError.self) {
            try await breaker.execute { started.withLock { $0 = true } }
        }
        #expect(error?.code == .circuitOpen)
        #expect(error?.retryAfter == .nanoseconds(6_999_999_999))
        #expect(error?.message.contains("orders") == true)
        #expect(started.withLock { $0 } == false)
        #expect(breaker.snapshot.totalRefusals == 1)
        self.clock.advance(by: .nanoseconds(6_999_999_998))
        #expect(breaker.state == .open)
        self.clock.advance(by: .nanoseconds(1))
        #expect(breaker.state == .halfOpen)
    }

    @Test func `good probes close it with an empty window`() async throws {
        let breaker = try self.makeBreaker()
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        try await self.succeed(breaker, times: 2)
        #expect(breaker.state == .halfOpen)
        try await self.succeed(breaker, times: 1)
        #expect(breaker.state == .closed)
        #expect(breaker.snapshot.tally == CircuitTally())
    }

    @Test func `probes decide by the same rates and open it as soon as the others cannot change it`() async throws {
        let breaker = try self.makeBreaker(probes: 4)
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        await self.fail(breaker, times: 1)
        try await self.succeed(breaker, times: 1)
        #expect(breaker.state == .halfOpen)
        await self.fail(breaker, times: 1)
        #expect(breaker.state == .open)
        #expect(breaker.snapshot.openings == 2)
    }

    @Test func `halfOpenAdmitsExactlyN: of a thousand callers at once exactly N are probes`() async throws {
        for round in 1...20 {
            let probes = 1 + round % 7
            let breaker = try self.makeBreaker(probes: probes)
            await self.fail(breaker, times: 4)
            self.clock.advance(by: .seconds(10))
            let admitted = await withTaskGroup(of: CircuitPermitBox?.self) { group in
                for _ in 0..<1_000 {
                    group.addTask { CircuitPermitBox(breaker) }
                }
                return await group.reduce(into: [CircuitPermitBox]()) { permits, permit in
                    if let permit { permits.append(permit) }
                }
            }
            #expect(admitted.count == probes)
            #expect(breaker.snapshot.totalRefusals == UInt64(1_000 - probes))
            for permit in admitted {
                permit.succeed()
            }
            #expect(breaker.state == .closed)
        }
    }

    @Test func `ignoredErrorsReturnPermit: ignored, cancelled and dropped probes give their place back`() async throws {
        let breaker = try self.makeBreaker(probes: 1, ignores: { $0 is Expected || $0 is CancellationError })
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        await self.fail(breaker, times: 50, with: Expected())
        await self.fail(breaker, times: 50, with: CancellationError())
        for _ in 0..<50 {
            _ = try breaker.acquire()
            try breaker.acquire().ignore()
        }
        #expect(breaker.state == .halfOpen)
        #expect(breaker.snapshot.probesUnderWay == 0)
        try await self.succeed(breaker, times: 1)
        #expect(breaker.state == .closed)
    }

    @Test func `refusals of the caller's own layers and cancellation are not counted unless asked for`() async throws {
        let breaker = try self.makeBreaker()
        await self.fail(breaker, times: 20, with: CancellationError())
        await self.fail(breaker, times: 20, with: ResilienceError(.rateLimited, "no permits"))
        #expect(breaker.snapshot.tally == CircuitTally())
        await self.fail(breaker, times: 4, with: ResilienceError(.deadlineExceeded, "too late"))
        #expect(breaker.state == .open)
    }

    @Test func `an error that does not count is an answer`() async throws {
        let breaker = try self.makeBreaker(counts: { !($0 is Expected) })
        await self.fail(breaker, times: 6, with: Expected())
        #expect(breaker.snapshot.tally == CircuitTally(calls: 6))
    }

    @Test func `lateResultsIgnored: results of calls from an earlier state do not count`() async throws {
        let breaker = try self.makeBreaker(probes: 2)
        let early = try (0..<8).map { _ in try #require(HeldPermit(of: breaker)) }
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        #expect(breaker.state == .halfOpen)
        for permit in early[..<4] {
            if let permit = permit.take() { permit.fail() }
        }
        #expect(breaker.state == .halfOpen)
        try await self.succeed(breaker, times: 2)
        for permit in early[4...] {
            if let permit = permit.take() { permit.fail() }
        }
        #expect(breaker.state == .closed)
        #expect(breaker.snapshot.tally == CircuitTally())
        #expect(breaker.snapshot.totalLateResults == 8)
    }

    @Test func `a late success is not counted either, by any way in`() async throws {
        let breaker = try self.makeBreaker()
        try await self.succeed(breaker, times: 10)
        let permit = try breaker.acquire()
        breaker.reset()
        try await self.succeed(breaker, times: 5)
        permit.succeed()
        #expect(breaker.snapshot.tally == CircuitTally(calls: 5))
        #expect(breaker.snapshot.totalSuccesses == 15)
    }

    @Test func `a probe that never comes back counts as failed when its time is over`() async throws {
        let breaker = try self.makeBreaker(probes: 1)
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        let lost = try #require(HeldPermit(of: breaker))
        #expect(HeldPermit(of: breaker) == nil)
        self.clock.advance(by: .seconds(59))
        #expect(breaker.state == .halfOpen)
        self.clock.advance(by: .seconds(1))
        #expect(breaker.state == .open)
        if let permit = lost.take() { permit.succeed() }
        #expect(breaker.state == .open)
    }

    @Test func `without calls it stays half-open and goes on admitting probes`() async throws {
        let breaker = try self.makeBreaker(probes: 2)
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        try await self.succeed(breaker, times: 1)
        self.clock.advance(by: .seconds(86_400))
        #expect(breaker.state == .halfOpen)
        try await self.succeed(breaker, times: 1)
        #expect(breaker.state == .closed)
    }

    @Test func `slow calls open it though they succeed`() async throws {
        let breaker = try self.makeBreaker(slowCalls: .init(longerThan: .seconds(1), rate: 0.5))
        for index in 0..<4 {
            try await breaker.execute { self.clock.advance(by: index < 2 ? .seconds(1) : .milliseconds(999)) }
        }
        #expect(breaker.state == .open)
        self.clock.advance(by: .seconds(10))
        for _ in 0..<2 {
            try await breaker.execute { self.clock.advance(by: .seconds(2)) }
        }
        #expect(breaker.state == .open)
    }

    @Test func `a window of time forgets what is older, slice by slice`() async throws {
        let breaker = try self.makeBreaker(window: .time(.seconds(10)))
        await self.fail(breaker, times: 3)
        self.clock.advance(by: .seconds(9))
        #expect(breaker.snapshot.tally == CircuitTally(calls: 3, failures: 3))
        self.clock.advance(by: .seconds(1))
        #expect(breaker.snapshot.tally == CircuitTally())
        try await self.succeed(breaker, times: 3)
        await self.fail(breaker, times: 3)
        #expect(breaker.state == .open)
    }

    @Test func `a success opens it if older successes have left the window, also after somebody has looked`()
        async throws
    {
        let breaker = try self.makeBreaker(window: .time(.seconds(10)))
        try await self.succeed(breaker, times: 6)
        self.clock.advance(by: .seconds(5))
        await self.fail(breaker, times: 5)
        self.clock.advance(by: .seconds(5))
        #expect(breaker.snapshot.tally == CircuitTally(calls: 5, failures: 5))
        try await self.succeed(breaker, times: 1)
        #expect(breaker.state == .open)
    }

    @Test func `the wait grows while probes fail, up to its maximum, and starts again after it was closed`()
        async throws
    {
        let breaker = try self.makeBreaker(
            wait: .init(.seconds(1), multiplier: 3, maximum: .seconds(5)), probes: 1)
        await self.fail(breaker, times: 4)
        var waits: [Duration?] = []
        for _ in 0..<4 {
            waits.append(breaker.snapshot.retryAfter)
            self.clock.advance(by: breaker.snapshot.retryAfter ?? .zero)
            await self.fail(breaker, times: 1)
        }
        #expect(waits == [.seconds(1), .seconds(3), .seconds(5), .seconds(5)])
        self.clock.advance(by: .seconds(5))
        try await self.succeed(breaker, times: 1)
        await self.fail(breaker, times: 4)
        #expect(breaker.snapshot.retryAfter == .seconds(1))
    }

    @Test func `jitter spreads the waits of many breakers over its share, and a seed repeats it`() async throws {
        func waits(_ seed: UInt64) async throws -> [Duration] {
            let options = try CircuitBreakerOptions(
                window: .calls(1), wait: .init(.seconds(10), jitter: 0.5), probes: 1)
            let breaker = CircuitBreaker(
                options, clock: self.clock, generator: SeededGenerator(seed: Seed(rawValue: seed)))
            var waits: [Duration] = []
            for _ in 0..<1_000 {
                await self.fail(breaker, times: 1)
                let wait = try #require(breaker.snapshot.retryAfter)
                waits.append(wait)
                self.clock.advance(by: wait)
            }
            return waits
        }
        let first = try await waits(1)
        #expect(try await waits(1) == first)
        #expect(first.allSatisfy { $0 >= .seconds(5) && $0 <= .seconds(10) })
        let mean = first.reduce(.zero, +) / 1_000
        #expect(mean > .milliseconds(7_300) && mean < .milliseconds(7_700), "\(mean)")
    }

    @Test func `forced states hold until they are taken back`() async throws {
        let breaker = try self.makeBreaker()
        breaker.forceOpen()
        self.clock.advance(by: .seconds(86_400))
        let error = await #expect(throws: ResilienceError.self) { try await breaker.execute {} }
        #expect(error?.code == .circuitOpen)
        #expect(error?.retryAfter == nil)
        breaker.disable()
        await self.fail(breaker, times: 100)
        #expect(breaker.state == .disabled)
        #expect(breaker.snapshot.tally == CircuitTally())
        breaker.reset()
        await self.fail(breaker, times: 4)
        #expect(breaker.state == .open)
    }

    @Test func `listeners get every change in order, and those who do not keep up the newest`() async throws {
        let breaker = try self.makeBreaker(probes: 1)
        let events = breaker.events()
        await self.fail(breaker, times: 4)
        self.clock.advance(by: .seconds(10))
        try await self.succeed(breaker, times: 1)
        breaker.forceOpen()
        var seen: [CircuitBreakerEvent] = []
        for await event in events.prefix(4) {
            seen.append(event)
        }
        #expect(seen.map(\.to) == [.open, .halfOpen, .closed, .forcedOpen])
        #expect(seen.map(\.reason) == [.failures, .waitIsOver, .probesSucceeded, .forced])
        #expect(seen[0].tally == CircuitTally(calls: 4, failures: 4))
        #expect(seen[0].wait == .seconds(10))

        let late = breaker.events()
        for _ in 0..<200 {
            breaker.reset()
            breaker.forceOpen()
        }
        var kept = 0
        var last: CircuitBreakerState?
        for await event in late.prefix(64) {
            kept += 1
            last = event.to
        }
        #expect(kept == 64)
        #expect(last == .forcedOpen)
    }

    @Test func `concurrent successes and resets lose no result`() async throws {
        for window in [CircuitBreakerOptions.Window.calls(100), .time(.seconds(60))] {
            let breaker = try self.makeBreaker(window: window, minimumCalls: 10)
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for call in 0..<5_000 {
                            try? await breaker.execute { if call % 50 == 0 { throw Broken() } }
                            if task == 0, call % 500 == 0 { breaker.reset() }
                        }
                    }
                }
            }
            let snapshot = breaker.snapshot
            #expect(
                snapshot.totalSuccesses + snapshot.totalFailures + snapshot.totalLateResults
                    + snapshot.totalRefusals == 40_000)
            #expect(snapshot.state == .closed)
        }
    }

    @Test func `a call inside a call of the same breaker is a call of its own`() async throws {
        let breaker = try self.makeBreaker()
        try await breaker.execute { try await breaker.execute {} }
        #expect(breaker.snapshot.tally == CircuitTally(calls: 2))
    }
}

/// A permit that many tasks may hold a reference to.
final class CircuitPermitBox: Sendable {
    private let permit: Mutex<CircuitPermit?>

    init?(_ breaker: CircuitBreaker) {
        guard let permit = breaker.tryAcquire() else { return nil }
        self.permit = Mutex(consume permit)
    }

    func succeed() {
        self.permit.withLock { permit in
            if let permit = permit.take() { permit.succeed() }
        }
    }
}
