/// The monotonic clock of this host: it counts from boot, also while the host sleeps, and is the same in every process.
///
/// Sleeping on it does not use the threads of Swift's global pool: a thread of its own fires the timers. Swift's own
/// `Task.sleep` wakes up on the global pool, where tasks that block all threads would delay it, and with it the renewal
/// of a lease.
///
/// - Complexity: Reading it is one call into the vDSO; a sleep is O(log *n*) in the number of sleepers.
public struct HostClock: MonotonicClock {
    public init() {}

    public var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: SystemTime.nanoseconds(of: SystemTime.monotonic))
    }

    public var minimumResolution: Duration { .nanoseconds(1) }

    public func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
        try await TimerThread.shared.sleep(until: deadline)
    }
}
