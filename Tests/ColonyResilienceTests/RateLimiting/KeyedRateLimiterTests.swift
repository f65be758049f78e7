import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

/// A clock whose readings come in the order of the decisions, and not of time.
private final class LateClock: MonotonicClock {
    private let readings: Mutex<[Int64]>

    init(_ milliseconds: [Int64]) { self.readings = Mutex(milliseconds) }

    var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.readings.withLock { $0.removeFirst() } * 1_000_000)
    }

    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {}
}

@Suite("One limit for each key", .timeLimit(.minutes(2)))
struct KeyedRateLimiterTests {
    private let clock = ManualClock()

    @Test(arguments: Seed(0x21).followed(by: 200))
    func `with room for all keys it answers as a naive limiter for each`(seed: Seed) throws {
        var random = SeededGenerator(seed: seed)
        let rule = try RateLimitRule(
            Int.random(in: 1...9, using: &random), per: .milliseconds(1), burst: Int.random(in: 1...9, using: &random))
        let limiter = try KeyedRateLimiter<Int>(rule, capacity: 10_000, clock: self.clock)
        var models: [Int: NaiveLimiter] = [:]
        let keys = Int.random(in: 1...300, using: &random)
        for step in 0..<1_000 {
            if Int.random(in: 0..<4, using: &random) == 0 {
                self.clock.advance(by: .nanoseconds(Int64.random(in: 0...(2 * rule.interval), using: &random)))
            }
            let now = self.clock.now.nanoseconds
            let key = Int.random(in: 0..<keys, using: &random)
            if Int.random(in: 0..<50, using: &random) == 0 {
                limiter.reset(key)
                models[key] = nil
                continue
            }
            let permits = Int.random(in: 1...rule.burst, using: &random)
            let model = models[key, default: NaiveLimiter(.tokenBucket, rule)].keepingNewest(10)
            let decision = try limiter.take(permits, for: key)
            try #require(decision.isAllowed == model.fits(permits, at: now), "\(seed), step \(step), key \(key)")
            var changed = model
            if decision.isAllowed { changed.grant(permits, at: now) }
            models[key] = changed
        }
    }

    /// With too little room limits are forgotten, and still no key gets more than its rule allows.
    @Test(arguments: Seed(0x31).followed(by: 50), [1, 5, 64, 200])
    func `with too little room no key gets more than its rule allows`(seed: Seed, capacity: Int) throws {
        var random = SeededGenerator(seed: seed)
        let rule = try RateLimitRule(5, per: .milliseconds(1), burst: 4)
        let limiter = try KeyedRateLimiter<Int>(rule, capacity: capacity, clock: self.clock)
        var models: [Int: NaiveLimiter] = [:]
        for _ in 0..<2_000 {
            self.clock.advance(by: .nanoseconds(Int64.random(in: 0...(rule.interval / 4), using: &random)))
            let key = Int.random(in: 0..<400, using: &random)
            let permits = Int.random(in: 1...4, using: &random)
            if try limiter.take(permits, for: key).isAllowed {
                models[key, default: NaiveLimiter(.tokenBucket, rule)].grant(permits, at: self.clock.now.nanoseconds)
            }
            try #require(limiter.count <= capacity)
        }
        for (key, model) in models {
            if let defect = model.defect() { Issue.record("\(seed): key \(key) got \(defect)") }
        }
    }

    @Test func `what is full is forgotten`() throws {
        let limiter = try KeyedRateLimiter<String>(
            RateLimitRule(1, per: .seconds(1)), capacity: 1_000_000, clock: self.clock)
        for number in 0..<50_000 {
            #expect(try limiter.take(for: "client-\(number)").isAllowed)
            if number.isMultiple(of: 500) { self.clock.advance(by: .seconds(1)) }
        }
        // Of each stripe no more than half a table is left that has been full for long.
        #expect(limiter.count < 5_000)
    }

    @Test func `keys that differ by their bytes only are what equality says`() throws {
        let limiter = try KeyedRateLimiter<[UInt8]>(
            RateLimitRule(1, per: .seconds(1)), capacity: 100, clock: self.clock)
        #expect(try limiter.take(for: Array("caf\u{E9}".utf8)).isAllowed)
        #expect(try limiter.take(for: Array("cafe\u{301}".utf8)).isAllowed)
        #expect(try !limiter.take(for: Array("caf\u{E9}".utf8)).isAllowed)
    }

    @Test func `another rule holds for all keys at once`() throws {
        let limiter = try KeyedRateLimiter<Int>(RateLimitRule(1, per: .seconds(1)), capacity: 10_000, clock: self.clock)
        for key in 0..<1_000 { #expect(try limiter.take(for: key).isAllowed) }
        let rule = try RateLimitRule(1, per: .seconds(1), burst: 3)
        limiter.change(to: rule)
        #expect(limiter.rule == rule)
        for key in 0..<1_000 {
            #expect(try limiter.take(2, for: key).isAllowed)
            #expect(try limiter.take(for: key).retryAfter == .seconds(1))
        }
    }

    @Test(arguments: [-1, 2, Int.max, Int.min])
    func `permits that can never be taken are refused and quoted`(permits: Int) throws {
        let limiter = try KeyedRateLimiter<Int>(RateLimitRule(1, per: .seconds(1)), capacity: 10, clock: self.clock)
        let error = #expect(throws: ResilienceError.self) { try limiter.take(permits, for: 1) }
        #expect(error?.code == .invalidRequest && error?.message.contains("\(permits)") == true)
        #expect(limiter.count == 0)
    }

    @Test(arguments: [0, -1, Int.max, Int.min])
    func `room that cannot be is refused and quoted`(capacity: Int) throws {
        let rule = try RateLimitRule(1, per: .seconds(1))
        let error = #expect(throws: ResilienceError.self) { try KeyedRateLimiter<Int>(rule, capacity: capacity) }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("\(capacity)") == true)
    }

    @Test func `threads together get no more of a key than one would`() async throws {
        let limiter = try KeyedRateLimiter<Int>(RateLimitRule(100, per: .seconds(3_600)), capacity: 10_000)
        let granted = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { try (0..<2_000).count { try limiter.take(for: $0 % 10).isAllowed } }
            }
            return try await group.reduce(0, +)
        }
        #expect((1_000...1_010).contains(granted))
    }

    @Test func `a thread that read the clock long before it got its turn forgives nothing`() throws {
        // Rules of one permit a second: the second call read the clock before the first, and comes after it.
        let clock = LateClock([10_000, 8_500, 9_600, 10_999, 11_000])
        let limiter = try KeyedRateLimiter<Int>(RateLimitRule(1, per: .seconds(1)), capacity: 10, clock: clock)
        let decisions = try (0..<5).map { _ in try limiter.take(for: 1) }
        #expect(decisions.map(\.isAllowed) == [true, false, false, false, true])
        #expect(decisions.map(\.retryAfter) == [.zero, .seconds(1), .seconds(1), .milliseconds(1), .zero])
    }
}
