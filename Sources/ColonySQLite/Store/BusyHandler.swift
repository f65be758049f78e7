import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Waits for the locks of other processes: short naps, for as long as the configuration allows.
///
/// SQLite's own handler soon sleeps 100 ms at a time. A commit takes well under a millisecond, so a process that naps
/// that long loses nearly every race against one that commits all the time; one that naps for a few hundred
/// microseconds finds the gap between two commits after a few tries.
final class BusyHandler: Sendable {
    private let limit: Atomic<Int64>
    private let start = Atomic<Int64>(0)
    private let ordinary: Int64

    init(limit: Duration) {
        self.ordinary = limit.clampedNanoseconds
        self.limit = Atomic(limit.clampedNanoseconds)
    }

    /// Lets waits that begin inside `body` last at most `limit`.
    func limited<Value>(to limit: Duration, _ body: () -> Value) -> Value {
        self.limit.store(limit.clampedNanoseconds, ordering: .relaxed)
        defer { self.limit.store(self.ordinary, ordering: .relaxed) }
        return body()
    }

    /// What SQLite calls when it finds a lock taken.
    ///
    /// - Parameter tries: How often it was called for the same lock before.
    /// - Returns: Whether to try again.
    func waits(after tries: Int) -> Bool {
        let now = HostClock().now.nanoseconds
        if tries == 0 { self.start.store(now, ordering: .relaxed) }
        let elapsed = now - self.start.load(ordering: .relaxed)
        guard elapsed < self.limit.load(ordering: .relaxed) else { return false }
        // 100 µs at first, 1 ms after ten tries, never longer.
        napThread(microseconds: min(1_000, 100 * (tries + 1)))
        return true
    }
}

/// Puts the calling thread to sleep; only for threads that Colony owns.
func napThread(microseconds: Int) {
    var time = timespec()
    time.tv_sec = microseconds / 1_000_000
    time.tv_nsec = microseconds % 1_000_000 * 1_000
    nanosleep(&time, nil)
}
