public import ColonyCore
import Synchronization

/// Repeats a call that failed, where that is safe and of use.
///
/// ```swift
/// let retry = try Retry(RetryOptions(attempts: 3, retriesUnknownOutcomes: true), name: "prices")
/// let price = try await retry.execute { try await prices.fetch(id) }
/// ```
///
/// What it never does, because each is how retries turn a fault into an outage:
/// - **It does not repeat what may have happened**, unless ``RetryOptions/retriesUnknownOutcomes`` says that once and twice are the same.
/// - **It does not wait beyond the deadline.** If ``Deadline/current`` comes before the next attempt, the call ends at once with the
///   error of the last one.
/// - **It does not come back sooner than told** by ``RetryAdvising``, and gives up at once when told to wait for too long.
/// - **It does not add more load than its ``RetryBudget`` allows.** With an empty budget the call ends with `budgetExhausted`, whose cause is
///   the error of the last attempt.
/// - **It does not multiply.** Within an attempt of another `Retry` it takes its retries from the same allowance, so that a call has as
///   many attempts as its outermost layer allows, however many layers it passes. Who is nearest to the failure retries first. Calls that
///   run side by side in one attempt share the allowance too. A layer with ``RetryOptions/multipliesNestedRetries`` has its own.
/// - **It does not go on after a cancellation.**
///
/// It throws the error of the last attempt as it is, except for an empty budget. Put it outside of a breaker and a timeout for each
/// attempt, and inside of the deadline for the whole call.
public final class Retry: ResilienceLayer {
    /// Its name, for metrics and logs.
    public let name: String
    /// How it repeats.
    public let options: RetryOptions

    private let clock: any MonotonicClock
    private let generator: Mutex<any RandomNumberGenerator & Sendable>
    private let hub = ListenerHub<RetryEvent>()
    private let calls = Atomic<UInt64>(0)
    private let outcomes = Mutex(RetryStatistics())

    /// Makes a layer.
    ///
    /// - Parameters:
    ///   - name: For metrics and logs.
    ///   - clock: What it waits on.
    ///   - generator: Where jitter comes from.
    public init(
        _ options: RetryOptions, name: String = "retry", clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.name = name
        self.options = options
        self.clock = clock
        self.generator = Mutex(generator)
    }

    /// Makes a layer with the standard options but for the number of attempts.
    ///
    /// - Parameter attempts: From 1 to ``RetryOptions/maximumAttempts``.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public convenience init(
        attempts: Int, name: String = "retry", clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        let options = try RetryOptions(attempts: attempts, budget: RetryBudget(clock: clock))
        self.init(options, name: name, clock: clock)
    }

    /// Runs an operation, and again while that is safe and of use.
    ///
    /// - Throws: The error of the last attempt; ``ResilienceError`` with code `budgetExhausted` if a retry was due and the budget was
    ///   empty, and with code `deadlineExceeded` if the deadline had passed before the first attempt; `CancellationError` if the task
    ///   was cancelled during a wait. In each case no attempt is under way any more.
    /// - Complexity: One allocation for each call, and one reading of the clock if there is a budget.
    public func execute<Value>(_ operation: () async throws -> Value) async throws -> Value {
        try Deadline.check(on: self.clock)
        self.calls.wrappingAdd(1, ordering: .relaxed)
        let surrounding = self.options.multipliesNestedRetries ? nil : RetryAttempt.current?.allowance
        let budget = self.options.budget ?? surrounding?.budget
        // A call counts once in a budget, whichever layers it passes.
        var counted = RetryAttempt.current?.counted ?? CountedBudgets()
        if let budget {
            if !CountedBudgets.areCounting(budget) { budget.deposit() }
            counted.insert(budget)
        }
        let allowance = surrounding ?? RetryAllowance(retries: self.options.attempts - 1, budget: budget)
        var decision = RetryDecision(self.options)
        while true {
            let attempt = RetryAttempt(
                number: decision.failures + 1, maximum: self.options.attempts, layer: self.name, allowance: allowance,
                counted: counted)
            do {
                let value = try await RetryAttempt.$current.withValue(attempt, operation: operation)
                if decision.failures > 0 { self.recovered(attempts: decision.failures + 1) }
                return value
            } catch {
                let delay = try self.delay(after: error, &decision, allowance, budget)
                self.hub.send(.retrying(attempt: decision.failures, delay: delay, error: error))
                try await self.wait(delay, after: error, attempts: decision.failures)
                self.outcomes.withLock { $0.retries += 1 }
            }
        }
    }

    /// The wait before the next attempt; throws if there is none.
    private func delay(
        after error: any Error, _ decision: inout RetryDecision, _ allowance: RetryAllowance, _ budget: RetryBudget?
    ) throws -> Duration {
        var draws = Draws(retry: self)
        let directive = decision.failed(
            error, isCancelled: Task.isCancelled, allowsMore: !allowance.isEmpty, deadline: Deadline.current,
            now: { self.clock.now }, using: &draws)
        switch directive {
        case .giveUp(let reason):
            self.gaveUp(reason, decision.failures, error)
            throw error
        case .wait(let delay):
            guard allowance.take() else {
                self.gaveUp(.allowance, decision.failures, error)
                throw error
            }
            if let budget, !budget.withdraw() {
                self.gaveUp(.budget, decision.failures, error)
                throw ResilienceError(
                    .budgetExhausted,
                    "\(self.name) has used up its retries: \(budget.ratio) a call and \(budget.minimumPerSecond) a second",
                    retryAfter: (error as? any RetryAdvising)?.retryAfter, cause: error)
            }
            return delay
        }
    }

    /// The generator of a layer, locked for each draw alone: the decision also asks the classification of the user, which may take its
    /// time, or come back to this layer.
    private struct Draws: RandomNumberGenerator {
        let retry: Retry

        mutating func next() -> UInt64 { self.retry.generator.withLock { $0.next() } }
    }

    private func wait(_ delay: Duration, after last: any Error, attempts: Int) async throws {
        do {
            if delay > .zero {
                try await self.clock.sleep(until: self.clock.now.advanced(by: delay), tolerance: nil)
            }
            try Task.checkCancellation()
        } catch {
            self.gaveUp(.cancelled, attempts, error)
            throw error
        }
        // A timer may fire late, and an attempt after the deadline is of use to nobody.
        if delay > .zero, let deadline = Deadline.current, deadline.hasPassed(on: self.clock) {
            self.gaveUp(.deadline, attempts, last)
            throw last
        }
    }

    private func recovered(attempts: Int) {
        self.outcomes.withLock { $0.recoveries += 1 }
        self.hub.send(.recovered(attempts: attempts))
    }

    private func gaveUp(_ reason: RetrySurrender, _ attempts: Int, _ error: any Error) {
        self.outcomes.withLock { $0.surrenders[reason, default: 0] += 1 }
        self.hub.send(.gaveUp(reason, attempts: attempts, error: error))
    }

    /// What has happened so far.
    public var statistics: RetryStatistics {
        var statistics = self.outcomes.withLock { $0 }
        statistics.calls = self.calls.load(ordering: .relaxed)
        return statistics
    }

    /// What happens from now on.
    ///
    /// - Parameter limit: How many events are kept for a slow reader, at least one: the latest; older ones are dropped.
    public func events(buffering limit: Int = 64) -> AsyncStream<RetryEvent> { self.hub.listen(keepingNewest: limit) }
}
