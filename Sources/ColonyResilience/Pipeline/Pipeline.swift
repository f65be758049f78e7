/// Layers of protection around an operation, in an order that can be read.
///
/// The first layer is the outermost one: it sees a call first, and its result last.
///
/// ```swift
/// let calls = Pipeline {
///     try Timeout(.seconds(2))                    // the whole call, retries included
///     try Retry(attempts: 3)                      // each attempt passes what is below
///     try CircuitBreaker()                        // counts attempts; an open one is not asked before its wait is over
///     try RateLimiter(100, per: .seconds(1))      // takes a permit for each attempt
///     try Bulkhead(20)                            // as late as possible, so that nothing waits with a permit in its hand
///     try Timeout(.milliseconds(500))             // one attempt
/// }
/// let user = try await calls.execute { try await client.fetchUser(id) }
/// ```
///
/// ## Which order is right
///
/// - A timeout outside a retry bounds the whole call, one inside bounds an attempt. Mostly both are wanted; each sees the other as
///   ``Deadline/current``.
/// - A retry stands outside the breaker. The breaker then sees every attempt and opens as soon as the attempts show it, and its
///   refusal reaches the retry, which does not repeat it before the breaker would let it through. The other way round, three failed
///   attempts count as one, and a breaker opens three times later.
/// - A limiter stands inside a retry, as what it protects gets each attempt. One that protects the caller's own quota of calls stands
///   outside.
/// - A bulkhead stands inside whatever waits, such as a retry that sleeps, so that nobody sleeps with a permit in his hand; and outside the
///   timeout of an attempt, so that what runs beyond its time is counted until it has ended.
/// - A shedder is outermost on the side of a server: what is refused should have cost nothing.
/// - A fallback wraps the pipeline, for it answers whatever goes wrong in it; see ``ResilienceLayer/execute(_:fallback:)``.
///
/// ``Policy`` puts decoded settings into this order.
///
/// The type of a pipeline names its layers, so the compiler sees through it: no layer is called through an existential, and a call
/// that waits for nothing allocates only what a ``Timeout`` needs.
public struct Pipeline<Layers: ResilienceLayer>: ResilienceLayer {
    /// The layers, the outermost first.
    public let layers: Layers

    /// Composes layers, the outermost first.
    public init(@PipelineBuilder _ layers: () throws -> Layers) rethrows {
        self.layers = try layers()
    }

    /// Runs an operation under the protection of all layers.
    ///
    /// - Throws: What the operation throws, `CancellationError`, or the ``ResilienceError`` of the layer that refused or ended the call.
    @inlinable
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        try await self.layers.execute(operation)
    }
}
