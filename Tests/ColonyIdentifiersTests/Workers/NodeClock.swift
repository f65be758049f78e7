import ColonyCore
import Synchronization

/// The civil time of one simulated host: it runs with the simulation's clock, and is off by a value that may change.
final class NodeClock: WallClock {
    private let clock: any MonotonicClock
    private let start: MonotonicInstant
    private let offset: Mutex<Duration>

    init(_ clock: any MonotonicClock, offset: Duration = .zero) {
        self.clock = clock
        self.start = clock.now
        self.offset = Mutex(offset)
    }

    var now: WallTime {
        WallTime(millisecondsSince1970: 1_767_225_600_000)
            .advanced(by: self.start.duration(to: self.clock.now) + self.offset.withLock { $0 })
    }

    func step(by duration: Duration) {
        self.offset.withLock { $0 += duration }
    }
}
