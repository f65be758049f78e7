#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
// On Linux the members of timespec are declared here, and member visibility asks for the import by name.
import SwiftOverlayShims
#endif

/// The clocks of the operating system, read as nanoseconds; everything else goes through ``MonotonicClock`` and ``WallClock``.
enum SystemTime {
    #if canImport(Darwin)
    /// Counts while the host sleeps, as `CLOCK_BOOTTIME` does on Linux.
    static let monotonic = CLOCK_MONOTONIC
    /// Darwin has no coarse civil time; the exact one stands in.
    static let coarseWall = CLOCK_REALTIME
    #else
    static let monotonic = CLOCK_BOOTTIME
    static let coarseWall = CLOCK_REALTIME_COARSE
    #endif
    static let wall = CLOCK_REALTIME

    static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    #if !canImport(Darwin)
    /// The absolute time on the clock that conditions sleep on, `nanoseconds` from now.
    static func conditionDeadline(in nanoseconds: Int64) -> timespec {
        let (sum, overflow) = Self.nanoseconds(of: CLOCK_MONOTONIC).addingReportingOverflow(nanoseconds)
        let total = overflow ? .max : sum
        var time = timespec()
        time.tv_sec = Int(total / 1_000_000_000)
        time.tv_nsec = Int(total % 1_000_000_000)
        return time
    }
    #endif
}
