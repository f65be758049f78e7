public import ColonyCore
import Synchronization

/// Asks a second time when the first answer is late, takes the first that succeeds, and cancels the rest.
///
/// The slowest calls of a large service are slow by accident: a queue, a pause, a lost packet. A second attempt after the 95th
/// percentile adds a twentieth to the load and takes most of the tail away.
///
/// ```swift
/// let hedge = try Hedge(HedgeOptions(), name: "profiles")
/// let profile = try await hedge.execute { try await profiles.fetch(id) }
/// ```
///
/// - Important: Only for calls whose effect is the same once and twice. Each attempt runs to an end of its own, and a cancelled one may
///   have had its effect.
///
/// **Structure.** The attempts are child tasks of the call. When the call returns, all of them have ended: an operation that does not
/// heed its cancellation holds up the call. A cancellation of the call reaches every attempt.
///
/// **What a failure does.** A hedge is no retry: an attempt that fails starts no other. If others are under way, they may still win;
/// if none is, its error is that of the call. A hedge that would start at the deadline or later is not started.
///
/// **The percentile.** Only first attempts count: later ones are the quick half of a choice. One that was cancelled because another one
/// won counts with the time that it had taken. That is at least the delay, and so on the right side of the quantile; leaving it out
/// would pull the delay down call by call. One that was cancelled sooner says nothing.
///
/// 1. J. Dean, L. A. Barroso, *The Tail at Scale*, Communications of the ACM 56(2), 2013, "hedged requests".
public final class Hedge: ResilienceLayer {
    /// Its name, for metrics and logs.
    public let name: String
    /// When and how often it asks again.
    public let options: HedgeOptions

    private let clock: any MonotonicClock
    private let latency: LiveLatency?
    private let hub = ListenerHub<HedgeEvent>()
    private let counts = Mutex(HedgeStatistics())

    /// Makes a layer.
    ///
    /// - Parameters:
    ///   - name: For metrics and logs.
    ///   - clock: What it waits on, and measures latencies by.
    public init(_ options: HedgeOptions, name: String = "hedge", clock: any MonotonicClock = HostClock()) {
        self.name = name
        self.options = options
        self.clock = clock
        self.latency =
            switch options.delay {
            case .fixed: nil
            case .percentile(let percentile, _, _):
                LiveLatency(quantile: percentile / 100, minimumSamples: options.minimumSamples)
            }
    }

    /// How long the next call is waited for before it is hedged.
    public var delay: Duration {
        switch self.options.delay {
        case .fixed(let delay): return delay
        case .percentile(_, let shortest, let longest):
            guard let quantile = self.latency?.quantile else { return longest }
            return min(longest, max(shortest, .nanoseconds(quantile)))
        }
    }

    /// What has happened so far.
    public var statistics: HedgeStatistics {
        var statistics = self.counts.withLock { $0 }
        statistics.delay = self.delay
        return statistics
    }

    /// What happens from now on.
    ///
    /// - Parameter limit: How many events are kept for a slow reader, at least one: the latest; older ones are dropped.
    public func events(buffering limit: Int = 64) -> AsyncStream<HedgeEvent> { self.hub.listen(keepingNewest: limit) }
}

// MARK: - Racing

extension Hedge {
    private enum News<Value: Sendable>: Sendable {
        case succeeded(attempt: Int, Value)
        case failed(any Error)
        /// Nothing has ended in time.
        case late
        /// The timer was cancelled.
        case nothing
    }

    /// Runs an operation, and once more beside it while it is late.
    ///
    /// - Throws: The error of the attempt that failed last, if none succeeded; `CancellationError` if that is what they threw;
    ///   ``ResilienceError`` with code `deadlineExceeded` if the deadline had passed before the first attempt.
    /// - Complexity: A child task for each attempt and one for the time.
    public func execute<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
        try Deadline.check(on: self.clock)
        self.counts.withLock { $0.calls += 1 }
        return try await withoutActuallyEscaping(operation) { operation in
            guard let budget = self.options.budget, !CountedBudgets.areCounting(budget) else {
                return try await self.race(operation)
            }
            // Layers within that share the budget do not count the call again.
            budget.deposit()
            var counted = CountedBudgets.ofHedges
            counted.insert(budget)
            return try await CountedBudgets.$ofHedges.withValue(counted) { try await self.race(operation) }
        }
    }

    private func race<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws -> Value
    {
        try await withThrowingTaskGroup(of: News<Value>.self) { group in
            defer { group.cancelAll() }
            let delay = self.delay
            var started = 1
            var running = 1
            group.addTask { await self.attempt(1, delay, operation) }
            self.addTimer(to: &group, after: delay, attempts: started)
            while let news = try await group.next() {
                switch news {
                case .succeeded(let attempt, let value):
                    group.cancelAll()
                    // The others have ended before the call does: what they hold is given back, and what they count is counted.
                    while try await group.next() != nil {}
                    if attempt > 1 {
                        self.counts.withLock { $0.hedgeWins += 1 }
                        self.hub.send(.hedgeWon(attempt: attempt))
                    }
                    return value
                case .failed(let error):
                    running -= 1
                    // Nobody is left to wait for, so the timer is not waited for either.
                    if running == 0 { throw error }
                case .late:
                    guard !Task.isCancelled, self.isAffordable() else { continue }
                    started += 1
                    running += 1
                    self.hub.send(.hedged(attempt: started, delay: delay))
                    let attempt = started
                    group.addTask { await self.attempt(attempt, delay, operation) }
                    self.addTimer(to: &group, after: delay, attempts: started)
                case .nothing:
                    continue
                }
            }
            throw CancellationError()
        }
    }

    private func addTimer<Value: Sendable>(
        to group: inout ThrowingTaskGroup<News<Value>, any Error>, after delay: Duration, attempts: Int
    ) {
        guard attempts <= self.options.maximumHedges else { return }
        let clock = self.clock
        let instant = clock.now.advanced(by: delay)
        if let deadline = Deadline.current, instant >= deadline.instant { return }
        group.addTask {
            do {
                try await clock.sleep(until: instant, tolerance: nil)
                return .late
            } catch {
                return .nothing
            }
        }
    }

    private func attempt<Value: Sendable>(
        _ number: Int, _ delay: Duration, _ operation: @Sendable () async throws -> Value
    ) async -> News<Value> {
        // A later attempt has been waited for from another moment on, and only after a slow one.
        let start = self.latency == nil || number > 1 ? nil : self.clock.now
        func record(from shortest: Duration = .zero) {
            guard let latency, let start else { return }
            let length = start.duration(to: self.clock.now)
            if length >= shortest { latency.record(length) }
        }
        do {
            let value = try await HedgeAttempt.$current.withValue(number, operation: operation)
            record()
            return .succeeded(attempt: number, value)
        } catch {
            // A failure says nothing of how long an answer takes. A cancellation says that it takes at least so long, which pulls the
            // quantile down if the caller gave up early.
            if Task.isCancelled { record(from: delay) }
            return .failed(error)
        }
    }

    private func isAffordable() -> Bool {
        let isGranted = self.options.budget?.withdraw() ?? true
        self.counts.withLock { counts in
            if isGranted { counts.hedgedCount += 1 } else { counts.refusedByBudget += 1 }
        }
        if !isGranted { self.hub.send(.budgetExhausted) }
        return isGranted
    }
}
