public import ColonyCore
public import ColonyResilience
import Synchronization

/// What the body of a ``RateLimitCase`` works with: two clients of one store, names that nobody else uses, and time.
///
/// Ask through the context: it compares every answer with an ideal bucket.
public struct RateLimitCaseContext: Sendable {
    /// One client of the store.
    public let engine: any RateLimitEngine
    /// Another client of the same store.
    public let other: any RateLimitEngine
    /// What made the clients.
    public let harness: any RateLimitHarness
    /// What all names of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String
    private let buckets = WatchedBuckets()

    /// Makes the context of one run of one case.
    ///
    /// - Parameter prefix: Used by no other run, and at most 100 bytes.
    public init(
        engine: any RateLimitEngine, other: any RateLimitEngine, harness: any RateLimitHarness, prefix: String
    ) {
        self.engine = engine
        self.other = other
        self.harness = harness
        self.prefix = prefix
    }

    // MARK: Names, rules, and time

    /// A name of this case.
    public func name(_ text: String = "limit") throws -> RateLimitName {
        let name = try RateLimitName(self.prefix + text)
        self.buckets.watch(name)
        return name
    }

    /// A rule of one permit in ten minutes, so that none comes back while a case is running, however slow the machine.
    public func slow(burst: Int) throws -> RateLimitRule {
        try RateLimitRule(1, per: .seconds(600), burst: burst)
    }

    /// A rule for waiting: its period is at the scale of the harness.
    public func scaled(_ permits: Int, per period: Duration, burst: Int? = nil) throws -> RateLimitRule {
        try RateLimitRule(permits, per: max(period * self.harness.timeScale, .microseconds(permits)), burst: burst)
    }

    /// Lets `duration`, which is not scaled, pass on the store's clock; a little more if that clock is not the case's.
    public func pass(_ duration: Duration) async throws {
        try await self.harness.advance(by: duration + self.slack(over: duration) * 2)
    }

    /// The full amount of something, reduced to the effort of the harness.
    public func amount(_ full: Int, atLeast minimum: Int = 1) -> Int {
        max(minimum, Int(Double(full) * self.harness.effort))
    }

    /// The time on the clock on which cases measure.
    public var now: MonotonicInstant { self.harness.clock.now }

    /// By how much the reckoning of the store may differ after a while: by its unit, and by a clock that is being corrected.
    func slack(over duration: Duration) -> Duration {
        self.harness.isExact ? .zero : self.harness.resolution + duration / 1_000
    }

    // MARK: Asking

    /// Asks, and compares each answer with an ideal bucket.
    ///
    /// No other task may ask about the same limits meanwhile.
    ///
    /// - Throws: ``ConformanceFailure`` at an answer that an ideal bucket could not give, and what the engine throws.
    @discardableResult
    public func take(
        _ requests: [RateLimitRequest], on engine: (any RateLimitEngine)? = nil
    ) async throws -> [RateLimitDecision] {
        let before = self.now
        let decisions: [RateLimitDecision]
        do {
            decisions = try await (engine ?? self.engine).take(requests)
        } catch {
            let moment = self.moment(since: before)
            self.buckets.mayHaveTaken(error.code == .invalidRequest ? [] : requests, at: moment)
            throw error
        }
        let moment = self.moment(since: before)
        try expect(
            decisions.count == requests.count, "\(requests.count) requests were given \(decisions.count) answers")
        for (request, decision) in zip(requests, decisions) {
            try self.buckets.judge(decision, of: request, at: moment)
        }
        return decisions
    }

    /// Asks for permits of one limit.
    @discardableResult
    public func take(
        _ permits: Int = 1, of name: RateLimitName, _ rule: RateLimitRule, on engine: (any RateLimitEngine)? = nil
    ) async throws -> RateLimitDecision {
        let decisions = try await self.take([RateLimitRequest(name, permits: permits, rule: rule)], on: engine)
        return try require(decisions.first, "one request was given no answer")
    }

    /// Permits that have to be granted.
    @discardableResult
    public func granted(
        _ permits: Int = 1, of name: RateLimitName, _ rule: RateLimitRule, on engine: (any RateLimitEngine)? = nil
    ) async throws -> RateLimitDecision {
        let decision = try await self.take(permits, of: name, rule, on: engine)
        if !decision.isAllowed { throw Inconclusive("\(permits) permits of \(name) were within their bounds refused") }
        return decision
    }

