public import ColonyCore
import Synchronization

/// Grants so many permits in a period to the tasks of this process, and tells those that it refuses when to come again.
///
/// ```swift
/// let limiter = try RateLimiter(RateLimitRule(100, per: .seconds(1)))
/// let decision = try limiter.take()
/// if !decision.isAllowed { return tooManyRequests(retryAfter: decision.retryAfter) }
/// ```
///
/// ``take(_:)`` never waits. ``takeOrWait(_:upTo:)`` reserves a turn and waits for it; turns are given in the order in which they are asked
/// for, and nobody who asks later passes before those who wait. As a layer it takes one permit for each call.
///
/// A limit that several processes share is a ``SharedRateLimiter`` or a ``TwoTierRateLimiter``; one limit for each client or user is a
/// ``KeyedRateLimiter``.
///
/// - Complexity: With the token bucket and the leaky bucket one reading of the clock and one compare-and-exchange, without a lock; else a
///   short mutex.
public final class RateLimiter: ResilienceLayer {
    /// What it has done so far.
    public struct Statistics: Hashable, Sendable {
        /// Requests that were refused, and those that would have had to wait for too long.
        public var refused: UInt64
        /// Requests that have waited for their turn, or do.
        public var waited: UInt64
        /// Waits that were cancelled.
        public var cancelled: UInt64
        /// How many wait now.
        public var waiting: Int
    }

    /// How it works.
    public let options: RateLimiterOptions
    /// What errors and metrics call it.
    public var name: String { self.options.name }

    let clock: any MonotonicClock
    /// The meter of an algorithm that needs no lock. Unmanaged, because to retain and release it costs as much as to take a permit;
    /// ``meter`` is the same object and keeps it alive.
    private let cells: Unmanaged<CellMeter>?
    private let meter: any Meter
    let queue: TurnQueue
    private let currentRule: Mutex<RateLimitRule>
    /// The burst of the rule, where it can be read without a lock.
    private let largest: Atomic<Int>
    private let refused = Atomic<UInt64>(0)
    private let waited = Atomic<UInt64>(0)
    private let cancelled = Atomic<UInt64>(0)

