import ColonyCore
import Synchronization

/// How long a line has stood, as a share of a target, once it has stood for an interval.
///
/// A burst makes a line that is gone soon; only a line that has been above its target at every look for a whole interval stands. Until
/// that is known there is no answer, however often or seldom somebody looks.
final class QueueDelay: Sendable {
    private let target: Int64
    private let interval: Int64
    /// Since when every look has found a wait above the target.
    private let standingSince = Mutex<Int64?>(nil)

    init(target: Duration, interval: Duration) throws(ResilienceError) {
        try Bounds.check(target, in: .microseconds(1) ... .seconds(3_600), "the target of a wait in line")
        try Bounds.check(interval, in: .microseconds(1) ... .seconds(3_600), "the interval of a wait in line")
        self.target = target.clampedNanoseconds
        self.interval = interval.clampedNanoseconds
    }

    /// - Returns: The load, or NaN while it is not known.
    func load(wait: Int64, at now: Int64) -> Double {
        self.standingSince.withLock { standingSince in
            guard wait >= self.target else {
                standingSince = nil
                return Double(wait) / Double(self.target)
            }
            guard let since = standingSince else {
                standingSince = now
                return .nan
            }
            return now - since >= self.interval ? Double(wait) / Double(self.target) : .nan
        }
    }
}
