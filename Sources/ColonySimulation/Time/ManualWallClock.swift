public import ColonyCore
import Synchronization

/// Civil time that is set by hand and may step in either direction, as a clock does that is corrected.
public final class ManualWallClock: WallClock {
    private let time: Mutex<WallTime>

    /// - Parameter now: The time at the start; without it, 2026-01-01T00:00:00Z.
    public init(now: WallTime = WallTime(millisecondsSince1970: 1_767_225_600_000)) {
        self.time = Mutex(now)
    }

    public var now: WallTime {
        self.time.withLock { $0 }
    }

    /// Sets the time.
    public func set(_ now: WallTime) {
        self.time.withLock { $0 = now }
    }

    /// Steps the time; a negative duration steps back.
    public func step(by duration: Duration) {
        self.time.withLock { $0 = $0.advanced(by: duration) }
    }
}
