import ColonyCore
import Synchronization

/// How the loads of a ``LoadingCache`` have gone since it was made.
///
/// The counters are read one after the other, so numbers of one reading may be a few events apart.
public struct LoadStatistics: Hashable, Sendable, Codable {
    /// How often the loader was called, reloads included; a call of a bulk loader is one.
    public var loads: UInt64 = 0
    /// How many of those were reloads of entries that could still be served.
    public var reloads: UInt64 = 0
    /// How many calls of the loader threw.
    public var failures: UInt64 = 0
    /// How many calls of the loader were cancelled because nobody waited any longer.
    public var cancelled: UInt64 = 0
    /// How many loads went past the hard time-out.
    public var timeOuts: UInt64 = 0
    /// How many loaded values were not stored because their key was invalidated or set while they were loaded.
    public var discarded: UInt64 = 0
    /// How many gets were answered with a stale value because the load failed or was slow.
    public var staleServed: UInt64 = 0
    /// The time that calls of the loader took, failed ones included, in nanoseconds.
    public var loadNanoseconds: UInt64 = 0

    /// Nothing counted yet.
    public init() {}

    /// The mean time of a call of the loader that has ended; `nil` before the first.
    public var meanLoadTime: Duration? {
        let ended = self.endedLoads
        return ended == 0 ? nil : .nanoseconds(Int64(clamping: self.loadNanoseconds / ended))
    }

    /// How many calls of the loader have ended, by themselves or because they were given up.
    public var endedLoads: UInt64 = 0
}

/// The counters behind ``LoadStatistics``. Relaxed: they order nothing. Hits touch none of them.
final class LoadCounters: Sendable {
    private let loads = Atomic<UInt64>(0)
    private let reloads = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private let cancelled = Atomic<UInt64>(0)
    private let timeOuts = Atomic<UInt64>(0)
    private let discarded = Atomic<UInt64>(0)
    private let staleServed = Atomic<UInt64>(0)
    private let nanoseconds = Atomic<UInt64>(0)
    private let ended = Atomic<UInt64>(0)

    func loadStarted(isReload: Bool) {
        self.loads.add(1, ordering: .relaxed)
        if isReload { self.reloads.add(1, ordering: .relaxed) }
    }

    func loadEnded(after duration: Duration, failed: Bool, cancelled: Bool) {
        self.ended.add(1, ordering: .relaxed)
        self.nanoseconds.add(UInt64(clamping: duration.clampedNanoseconds), ordering: .relaxed)
        if cancelled {
            self.cancelled.add(1, ordering: .relaxed)
        } else if failed {
            self.failures.add(1, ordering: .relaxed)
        }
    }

    func timedOut() { self.timeOuts.add(1, ordering: .relaxed) }
    func discardedValue() { self.discarded.add(1, ordering: .relaxed) }
    func servedStale() { self.staleServed.add(1, ordering: .relaxed) }

    var snapshot: LoadStatistics {
        var result = LoadStatistics()
        result.loads = self.loads.load(ordering: .relaxed)
        result.reloads = self.reloads.load(ordering: .relaxed)
        result.failures = self.failures.load(ordering: .relaxed)
        result.cancelled = self.cancelled.load(ordering: .relaxed)
        result.timeOuts = self.timeOuts.load(ordering: .relaxed)
        result.discarded = self.discarded.load(ordering: .relaxed)
        result.staleServed = self.staleServed.load(ordering: .relaxed)
        result.loadNanoseconds = self.nanoseconds.load(ordering: .relaxed)
        result.endedLoads = self.ended.load(ordering: .relaxed)
        return result
    }
}
