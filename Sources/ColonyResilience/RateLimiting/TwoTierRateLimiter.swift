public import ColonyCore
import Synchronization

/// A shared limit that takes permits from its store in batches and grants them by itself, millions in a second.
///
/// Every permit that it grants has been taken from the store before, so what *n* limiters grant in any window of length *w* is at
/// most `burst + permits · w / period`, and what they held in advance when the window began: ``overshootBound(limiters:)``. A permit that is
/// not used within ``TwoTierOptions/leaseDuration`` is lost.
///
/// ``run()`` fetches the next batch before the present one is used up; without it, the call that finds nothing left asks the store, and
/// the others wait for that.
///
/// ```swift
/// let limiter = try TwoTierRateLimiter("api", RateLimitRule(100_000, per: .seconds(1)), on: engine, TwoTierOptions(leaseSize: 10_000))
/// async let fetching: Void = limiter.run()
/// if limiter.tryTake() { serve() }
/// ```
///
/// - Complexity: One reading of the clock and one compare-and-exchange; a round trip if there is no batch.
public final class TwoTierRateLimiter: ResilienceLayer {
    /// How it works.
    public let options: TwoTierOptions
    /// The limit as the store keeps it; ask it for ``SharedRateLimiter/statistics``.
    public let store: SharedRateLimiter

    private let clock: any MonotonicClock
    private let permits = LeasedPermits()
    private let batch: Int
    private let duration: Int64
    /// At how many permits the next batch is fetched.
    private let low: Int64
    private let line: WaitingLine
    /// Wakes ``run()`` while it runs.
    private let wish = Mutex<AsyncStream<Void>.Continuation?>(nil)
    /// Whether ``run()`` has been told to fetch, and the batch that it was told to fetch is not in use yet.
    private let isWanted = Atomic<Bool>(false)
    private let isFetching = Atomic<Bool>(false)

