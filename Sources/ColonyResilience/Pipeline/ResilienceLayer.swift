/// One layer of protection around an operation: a breaker, a limiter, a bulkhead, a timeout, a retry.
///
/// A layer decides whether, when, and how often the operation runs, and passes its value and its errors through. Layers are
/// composed in a ``Pipeline``, outermost first.
public protocol ResilienceLayer: Sendable {
    /// Runs an operation under the protection of the layer.
    ///
    /// The operation is not kept beyond the call: when this returns or throws, it has ended. What the layer holds for the call,
    /// such as a permit, has then been given back exactly once, however the call ended.
    ///
    /// - Throws: What `operation` throws, `CancellationError`, or ``ResilienceError`` if the layer refused or ended the call.
    func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value
}

/// An absent layer lets everything through, so that a layer may depend on configuration.
extension Optional: ResilienceLayer where Wrapped: ResilienceLayer {
    /// Runs an operation under the protection of the layer, if there is one.
    @inlinable
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        switch self {
        case .some(let layer): try await layer.execute(operation)
        case .none: try await operation()
        }
    }
}
