import ColonyCore
import Synchronization

/// Gives another value when a call fails: a stale one, an empty one, one from another source.
///
/// A value of its own cannot come from a ``ResilienceLayer``, which must work for values of any type; so a fallback is typed and stands
/// around the layers:
///
/// ```swift
/// let fallback = Fallback<Prices>("prices") { error in try await cache.latest() }
/// let prices = try await fallback.execute { try await pipeline.execute { try await service.prices() } }
/// ```
///
/// A cancelled call has no fallback: nobody waits for its value. What the fallback itself throws is thrown.
public final class Fallback<Value: Sendable>: Sendable {
    /// Its name, for metrics and logs.
    public let name: String

    private let condition: @Sendable (any Error) -> Bool
    private let substitute: @Sendable (any Error) async throws -> Value
    private let hub = ListenerHub<FallbackEvent>()
    private let counts = Mutex(FallbackStatistics())

    /// Makes a fallback.
    ///
    /// - Parameters:
    ///   - name: For metrics and logs.
    ///   - condition: Which errors have a fallback; all but a cancellation unless said otherwise.
    ///   - substitute: Gives the other value, or throws if there is none; rethrow the error to let it pass.
    public init(
        _ name: String, when condition: @escaping @Sendable (any Error) -> Bool = { _ in true },
        _ substitute: @escaping @Sendable (any Error) async throws -> Value
    ) {
        self.name = name
        self.condition = condition
        self.substitute = substitute
    }

    /// Makes a fallback to a constant.
    public convenience init(
        _ name: String, value: Value, when condition: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) {
        self.init(name, when: condition) { _ in value }
    }

    /// Runs an operation, and the substitute if it fails.
    ///
    /// - Throws: What the substitute throws, or the error of the operation if it has no fallback.
    public func execute(_ operation: () async throws -> Value) async throws -> Value {
        do {
            return try await operation()
        } catch {
            guard !(error is CancellationError), !Task.isCancelled, self.condition(error) else { throw error }
            return try await self.substituted(error)
        }
    }

    private func substituted(_ error: any Error) async throws -> Value {
        do {
            let value = try await self.substitute(error)
            self.counts.withLock { $0.substitutes += 1 }
            self.hub.send(.substituted(for: error))
            return value
        } catch let failure {
            self.counts.withLock { $0.failures += 1 }
            self.hub.send(.failed(failure, after: error))
            throw failure
        }
    }

    /// What has happened so far.
    public var statistics: FallbackStatistics { self.counts.withLock { $0 } }

    /// What happens from now on.
    ///
    /// - Parameter limit: How many events are kept for a slow reader, at least one: the latest; older ones are dropped.
    public func events(buffering limit: Int = 64) -> AsyncStream<FallbackEvent> {
        self.hub.listen(keepingNewest: limit)
    }
}

/// What a ``Fallback`` tells those who listen.
public enum FallbackEvent: Sendable {
    /// A call failed and got another value.
    case substituted(for: any Error)
    /// A call failed, and its fallback too.
    case failed(any Error, after: any Error)
}

/// What has happened in a ``Fallback`` since it was made.
public struct FallbackStatistics: Hashable, Sendable {
    /// Failed calls that got another value.
    public var substitutes: UInt64 = 0
    /// Failed calls whose fallback failed as well.
    public var failures: UInt64 = 0

    /// Makes statistics in which nothing has happened.
    public init() {}
}

extension ResilienceLayer {
    /// Runs an operation under the protection of the layer, and a fallback if that fails.
    ///
    /// ```swift
    /// let prices = try await pipeline.execute { try await service.prices() } fallback: { _ in Prices.empty }
    /// ```
    ///
    /// The short form of ``Fallback``, without a name and numbers. A cancelled call has no fallback.
    ///
    /// - Throws: What the fallback throws, or the error of the operation if the task was cancelled.
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value, fallback: (any Error) async throws -> Value
    ) async throws -> Value {
        do {
            return try await self.execute(operation)
        } catch {
            guard !(error is CancellationError), !Task.isCancelled else { throw error }
            return try await fallback(error)
        }
    }
}
