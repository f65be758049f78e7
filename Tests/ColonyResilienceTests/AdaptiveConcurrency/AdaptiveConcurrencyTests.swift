import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("An adaptive limit")
struct AdaptiveConcurrencyTests {
    func makeState(
        _ algorithm: any ConcurrencyAlgorithm, initial: Int = 20, limits: ClosedRange<Int> = 1...300
    ) throws -> AdaptiveConcurrencyState {
        AdaptiveConcurrencyState(
            try AdaptiveConcurrencyOptions(limits: limits, initialLimit: initial, window: .milliseconds(100)), algorithm
        )
    }

    static let seeds = Seed(rawValue: 11).followed(by: 3)

    @Test(arguments: seeds, [1, 20, 45])
    func `vegas converges on what the server can do at once and a short queue`(seed: Seed, initial: Int) throws {
        var state = try self.makeState(VegasAlgorithm(), initial: initial)
        var server = SimulatedServer(workers: 40, seed: seed)
        let limit = server.run(&state, for: 12_000_000_000)
        #expect((36.0...56.0).contains(limit), "\(limit)")
    }

    @Test(arguments: seeds)
    func `vegas follows a server that has grown, and one that has shrunk`(seed: Seed) throws {
        var state = try self.makeState(VegasAlgorithm())
        var server = SimulatedServer(workers: 20, seed: seed)
        let before = server.run(&state, for: 8_000_000_000)
        server.workers = 80
        let grown = server.run(&state, for: 8_000_000_000)
        server.workers = 20
        let shrunk = server.run(&state, for: 16_000_000_000)
        #expect((18.0...30.0).contains(before), "\(before)")
        #expect((70.0...105.0).contains(grown), "\(grown)")
        #expect((18.0...36.0).contains(shrunk), "\(shrunk)")
    }

    @Test(arguments: seeds)
    func `gradient2 starts from what is normal, gives way to load, and stays within its bounds`(seed: Seed) throws {
        var state = try self.makeState(Gradient2Algorithm())
        var server = SimulatedServer(workers: 40, seed: seed)
        let limit = server.run(&state, for: 12_000_000_000)
        #expect((40.0...110.0).contains(limit), "\(limit)")
        server.workers = 10
        let under = server.run(&state, for: 3_000_000_000)
        #expect(under < limit * 0.75, "\(under) after \(limit)")
    }

    @Test(arguments: seeds)
    func `AIMD finds the limit of a server that refuses`(seed: Seed) throws {
        var state = try self.makeState(AIMDAlgorithm())
        var server = SimulatedServer(workers: 40, seed: seed)
        server.queue = 20
        let limit = server.run(&state, for: 16_000_000_000)
        #expect((50.0...62.0).contains(limit), "\(limit)")
    }

    @Test func `a limit that is not used does not grow`() throws {
        let quiet = ConcurrencySample(
            meanNanoseconds: 1_000, shortestNanoseconds: 1_000, inFlight: 3, hasDropped: false)
        var algorithms: [any ConcurrencyAlgorithm] = [
            try AIMDAlgorithm(), try VegasAlgorithm(), try Gradient2Algorithm(),
        ]
        for index in algorithms.indices {
            for _ in 0..<100 {
                #expect(algorithms[index].limit(after: 20, quiet) == 20)
            }
        }
    }

    @Test func `a call that was dropped at once is not the fastest of all`() throws {
        var state = try self.makeState(VegasAlgorithm())
        var now: Int64 = 0
        func window(_ state: inout AdaptiveConcurrencyState, drops: Int) {
            for call in 0..<12 {
                now += 10_000_000
                let isDropped = call < drops
                _ = state.record(isDropped ? 1_000 : 10_000_000, inFlight: state.limit, isDropped: isDropped, at: now)
            }
        }
        for _ in 0..<3 { window(&state, drops: 0) }
        let before = state.limit
        #expect(before > 20)
        window(&state, drops: 1)
        #expect(state.limit == before - 1)
        for _ in 0..<5 { window(&state, drops: 0) }
        #expect(state.limit > before)
    }

    @Test func `a window in which all calls were dropped lowers the limit, and leaves no time behind`() throws {
        for algorithm: any ConcurrencyAlgorithm in [
            try AIMDAlgorithm(), try VegasAlgorithm(), try Gradient2Algorithm(),
        ] {
            var state = try self.makeState(algorithm)
            for call in 1...12 {
                _ = state.record(1_000, inFlight: 20, isDropped: true, at: Int64(call) * 10_000_000)
            }
            #expect(state.limit < 20, "\(algorithm)")
            let lowered = state.limit
            for call in 13...132 {
                _ = state.record(10_000_000, inFlight: 20, isDropped: false, at: Int64(call) * 10_000_000)
            }
            #expect(state.limit > lowered, "\(algorithm)")
        }
    }