    /// Makes a token bucket that is full.
    ///
    /// Permits, period, and burst are those of ``RateLimitRule``.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public convenience init(
        _ permits: Int, per period: Duration, burst: Int? = nil, name: String = "limiter",
        clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        try self.init(
            try RateLimitRule(permits, per: period, burst: burst), RateLimiterOptions(name: name), clock: clock)
    }

    /// Makes a limiter that is full.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ rule: RateLimitRule, _ options: RateLimiterOptions = RateLimiterOptions(),
        clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        try options.check(with: rule)
        self.options = options
        self.clock = clock
        self.currentRule = Mutex(rule)
        self.largest = Atomic(rule.burst)
        let cells: CellMeter? =
            switch options.algorithm {
            case .tokenBucket: CellMeter(rule, isEven: false)
            case .leakyBucket: CellMeter(rule, isEven: true)
            case .slidingWindowLog, .slidingWindowCounter: nil
            }
        let meter: any Meter =
            if let cells {
                cells
            } else if options.algorithm == .slidingWindowLog {
                WindowMeter(rule, WindowLog.self)
            } else {
                WindowMeter(rule, WindowCounter.self)
            }
        self.cells = cells.map { Unmanaged.passUnretained($0) }
        self.meter = meter
        self.queue = TurnQueue(meter, capacity: options.maximumWaiting, clock: clock)
    }

    // MARK: Taking

    /// Takes permits if they can be used now, all or none.
    ///
    /// - Parameter permits: From 1 to the burst of the rule; 0 only looks.
    /// - Returns: The decision. If it is a refusal, the same request is granted after exactly ``RateLimitDecision/retryAfter``, unless
    ///   others take permits meanwhile.
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the number.
    @discardableResult
    public func take(_ permits: Int = 1) throws(ResilienceError) -> RateLimitDecision {
        try self.check(permits)
        let now = self.clock.now.nanoseconds
        let answer = self.meter.take(Int64(permits), at: now, within: 0)
        if !answer.isGranted { self.refused.wrappingAdd(1, ordering: .relaxed) }
        return answer.decision(at: now)
    }

    /// Takes permits if they can be used now, and tells nothing more.
    ///
    /// The shortest way, for hot paths.
    ///
    /// - Parameter permits: From 1 to the burst of the rule; any other number is never granted.
    public func tryTake(_ permits: Int = 1) -> Bool {
        guard permits >= 1, permits <= self.largest.load(ordering: .relaxed) else { return false }
        let isGranted = self.takeNow(Int64(permits))
        if !isGranted { self.refused.wrappingAdd(1, ordering: .relaxed) }
        return isGranted
    }

    @inline(__always)
    private func takeNow(_ permits: Int64) -> Bool {
        let now = self.clock.now.nanoseconds
        if let cells { return cells._withUnsafeGuaranteedRef { $0.tryTake(permits, at: now) } }
        return self.meter.take(permits, at: now, within: 0).isGranted
    }

    private func check(_ permits: Int) throws(ResilienceError) {
        let largest = self.largest.load(ordering: .relaxed)
        guard permits >= 0, permits <= largest else {
            throw ResilienceError(
                .invalidRequest,
                "\(self.name): \(permits) permits can never be taken at once: from 0 to its burst of \(largest)")
        }
    }

    // MARK: Waiting

    /// Takes permits, and waits until they may be used.
    ///
    /// The turn is reserved at once. If it comes too late, that is after `limit` or after ``Deadline/current``, the call is refused at
    /// once and nothing is reserved. A wait that is cancelled gives its turn back, and those behind it move up, as if it had never been. If
    /// the turn has come when the cancellation is seen, the call returns as if nothing had happened.
    ///
    /// - Parameters:
    ///   - permits: From 1 to the burst of the rule.
    ///   - limit: The longest wait; without it, the deadline of the task is the only limit, and 366 days.
    /// - Returns: How long it has waited, zero if it has not.
    /// - Throws: ``ResilienceError`` with code `rateLimited` and ``ResilienceError/retryAfter`` if the turn comes too late or too many
    ///   wait, `deadlineExceeded` if the deadline had passed, `invalidRequest`, or `cancelled`. Nothing is taken then.
    @discardableResult
    public func takeOrWait(
        _ permits: Int = 1, upTo limit: Duration? = nil
    ) async throws(ResilienceError) -> Duration {
        try self.check(permits)
        let now = self.clock.now
        let end = try WaitingLine.end(of: limit, from: now, name: self.name)
        return try await self.reserve(permits, at: now, within: now.duration(to: end).clampedNanoseconds)
    }

    private func reserve(
        _ permits: Int, at now: MonotonicInstant, within limit: Int64
    ) async throws(ResilienceError) -> Duration {
        let (answer, number) = self.queue.reserve(Int64(permits), at: now.nanoseconds, within: limit)
        guard answer.isGranted else { throw self.refusal(of: permits, in: answer.slot - now.nanoseconds, limit) }
        guard let number else { return .zero }
        self.waited.wrappingAdd(1, ordering: .relaxed)
        switch await self.queue.wait(for: number) {
        case .turn:
            return max(.zero, now.duration(to: self.clock.now))
        case .cancelled(let error):
            self.cancelled.wrappingAdd(1, ordering: .relaxed)
            throw ResilienceError(
                .cancelled, "\(self.name): the wait for \(permits) permits was cancelled", cause: error)
        case .dismissed(let slot):
            throw self.refusal(of: permits, in: slot - self.clock.now.nanoseconds, limit)
        }
    }

    private func refusal(of permits: Int, in nanoseconds: Int64, _ limit: Int64) -> ResilienceError {
        self.refused.wrappingAdd(1, ordering: .relaxed)
        let wait = Duration.nanoseconds(nanoseconds)
        let reason =
            nanoseconds > limit
            ? "and \(Duration.nanoseconds(limit)) is the longest wait"
            : "and \(self.options.maximumWaiting) callers wait already"
        return ResilienceError(
            .rateLimited, "\(self.name): \(permits) permits are free in \(wait), \(reason)", retryAfter: wait)
    }

    /// Takes a permit, waits for it for up to ``RateLimiterOptions/maximumWait``, and runs an operation.
    ///
    /// - Throws: ``ResilienceError`` with code `rateLimited` and ``ResilienceError/retryAfter``, or `deadlineExceeded`, before the
    ///   operation is started; `CancellationError`; and what the operation throws.
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        // What it does not get here is not refused yet.
        if !self.takeNow(1) {
            do {
                try await self.takeOrWait(upTo: self.options.maximumWait)
            } catch {
                throw error.asTasksThrow
            }
        }
        return try await operation()
    }

    // MARK: The rule

    /// The rule that it holds.
    public var rule: RateLimitRule { self.currentRule.withLock { $0 } }

    /// Holds another rule from now on.
    ///
    /// What is owed is owed in time and stays owed, up to what the new burst takes to fill up; a window goes on with the grants that it
    /// remembers. Who waits gets another turn, in the same order, and is refused if that comes too late. A call that overlaps the change
    /// may be decided by either rule.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration` if the algorithm cannot hold the rule, or if those who wait would
    ///   have to wait for decades under it, with the number of permits that they wait for; nothing has changed then.
    public func change(to rule: RateLimitRule) throws(ResilienceError) {
        try self.options.check(with: rule)
        let excess = self.currentRule.withLock { current -> Int64? in
            if let excess = self.queue.change(to: rule, at: self.clock.now.nanoseconds) { return excess }
            self.largest.store(rule.burst, ordering: .relaxed)
            current = rule
            return nil
        }
        if let excess {
            throw ResilienceError(
                .invalidConfiguration,
                "\(self.name): \(excess) permits are waited for, and at \(rule) they would take decades")
        }
    }

    /// What it has done so far.
    public var statistics: Statistics {
        Statistics(
            refused: self.refused.load(ordering: .relaxed), waited: self.waited.load(ordering: .relaxed),
            cancelled: self.cancelled.load(ordering: .relaxed), waiting: self.queue.count)
    }
}
