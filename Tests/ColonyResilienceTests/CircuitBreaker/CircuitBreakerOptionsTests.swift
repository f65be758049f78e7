import ColonyResilience
import Synchronization
import Testing

/// A set of breakers as its own closures see it.
private final class SetOfBreakers: Sendable {
    private let set = Mutex<CircuitBreakers<String>?>(nil)

    func put(_ breakers: CircuitBreakers<String>?) { self.set.withLock { $0 = breakers } }

    var breakers: CircuitBreakers<String>? { self.set.withLock { $0 } }
    var count: Int? { self.breakers?.all.count }
}

@Suite("The options of a circuit breaker")
struct CircuitBreakerOptionsTests {
    typealias Options = CircuitBreakerOptions

    @Test func `the defaults can be had without numbers`() throws {
        let options = try Options()
        #expect(options.window == .calls(100))
        #expect(options.minimumCalls == 20)
        #expect(try Options(window: .calls(5)).minimumCalls == 5)
    }

    @Test(arguments: [0, -1, Double.nan, .infinity, -.infinity, 1.000_001, 0.000_000_9])
    func `rates that cannot work are refused and quoted`(rate: Double) {
        let first = #expect(throws: ResilienceError.self) { try Options(failureRate: rate) }
        let second = #expect(throws: ResilienceError.self) {
            try Options(slowCalls: .init(longerThan: .seconds(1), rate: rate))
        }
        for error in [first, second] {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("\(rate)") == true, "\(error?.message ?? "")")
        }
    }

    @Test(arguments: [
        (Options.Window.calls(0), "0"), (.calls(-5), "-5"), (.calls(.max), "\(Int.max)"),
        (.calls(1_000_001), "1000001"),
        (.time(.zero), "0.0"), (.time(.seconds(-1)), "-1.0"), (.time(.microseconds(999)), "0.000999"),
        (.time(.seconds(Int64.max)), "9.223372036854776e+18"),
    ])
    func `windows that cannot work are refused and quoted`(window: Options.Window, quoted: String) {
        let error = #expect(throws: ResilienceError.self) { try Options(window: window) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(quoted) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [0, -1, 11, Int.max])
    func `minimums beyond the window are refused and quoted`(minimum: Int) {
        let error = #expect(throws: ResilienceError.self) { try Options(window: .calls(10), minimumCalls: minimum) }
        #expect(error?.message.contains("\(minimum)") == true)
    }

    @Test(arguments: [0, -1, 1_001, Int.max])
    func `numbers of probes that cannot work are refused and quoted`(probes: Int) {
        let error = #expect(throws: ResilienceError.self) { try Options(probes: probes) }
        #expect(error?.message.contains("\(probes)") == true)
    }

    @Test(arguments: [
        Options.Wait(.zero), .init(.seconds(-3)), .init(.seconds(1), multiplier: 0.5),
        .init(.seconds(1), multiplier: .nan),
        .init(.seconds(1), multiplier: .infinity), .init(.seconds(10), maximum: .seconds(9)),
        .init(.seconds(1), maximum: .seconds(100_000)), .init(.seconds(1), jitter: -0.1),
        .init(.seconds(1), jitter: 1.1),
        .init(.seconds(1), jitter: .nan),
    ])
    func `waits that cannot work are refused`(wait: Options.Wait) {
        let error = #expect(throws: ResilienceError.self) { try Options(wait: wait) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `a rate is counted in millionths, so that no rounding moves the threshold`() async throws {
        // 0.55 · 100 is 55.00000000000001 in floating point, which 55 failures would not reach.
        let options = try Options(window: .calls(100), failureRate: 0.55, minimumCalls: 100)
        let breaker = CircuitBreaker(options)
        for call in 0..<100 {
            try breaker.acquire().fail(call < 55 ? Broken() : CancellationError())
            if call >= 55 { try breaker.acquire().succeed() }
        }
        #expect(breaker.state == .open)
    }

    @Test func `a set of breakers is bounded, and prefers to forget closed ones`() throws {
        let options = try Options()
        #expect(throws: ResilienceError.self) { try CircuitBreakers<String>(options, maximumCount: 0) }
        let breakers = try CircuitBreakers<String>(options, maximumCount: 3)
        breakers["down"].forceOpen()
        let first = breakers["a"]
        #expect(breakers["a"] === first)
        for host in 0..<100 {
            _ = breakers["host \(host)"]
        }
        #expect(breakers.all.count == 3)
        #expect(breakers["down"].state == .forcedOpen)
        #expect(breakers["a"] !== first)
        #expect(breakers["a"].name == "a")
    }

    @Test func `the closures of a set may look at it, and the breaker that was there first is kept`() throws {
        let seen = SetOfBreakers()
        let counts = Mutex<[Int?]>([])
        let breakers = try CircuitBreakers<String>(
            try Options(), maximumCount: 2,
            name: { key in
                let isFirst = counts.withLock { counts in
                    counts.append(seen.count)
                    return counts.count == 1
                }
                // As another task could at this moment.
                if isFirst { seen.breakers?[key].forceOpen() }
                return key
            },
            makeGenerator: {
                counts.withLock { $0.append(seen.count) }
                return SystemRandomNumberGenerator()
            })
        seen.put(breakers)
        defer { seen.put(nil) }
        #expect(breakers["a"].state == .forcedOpen)
        #expect(breakers.all["a"] === breakers["a"])
        _ = breakers["b"]
        _ = breakers["c"]
        #expect(counts.withLock { $0 } == [0, 0, 0, 1, 1, 1, 2, 2])
        #expect(Set(breakers.all.keys) == ["a", "c"])
    }
}