    /// Makes a limiter that holds nothing; does not ask the store.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ name: RateLimitName, _ rule: RateLimitRule, on engine: any RateLimitEngine, _ options: TwoTierOptions,
        clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        try options.check(with: rule)
        self.options = options
        self.store = try SharedRateLimiter(name, rule, on: engine, options.store, clock: clock)
        self.clock = clock
        self.batch = options.leaseSize / 2
        self.low = Int64(self.batch / 2)
        self.duration = options.leaseDuration.clampedNanoseconds
        self.line = WaitingLine(capacity: max(1, options.store.maximumWaiting))
    }

    /// By how many permits so many limiters of one limit may exceed its rule in any window, all together.
    ///
    /// Each holds at most ``TwoTierOptions/leaseSize`` permits in advance, and each of those was taken at most
    /// ``TwoTierOptions/leaseDuration`` before it is used.
    public func overshootBound(limiters: Int) -> Int {
        let held = limiters.multipliedReportingOverflow(by: self.options.leaseSize)
        return held.overflow ? .max : held.partialValue
    }

    // MARK: Taking

    /// Takes permits that it holds; never asks the store.
    ///
    /// - Parameter permits: From 1 to half of the lease size; any other number is never granted.
    public func tryTake(_ permits: Int = 1) -> Bool {
        guard permits >= 1, permits <= self.batch else { return false }
        return self.takeHeld(Int64(permits), at: self.clock.now.nanoseconds)
    }

    @inline(__always)
    private func takeHeld(_ permits: Int64, at now: Int64) -> Bool {
        if let left = self.permits.take(permits, at: now) {
            if left <= self.low { self.wantMore() }
            return true
        }
        return self.takeNext(permits, at: now)
    }

    @inline(never)
    private func takeNext(_ permits: Int64, at now: Int64) -> Bool {
        while self.permits.advance(for: permits, at: now) {
            self.isWanted.store(false, ordering: .releasing)
            if self.permits.take(permits, at: now) != nil { return true }
        }
        // What was fetched may have run out before it was used.
        if !self.isFetching.load(ordering: .acquiring) { self.isWanted.store(false, ordering: .releasing) }
        self.wantMore()
        return false
    }

    private func wantMore() {
        // A relaxed look first: the exchange would take the cache line away from the others.
        if self.isWanted.load(ordering: .relaxed) { return }
        if !self.isWanted.exchange(true, ordering: .acquiringAndReleasing) {
            self.wish.withLock { _ = $0?.yield() }
        }
    }

    /// Takes permits, all or none; asks the store if it holds too few.
    ///
    /// - Parameter permits: From 1 to the burst of the rule. More than half of the lease size are always taken from the store.
    /// - Returns: The decision. ``RateLimitDecision/remaining`` says what it holds, or, if it was refused, what the store has.
    /// - Throws: As ``SharedRateLimiter/take(_:)``; `rateLimited` if too many wait for the store, `deadlineExceeded` if the deadline passes
    ///   first.
    @discardableResult
    public func take(_ permits: Int = 1) async throws(ResilienceError) -> RateLimitDecision {
        guard permits >= 1, permits <= self.batch else { return try await self.store.take(permits) }
        if self.takeHeld(Int64(permits), at: self.clock.now.nanoseconds) { return self.granted() }
        guard let place = self.line.enter() else {
            throw ResilienceError(
                .rateLimited, "\(self.store.name): \(self.options.store.maximumWaiting) callers wait already")
        }
        defer { self.line.leave(place) }
        let end = try WaitingLine.end(of: nil, from: self.clock.now, name: self.store.name.rawValue)
        guard try await self.line.waitToBeFirst(place, until: end, on: self.clock) else {
            throw ResilienceError(
                .deadlineExceeded, "\(self.store.name): the deadline passed while permits were fetched",
                isNotStarted: true)
        }
        // Whoever stood before may have fetched enough.
        if self.takeHeld(Int64(permits), at: self.clock.now.nanoseconds) { return self.granted() }
        return try await self.fetch(for: permits)
    }

    private func granted() -> RateLimitDecision {
        let left = Int(self.permits.left(at: self.clock.now.nanoseconds))
        return RateLimitDecision(isAllowed: true, remaining: left, retryAfter: .zero, resetAfter: .zero)
    }

    /// Takes a batch from the store, or what there is of one, and of that so many permits.
    private func fetch(for permits: Int) async throws(ResilienceError) -> RateLimitDecision {
        var size = self.batch
        while true {
            // Counted from before the request left, so that no permit is used for longer than it may.
            let asked = self.clock.now.nanoseconds
            var decision = try await self.store.take(size)
            if decision.isAllowed {
                let left = size - permits
                if left > 0 {
                    let end = asked + self.duration
                    let isInUse = self.permits.add(Int64(left), until: end, at: self.clock.now.nanoseconds)
                    if isInUse { self.isWanted.store(false, ordering: .releasing) }
                }
                return permits > 0 ? self.granted() : decision
            }
            let smaller = min(decision.remaining, size - 1)
            if smaller >= max(1, permits) {
                size = smaller
                continue
            }
            if size > max(1, permits), self.store.statistics.isOut {
                // Without the store each permit is granted by itself.
                size = max(1, permits)
                continue
            }
            let wait = self.wait(for: max(1, permits), after: decision, on: size)
            decision = RateLimitDecision(
                isAllowed: false, remaining: decision.remaining, retryAfter: .nanoseconds(wait),
                resetAfter: decision.resetAfter)
            return decision
        }
    }

    /// How long it takes until so many permits are there, if more of them were refused.
    private func wait(for permits: Int, after refusal: RateLimitDecision, on size: Int) -> Int64 {
        let rule = self.store.rule
        let told = refusal.retryAfter.clampedNanoseconds
        // The wait for a batch is longer than that for what was asked for. That is so if the rule has refused it, and not if a debt of an
        // outage or a switch of the daemon has; a daemon tells both times in milliseconds, rounded up.
        let byRule = refusal.resetAfter.clampedNanoseconds - (rule.tolerance - rule.interval * Int64(size))
        guard abs(byRule - told) <= 2_000_000 else { return max(1, told) }
        return max(1, told - rule.interval * Int64(size - permits))
    }

    // MARK: Fetching in advance

    /// Fetches each next batch before the present one is used up, until the task is cancelled.
    ///
    /// A fetch that fails is left to the next call that needs permits, which then learns why.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest` if it runs already.
    public func run() async throws(ResilienceError) {
        let (wishes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let isFirst = self.wish.withLock { wish in
            guard wish == nil else { return false }
            wish = continuation
            return true
        }
        guard isFirst else {
            throw ResilienceError(.invalidRequest, "the limiter \(self.store.name) fetches already")
        }
        defer { self.wish.withLock { $0 = nil } }
        self.isWanted.store(false, ordering: .releasing)
        for await _ in wishes {
            let pause = await self.prefetch()
            guard !Task.isCancelled else { return }
            if pause > .zero { try? await self.clock.sleep(for: pause) }
        }
    }

    /// - Returns: How long it makes no sense to fetch again.
    private func prefetch() async -> Duration {
        guard let place = self.line.enter() else { return .zero }
        defer { self.line.leave(place) }
        self.isFetching.store(true, ordering: .releasing)
        defer { self.isFetching.store(false, ordering: .releasing) }
        do {
            let end = self.clock.now.advanced(by: self.options.leaseDuration)
            let isFirst = try await self.line.waitToBeFirst(place, until: end, on: self.clock)
            // Whoever stood before may have fetched a batch.
            if !isFirst || self.permits.hasNext(at: self.clock.now.nanoseconds) { return .zero }
            let decision = try await self.fetch(for: 0)
            return decision.isAllowed ? .zero : decision.retryAfter
        } catch {
            // Not each of many calls shall start a fetch that fails as well.
            return self.options.store.probeInterval
        }
    }

    /// Takes a permit and runs an operation.
    ///
    /// - Throws: ``ResilienceError`` with code `rateLimited` and ``ResilienceError/retryAfter``, or another of ``take(_:)``, before the
    ///   operation is started; and what the operation throws.
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        if !self.tryTake() {
            let decision: RateLimitDecision
            do {
                decision = try await self.take()
            } catch {
                throw error.asTasksThrow
            }
            guard decision.isAllowed else {
                throw ResilienceError(
                    .rateLimited, "\(self.store.name): a permit is free in \(decision.retryAfter)",
                    retryAfter: decision.retryAfter)
            }
        }
        return try await operation()
    }
}

extension TwoTierRateLimiter {
    /// Whether ``run()`` runs, for tests.
    package var isRunning: Bool { self.wish.withLock { $0 != nil } }

    /// How many permits it holds, for tests.
    package var heldCount: Int { Int(self.permits.left(at: self.clock.now.nanoseconds)) }
}
