public import ColonyCore
import Synchronization

/// A limit that all processes share that use the same store and the same name.
///
/// ```swift
/// let limiter = try SharedRateLimiter("mail", RateLimitRule(50, per: .seconds(1)), on: engine)
/// try await limiter.takeOrWait(upTo: .seconds(2))
/// ```
///
/// Each call asks the store, whose clock alone counts: in any window of length *w* all processes together are granted at most
/// `burst + permits · w / period`. Where a round trip for each call is too much, a ``TwoTierRateLimiter`` takes many permits at a time.
///
/// While the store cannot be reached the limiter does what ``SharedRateLimiterOptions/outage`` says. What it grants by itself it takes from
/// the store before it grants anything else when the store is back, so that a recovery is no burst.
///
/// - Complexity: One round trip.
public final class SharedRateLimiter: ResilienceLayer {
    /// What it has done so far.
    public struct Statistics: Hashable, Sendable {
        /// Permits that the store granted.
        public var granted: UInt64 = 0
        /// Requests that were refused, by the store or without it.
        public var refused: UInt64 = 0
        /// Permits that were granted without the store.
        public var grantedLocally: UInt64 = 0
        /// Calls that did not reach the store.
        public var missed: UInt64 = 0
        /// Whether the store could not be reached when it was asked for the last time.
        public var isOut = false
    }

    private struct State {
        var outage: OutageState
        var statistics = Statistics()
        var lastError: ResilienceError?
    }

    /// The limit.
    public let name: RateLimitName
    /// Its rule, which travels with each request.
    public let rule: RateLimitRule
    /// How it works.
    public let options: SharedRateLimiterOptions

    private let engine: any RateLimitEngine
    private let clock: any MonotonicClock
    /// Grants during an outage.
    private let local: RateLimiter?
    private let state: Mutex<State>
    private let line: WaitingLine