    @Test func `vegas gives way to a drop in a window that has a new shortest time`() throws {
        var vegas = try VegasAlgorithm(probeMultiplier: 1)
        var shortest: Int64 = 1_000
        // Each of them is the first, has a shorter time than all before, or measures anew.
        for _ in 0..<40 {
            let sample = ConcurrencySample(
                meanNanoseconds: shortest, shortestNanoseconds: shortest, inFlight: 20, hasDropped: true)
            #expect(vegas.limit(after: 20, sample) == 19)
            shortest -= 1
        }
    }

    @Test func `an algorithm that answers nonsense is kept within bounds`() throws {
        struct Nonsense: ConcurrencyAlgorithm {
            var answers: [Double] = [.nan, .infinity, -.infinity, -5, 1e300]
            mutating func limit(after limit: Double, _ sample: ConcurrencySample) -> Double {
                self.answers.removeFirst()
            }
        }
        let options = try AdaptiveConcurrencyOptions(
            limits: 2...50, initialLimit: 10, window: .milliseconds(1), minimumSamples: 1)
        var state = AdaptiveConcurrencyState(options, Nonsense())
        var limits: [Int] = []
        for window in 1...5 {
            let now = Int64(window) * 10_000_000
            _ = state.record(1, inFlight: 1, isDropped: false, at: now)
            _ = state.record(1, inFlight: 1, isDropped: false, at: now + 2_000_000)
            limits.append(state.limit)
        }
        #expect(limits == [10, 10, 10, 2, 50])
    }

    @Test func `calls are measured, drops lower the limit, other errors say nothing`() async throws {
        let clock = ManualClock()
        let options = try AdaptiveConcurrencyOptions(
            limits: 1...100, initialLimit: 4, window: .milliseconds(10), minimumSamples: 3)
        let limit = AdaptiveConcurrencyLimit(options, try AIMDAlgorithm(), clock: clock)
        let events = limit.events()
        // Two at once, so that the limit is used.
        try await limit.execute {
            for _ in 0..<4 {
                try await limit.execute { clock.advance(by: .milliseconds(5)) }
            }
        }
        #expect(limit.limit == 5)
        for _ in 0..<20 {
            _ = try? await limit.execute {
                clock.advance(by: .milliseconds(5))
                throw Broken()
            }
            _ = try? await limit.execute { throw CancellationError() }
        }
        #expect(limit.limit == 5)
        for _ in 0..<3 {
            _ = try? await limit.execute {
                clock.advance(by: .milliseconds(5))
                throw ResilienceError(.deadlineExceeded, "too late")
            }
        }
        #expect(limit.limit == 4)
        #expect(limit.snapshot.running == 0)
        var seen: [[Int]] = []
        for await event in events.prefix(2) {
            seen.append([event.from, event.to])
        }
        #expect(seen == [[4, 5], [5, 4]])
    }

    @Test func `permitReleasedOnce: places come back from calls that are refused, fail, and are cancelled in line`()
        async throws
    {
        let clock = ManualClock()
        let options = try AdaptiveConcurrencyOptions(
            limits: 1...1, maximumWaiting: 1, maximumWait: .seconds(1))
        let limit = AdaptiveConcurrencyLimit(options, try VegasAlgorithm(), name: "search", clock: clock)
        let waiter = try await limit.execute {
            let waiter = Task { try await limit.execute {} }
            try await clock.waitForSleepers(1)
            let error = await #expect(throws: ResilienceError.self) { try await limit.execute {} }
            #expect(error?.code == .bulkheadFull)
            #expect(error?.message.contains("search") == true)
            waiter.cancel()
            return waiter
        }
        await #expect(throws: CancellationError.self) { try await waiter.value }
        #expect(limit.snapshot.running == 0)
        #expect(limit.snapshot.waiting == 0)
        try await limit.execute {}
    }

    @Test func `numbers that cannot work are refused and quoted`() {
        func refusal(_ make: () throws -> Void) -> String {
            let error = #expect(throws: ResilienceError.self) { try make() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message ?? ""
        }
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(limits: 0...5) }.contains("0"))
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(limits: -3...5) }.contains("-3"))
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(limits: 1 ... .max) }.contains("\(Int.max)"))
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(limits: 1...5, initialLimit: 6) }.contains("6"))
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(window: .zero) }.contains("0.0"))
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(minimumSamples: 0) }.contains("0"))
        #expect(refusal { _ = try AdaptiveConcurrencyOptions(maximumWaiting: -1) }.contains("-1"))
        #expect(refusal { _ = try AIMDAlgorithm(backoff: .nan) }.contains("nan"))
        #expect(refusal { _ = try AIMDAlgorithm(backoff: 1) }.contains("1.0"))
        #expect(refusal { _ = try AIMDAlgorithm(timeout: .seconds(-1)) }.contains("-1.0"))
        #expect(refusal { _ = try VegasAlgorithm(probeMultiplier: 0) }.contains("0"))
        #expect(refusal { _ = try Gradient2Algorithm(smoothing: .infinity) }.contains("inf"))
        #expect(refusal { _ = try Gradient2Algorithm(headRoom: 0) }.contains("0.0"))
        #expect(refusal { _ = try Gradient2Algorithm(longWindow: .max) }.contains("\(Int.max)"))
    }
}
