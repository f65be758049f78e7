import ColonyCore
public import ColonyResilience

/// Calls of an operation that does nothing, under the protection of one layer or of several: what the layers cost when nothing fails and
/// nobody waits.
public enum ResilienceLoad: String, Sendable, CaseIterable {
    /// The operation alone, which gives the others their scale.
    case bare
    /// A closed breaker with the default options.
    case breaker
    /// A token bucket that is asked and wraps nothing.
    case take
    /// A token bucket that never refuses.
    case limiter
    /// A bulkhead with places for all.
    case bulkhead
    /// A timeout of a second.
    case timeout
    /// A breaker, a limiter, a bulkhead, and a timeout.
    case pipeline

    /// So many calls, shared by `tasks` tasks that use the same layers.
    ///
    /// - Parameter probe: Called by each task before its first call and after its last; what it returns is subtracted and summed up.
    /// - Throws: What a layer threw, and ``WorkloadError`` if a call was not made.
    @discardableResult
    public func run(
        _ calls: Int, tasks: Int, on layers: ResilienceLayers, probe: @escaping @Sendable () -> Int = { 0 }
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<tasks {
                let share = calls / tasks + (task < calls % tasks ? 1 : 0)
                group.addTask { try await self.loop(share, on: layers, probe) }
            }
            return try await group.reduce(0, +)
        }
    }

    @concurrent
    private func loop(_ calls: Int, on layers: ResilienceLayers, _ probe: @Sendable () -> Int) async throws -> Int {
        // What is allocated at the first call only is no part of the others.
        _ = try await self.calls(min(calls, 100), on: layers)
        let before = probe()
        let made = try await self.calls(calls, on: layers)
        let after = probe()
        guard made == calls else { throw WorkloadError("\(made) calls of \(calls) were made") }
        return after - before
    }

    private func calls(_ calls: Int, on layers: ResilienceLayers) async throws -> Int {
        let operation: @Sendable () async throws -> Int = { try await Self.nothing() }
        var made = 0
        switch self {
        case .bare: for _ in 0..<calls { made &+= try await operation() }
        case .breaker: for _ in 0..<calls { made &+= try await layers.breaker.execute(operation) }
        case .take: for _ in 0..<calls where layers.limiter.tryTake() { made &+= 1 }
        case .limiter: for _ in 0..<calls { made &+= try await layers.limiter.execute(operation) }
        case .bulkhead: for _ in 0..<calls { made &+= try await layers.bulkhead.execute(operation) }
        case .timeout: for _ in 0..<calls { made &+= try await layers.timeout.execute(operation) }
        case .pipeline: for _ in 0..<calls { made &+= try await layers.pipeline.execute(operation) }
        }
        return made
    }

    /// Not inlined, as nothing that is worth protecting would be.
    @inline(never)
    private static func nothing() async throws -> Int { 1 }
}

/// The layers that are measured, with limits that nobody reaches.
public struct ResilienceLayers: Sendable {
    /// The order that ``Pipeline`` recommends.
    public typealias Composed = NestedLayers<NestedLayers<NestedLayers<CircuitBreaker, RateLimiter>, Bulkhead>, Timeout>

    let breaker: CircuitBreaker
    let limiter: RateLimiter
    let bulkhead: Bulkhead
    let timeout: Timeout
    let pipeline: Pipeline<Composed>

    /// Makes new layers.
    ///
    /// - Throws: ``WorkloadError`` never; what a layer finds wrong with its settings.
    public init() throws {
        // A permit each nanosecond: more than can be taken.
        let rule = try RateLimitRule(1_000_000_000, per: .seconds(1))
        let (breaker, limiter) = (try CircuitBreaker(), try RateLimiter(rule))
        let (bulkhead, timeout) = (try Bulkhead(100), try Timeout(.seconds(1)))
        (self.breaker, self.limiter, self.bulkhead, self.timeout) = (breaker, limiter, bulkhead, timeout)
        self.pipeline = Pipeline {
            breaker
            limiter
            bulkhead
            timeout
        }
    }
}