    /// Makes a limiter; does not ask the store.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ name: RateLimitName, _ rule: RateLimitRule, on engine: any RateLimitEngine,
        _ options: SharedRateLimiterOptions = SharedRateLimiterOptions(), clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        try options.check()
        self.name = name
        self.rule = rule
        self.options = options
        self.engine = engine
        self.clock = clock
        if case .failOpen(let rule) = options.outage {
            self.local = try RateLimiter(rule, RateLimiterOptions(name: "\(name) without its store"), clock: clock)
        } else {
            self.local = nil
        }
        self.state = Mutex(State(outage: OutageState(rule, probe: options.probeInterval.clampedNanoseconds)))
        self.line = WaitingLine(capacity: options.maximumWaiting)
    }

    /// What it has done so far.
    public var statistics: Statistics {
        self.state.withLock { state in
            var statistics = state.statistics
            statistics.isOut = state.outage.isOut
            return statistics
        }
    }

    // MARK: Taking

    /// Takes permits if they can be used now, all or none.
    ///
    /// A repeat takes permits again: after `unavailable` or `cancelled` the store may have taken them.
    ///
    /// - Parameter permits: From 1 to the burst of the rule; 0 only looks.
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, `cancelled`, `closed`, or, if it fails closed, `unavailable`; then
    ///   ``ResilienceError/retryAfter`` says when the store will be asked again.
    @discardableResult
    public func take(_ permits: Int = 1) async throws(ResilienceError) -> RateLimitDecision {
        let request = RateLimitRequest(self.name, permits: permits, rule: self.rule)
        try request.check()
        let directive = self.state.withLock { $0.outage.call(at: self.now) }
        switch directive {
        case .ask(let isProbe): return try await self.ask(request, isProbe: isProbe)
        case .followPolicy(let wait): return try self.answerAlone(permits, until: wait)
        case .refuse(let wait): return self.refuse(for: wait)
        case .settle(let owed): return try await self.settle(owed, before: request)
        }
    }

    private var now: Int64 { self.clock.now.nanoseconds }

    /// Asks the store, and learns from how that ends whether it can be reached.
    ///
    /// - Returns: `nil` if it could not.
    private func decision(
        on request: RateLimitRequest, isProbe: Bool
    ) async throws(ResilienceError) -> RateLimitDecision? {
        do {
            return try await self.engine.take(request)
        } catch {
            guard error.code == .unavailable else {
                self.state.withLock { $0.outage.learnedNothing(isProbe: isProbe) }
                throw error
            }
            self.state.withLock { state in
                state.outage.missed(isProbe: isProbe, at: self.now)
                state.statistics.missed += 1
                state.lastError = error
            }
            return nil
        }
    }

    private func ask(
        _ request: RateLimitRequest, isProbe: Bool
    ) async throws(ResilienceError) -> RateLimitDecision {
        guard let decision = try await self.decision(on: request, isProbe: isProbe) else {
            return try self.answerAlone(request.permits, until: self.options.probeInterval.clampedNanoseconds)
        }
        self.state.withLock { state in
            state.outage.reached(isProbe: isProbe, at: self.now)
            state.statistics.granted += decision.isAllowed ? UInt64(request.permits) : 0
            state.statistics.refused += decision.isAllowed ? 0 : 1
        }
        return decision
    }

    private func settle(
        _ owed: Int, before request: RateLimitRequest
    ) async throws(ResilienceError) -> RateLimitDecision {
        var owed = owed
        // Others may have been granted permits without the store while it was asked.
        while owed > 0 {
            let debt = RateLimitRequest(self.name, permits: owed, rule: self.rule)
            guard let decision = try await self.decision(on: debt, isProbe: true) else {
                return try self.answerAlone(request.permits, until: self.options.probeInterval.clampedNanoseconds)
            }
            guard decision.isAllowed else {
                let wait = self.state.withLock {
                    $0.outage.owes(at: self.now, retryAfter: decision.retryAfter.clampedNanoseconds)
                }
                return self.refuse(for: wait)
            }
            owed = self.state.withLock { $0.outage.settled(at: self.now) }
        }
        return try await self.ask(request, isProbe: false)
    }

    private func refuse(for wait: Int64) -> RateLimitDecision {
        self.state.withLock { $0.statistics.refused += 1 }
        return RateLimitDecision(
            isAllowed: false, remaining: 0, retryAfter: .nanoseconds(wait), resetAfter: .nanoseconds(wait))
    }

    /// Answers without the store, as the policy says.
    private func answerAlone(_ permits: Int, until wait: Int64) throws(ResilienceError) -> RateLimitDecision {
        guard let local else {
            throw ResilienceError(
                .unavailable,
                "the store of the limit \(self.name) could not be reached, and without it nothing is granted",
                retryAfter: .nanoseconds(wait), cause: self.state.withLock { $0.lastError })
        }
        // More than the local burst has to wait for the store.
        guard permits <= local.rule.burst else { return self.refuse(for: wait) }
        let decision = try local.take(permits)
        self.state.withLock { state in
            if decision.isAllowed {
                state.outage.granted(permits, at: self.now)
                state.statistics.grantedLocally += UInt64(permits)
            } else {
                state.statistics.refused += 1
            }
        }
        return decision
    }

    // MARK: Waiting

    /// Takes permits, and waits until they are granted.
    ///
    /// A store keeps no turns, so the limiter asks again when it was told to. Of those who wait in this process one asks at a time, in
    /// the order in which they came; other processes, and calls of ``take(_:)``, may be served before. A wait that is cancelled takes
    /// nothing, unless the store was being asked at that moment.
    ///
    /// - Parameters:
    ///   - permits: From 1 to the burst of the rule.
    ///   - limit: The longest wait; without it, the deadline of the task is the only limit, and 366 days. If it is known that the
    ///     permits come later, the call is refused at once.
    /// - Returns: How long it has waited.
    /// - Throws: ``ResilienceError`` with code `rateLimited`, `deadlineExceeded` if the deadline had passed, and those of ``take(_:)``.
    @discardableResult
    public func takeOrWait(
        _ permits: Int = 1, upTo limit: Duration? = nil
    ) async throws(ResilienceError) -> Duration {
        let start = self.clock.now
        let end = try WaitingLine.end(of: limit, from: start, name: self.name.rawValue)
        // When to ask next: the wait that a refusal tells counts from the refusal, and goes on in the line.
        var moment = start
        // While nobody waits all may ask at the same time.
        if self.line.isEmpty {
            let decision = try await self.take(permits)
            if decision.isAllowed { return start.duration(to: self.clock.now) }
            moment = try self.moment(after: decision, permits, end)
        }
        guard let place = self.line.enter() else {
            throw ResilienceError(
                .rateLimited, "\(self.name): \(self.options.maximumWaiting) callers wait already",
                retryAfter: max(.zero, self.clock.now.duration(to: moment)))
        }
        defer { self.line.leave(place) }
        guard try await self.line.waitToBeFirst(place, until: end, on: self.clock) else {
            throw ResilienceError(
                .rateLimited, "\(self.name): those who came before were still waiting after \(start.duration(to: end))")
        }
        while true {
            do {
                try await self.clock.sleep(until: moment, tolerance: nil)
            } catch {
                throw ResilienceError(
                    .cancelled, "\(self.name): the wait for \(permits) permits was cancelled", cause: error)
            }
            let decision = try await self.take(permits)
            if decision.isAllowed { return start.duration(to: self.clock.now) }
            moment = try self.moment(after: decision, permits, end)
        }
    }

    /// When to ask again after a refusal.
    ///
    /// - Throws: ``ResilienceError`` with code `rateLimited` if that is too late.
    private func moment(
        after refusal: RateLimitDecision, _ permits: Int, _ end: MonotonicInstant
    ) throws(ResilienceError) -> MonotonicInstant {
        let wait = refusal.retryAfter
        let moment = self.clock.now.advanced(by: wait)
        if moment <= end { return moment }
        throw ResilienceError(
            .rateLimited, "\(self.name): \(permits) permits are free in \(wait), and that is too late",
            retryAfter: wait)
    }

    /// Takes a permit, waits for it for up to ``SharedRateLimiterOptions/maximumWait``, and runs an operation.
    ///
    /// - Throws: ``ResilienceError`` of ``takeOrWait(_:upTo:)`` before the operation is started, `CancellationError`, and what the
    ///   operation throws.
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            try await self.takeOrWait(upTo: self.options.maximumWait)
        } catch {
            throw error.asTasksThrow
        }
        return try await operation()
    }
}
