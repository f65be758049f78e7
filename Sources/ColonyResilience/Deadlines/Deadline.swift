public import ColonyCore

/// The moment by which a call has to be over, seen by every layer below the one that set it.
///
/// A timeout in each layer adds up, or one cuts another's retries short; nobody knows how much time is left. One deadline travels with
/// the task instead, into its child tasks and over HTTP, and can only ever be shortened: a layer that asks for more time than is left
/// gets what is left.
///
/// ```swift
/// try await Deadline.within(.seconds(2)) {
///     try await client.fetch(id)      // sees at most two seconds
/// }
/// ```
///
/// A deadline alone ends nothing: ``Timeout`` cancels what runs beyond it, and ``Retry``, ``Bulkhead``, and the limiters do not wait beyond it.
public struct Deadline: Hashable, Comparable, Sendable {
    /// The moment, on the clock that the layers of the process share.
    public let instant: MonotonicInstant

    /// The deadline of the current task, if there is one.
    @TaskLocal public static var current: Deadline?

    /// Makes a deadline from a point of a monotonic clock.
    public init(_ instant: MonotonicInstant) {
        self.instant = instant
    }

    /// The deadline that lies `duration` from now. A negative duration is one that has passed.
    public init(after duration: Duration, on clock: any MonotonicClock = HostClock()) {
        self.instant = clock.now.advanced(by: duration)
    }

    /// How much time is left; zero if it has passed.
    public func remaining(on clock: any MonotonicClock = HostClock()) -> Duration {
        max(.zero, clock.now.duration(to: self.instant))
    }

    /// Whether no time is left.
    public func hasPassed(on clock: any MonotonicClock = HostClock()) -> Bool {
        clock.now >= self.instant
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.instant < second.instant
    }

    /// The earlier one of a point and the deadline of the current task.
    public static func earlier(of instant: MonotonicInstant) -> MonotonicInstant {
        guard let current, current.instant < instant else { return instant }
        return current.instant
    }

    /// Runs an operation that sees a deadline `duration` from now, or the present one if that is earlier.
    public static func within<Value>(
        _ duration: Duration, on clock: any MonotonicClock = HostClock(),
        _ operation: () async throws -> Value
    ) async rethrows -> Value {
        try await Deadline.$current.withValue(
            Deadline(Self.earlier(of: clock.now.advanced(by: duration))), operation: operation)
    }

    /// Goes on only if time is left.
    ///
    /// - Throws: ``ResilienceError`` with code `deadlineExceeded`, before anything was done.
    public static func check(on clock: any MonotonicClock = HostClock()) throws(ResilienceError) {
        guard let current, current.hasPassed(on: clock) else { return }
        throw ResilienceError(
            .deadlineExceeded, "the deadline had passed before the call was started", isNotStarted: true)
    }
}
