public import ColonyCore
import Synchronization

/// A limit on concurrent calls that finds its own number, by how long calls take and which are dropped.
///
/// Nobody knows the right number for a ``Bulkhead``, and it changes with each deployment. This one starts somewhere, measures, and moves
/// with what the other side can take:
///
/// ```swift
/// let limit = AdaptiveConcurrencyLimit(try AdaptiveConcurrencyOptions(), try VegasAlgorithm(), name: "search")
/// let hits = try await limit.execute { try await search.find(words) }
/// ```
///
/// Calls are admitted, wait, and give back their places exactly as in a ``Bulkhead``. Calls that succeed are measured. Those that are
/// dropped (``AdaptiveConcurrencyOptions/drops``) count against the limit, and their time is not looked at; all other errors, cancellation included, say nothing.
///
/// - Complexity: Two readings of the clock, two atomic operations and one lock for each call; O(1).
public final class AdaptiveConcurrencyLimit: ResilienceLayer, Sendable {
    /// What the limit protects, for logs and metrics.
    public let name: String
    /// What it was made with.
    public let options: AdaptiveConcurrencyOptions

    private let clock: any MonotonicClock
    private let gate: ConcurrencyGate
    private let state: Mutex<AdaptiveConcurrencyState>
    private let hub = ListenerHub<ConcurrencyLimitEvent>()

    /// Makes a limit that starts at ``AdaptiveConcurrencyOptions/initialLimit``.
    public init(
        _ options: AdaptiveConcurrencyOptions, _ algorithm: any ConcurrencyAlgorithm, name: String = "default",
        clock: any MonotonicClock = HostClock()
    ) {
        self.name = name
        self.options = options
        self.clock = clock
        self.gate = ConcurrencyGate(
            limit: options.initialLimit, maximumWaiting: options.maximumWaiting, maximumWait: options.maximumWait,
            clock: clock)
        self.state = Mutex(AdaptiveConcurrencyState(options, algorithm))
    }

    /// Runs an operation as soon as there is a place for it, and measures it.
    ///
    /// - Throws: ``ResilienceError`` with code `bulkheadFull` or `deadlineExceeded`, or `CancellationError` while it waits, all before the
    ///   operation was started. Else what the operation throws.
    @inlinable
    public func execute<Value>(_ operation: () async throws -> Value) async throws -> Value {
        let start = try await self.enter()
        let value: Value
        do {
            value = try await operation()
        } catch {
            self.leave(since: start, after: error)
            throw error
        }
        self.leave(since: start, isDropped: false)
        return value
    }

    @usableFromInline
    func enter() async throws -> Int64 {
        if !self.gate.tryEnter(), let refusal = try await self.gate.enter() {
            throw refusal.error(of: "the concurrency limit \(self.name)", limit: self.limit)
        }
        // The wait in line is ours, and says nothing about the other side.
        return self.clock.now.nanoseconds
    }

    @usableFromInline
    func leave(since start: Int64, after error: any Error) {
        if self.options.drops(error) {
            self.leave(since: start, isDropped: true)
        } else {
            self.gate.leave()
        }
    }

    @usableFromInline
    func leave(since start: Int64, isDropped: Bool) {
        let now = self.clock.now.nanoseconds
        let inFlight = self.gate.inside
        self.state.withLock { state in
            let before = state.limit
            let limit = state.record(now - start, inFlight: inFlight, isDropped: isDropped, at: now)
            guard let limit else { return }
            // Under the lock, so that of two new limits the later one stays.
            self.gate.resize(to: limit)
            self.hub.send(
                ConcurrencyLimitEvent(from: before, to: limit, instant: MonotonicInstant(nanoseconds: now)))
        }
        self.gate.leave()
    }

    /// How many calls may run at once, at present.
    public var limit: Int { self.gate.limit }

    /// How the limit stands.
    public var snapshot: BulkheadSnapshot { BulkheadSnapshot(self.gate.figures) }

    /// Every change of the limit from now on, in order.
    ///
    /// A listener that does not keep up loses the oldest events and keeps the newest `limit`. The stream ends with the
    /// limit. Each call makes a stream of its own.
    public func events(buffering limit: Int = 64) -> AsyncStream<ConcurrencyLimitEvent> {
        self.hub.listen(keepingNewest: limit)
    }
}

/// An adaptive limit that has moved.
public struct ConcurrencyLimitEvent: Hashable, Sendable {
    /// The limit before.
    public let from: Int
    /// The limit from now on.
    public let to: Int
    /// When, on the clock of the limit.
    public let instant: MonotonicInstant
}
