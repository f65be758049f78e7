public import ColonyCore
import Synchronization

/// Issues ULIDs that rise strictly within the process.
///
/// As the specification's *monotonicity* asks, the 80 bits of chance go up by one within a millisecond. Where it lets a
/// generator fail, at the end of the 80 bits and when the clock steps back, this one goes on: the time of the last ULID
/// stays, and the carry of the last number begins the next millisecond ahead of the clock.
///
/// - Important: The ULIDs of one millisecond are consecutive. Use `UUID.v4()` where nobody may guess a neighbour.
public final class ULIDGenerator: Sendable {
    /// One for the whole process.
    public static let shared = ULIDGenerator()

    private let last = Mutex(ULID(high: 0, low: 0))
    private let wallClock: any WallClock

    /// Makes a generator that reads the time of `wallClock`; good for times up to the year 10889.
    public init(wallClock: any WallClock = SystemWallClock()) {
        self.wallClock = wallClock
    }

    /// The next ULID: greater than all that this generator has issued, in every thread.
    ///
    /// - Complexity: O(1); one reading of the clock under a lock.
    public func next() -> ULID {
        self.last.withLock { last in
            let now = self.wallClock.now.millisecondsSince1970
            let time = now < 0 ? 0 : min(UInt64(now), (1 << 48) - 1)
            if time > last.high >> 16 {
                let random = SecureRandom.ofThisThread
                last = ULID(high: time << 16 | random.pointee.next() >> 48, low: random.pointee.next())
            } else {
                let (low, overflow) = last.low.addingReportingOverflow(1)
                last = ULID(high: overflow ? last.high + 1 : last.high, low: low)
            }
            return last
        }
    }
}