    /// Permits that have to be refused.
    ///
    /// A grant that an ideal bucket could give by now proves nothing; one that it could not give has failed already.
    @discardableResult
    public func refused(
        _ permits: Int = 1, of name: RateLimitName, _ rule: RateLimitRule, on engine: (any RateLimitEngine)? = nil
    ) async throws -> RateLimitDecision {
        let decision = try await self.take(permits, of: name, rule, on: engine)
        if decision.isAllowed { throw Inconclusive("\(permits) permits of \(name) came back too soon") }
        return decision
    }

    /// Resets a limit and compares the answer.
    @discardableResult
    public func reset(_ name: RateLimitName, on engine: (any RateLimitEngine)? = nil) async throws -> Bool {
        let before = self.now
        let owed = try await (engine ?? self.engine).reset(name)
        try self.buckets.judgeReset(owed, of: name, at: self.moment(since: before))
        return owed
    }

    /// Fails unless requests are refused with `code` and change nothing.
    public func expectRefusal(_ code: ResilienceError.Code, _ requests: [RateLimitRequest], _ what: String) async throws
    {
        do {
            _ = try await self.take(requests)
        } catch let error as ResilienceError {
            try expect(
                error.code == code,
                "\(what) was refused with \(error.code), and \(code) was expected: \(error.message)")
            return
        }
        throw ConformanceFailure("\(what) was not refused with \(code)")
    }

    /// Lists, and compares the decision in a record with what one permit would be answered.
    func observe(
        _ name: RateLimitName, _ rule: RateLimitRule, _ list: () async throws -> [RateLimitRecord]
    ) async throws -> [RateLimitRecord] {
        let before = self.now
        let records = try await list()
        let moment = self.moment(since: before)
        for record in records where record.name == name {
            var bucket = self.buckets.bucket(of: name)
            try bucket.judge(record.decision, of: RateLimitRequest(name, permits: 1, rule: rule), at: moment)
        }
        return records
    }

    private func moment(since before: MonotonicInstant) -> WatchedBucket.Moment {
        let after = self.now
        return WatchedBucket.Moment(
            before: before.nanoseconds, after: after.nanoseconds,
            slack: self.buckets.slack(at: after, resolution: self.harness.resolution.clampedNanoseconds))
    }

    /// Resets what the case has left owing.
    func cleanUp() async throws {
        for name in self.buckets.names { try await self.engine.reset(name) }
    }
}

/// What is known of the limits of a case.
private final class WatchedBuckets: Sendable {
    private let state = Mutex<[RateLimitName: WatchedBucket]>([:])
    private let start = Mutex<MonotonicInstant?>(nil)

    func watch(_ name: RateLimitName) {
        self.state.withLock { if $0[name] == nil { $0[name] = WatchedBucket() } }
    }

    func bucket(of name: RateLimitName) -> WatchedBucket { self.state.withLock { $0[name] ?? WatchedBucket() } }

    var names: [RateLimitName] { self.state.withLock { Array($0.keys) } }

    /// Two clocks drift apart from the first answer on.
    func slack(at now: MonotonicInstant, resolution: Int64) -> Int64 {
        if resolution == 0 { return 0 }
        let start = self.start.withLock { start -> MonotonicInstant in
            let first = start ?? now
            start = first
            return first
        }
        return resolution + (now.nanoseconds - start.nanoseconds) / 1_000
    }

    func judge(
        _ decision: RateLimitDecision, of request: RateLimitRequest, at moment: WatchedBucket.Moment
    ) throws {
        try self.state.withLock {
            try $0[request.name, default: WatchedBucket()].judge(decision, of: request, at: moment)
        }
    }

    func judgeReset(_ owed: Bool, of name: RateLimitName, at moment: WatchedBucket.Moment) throws {
        try self.state.withLock { try $0[name, default: WatchedBucket()].judgeReset(owed, at: moment) }
    }

    func mayHaveTaken(_ requests: [RateLimitRequest], at moment: WatchedBucket.Moment) {
        self.state.withLock { state in
            for request in requests {
                state[request.name, default: WatchedBucket()].mayHaveTaken(request, at: moment)
            }
        }
    }
}
