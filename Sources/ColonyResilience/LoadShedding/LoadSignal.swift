public import ColonyCore

/// What a ``LoadShedder`` goes by: a number that is 1 when there is as much to do as can be done.
public struct LoadSignal: Sendable {
    /// Measures the load. Called at most once for each sample of the shedder, under its lock: it must be quick and must not call
    /// the shedder. A number that is not finite counts as no answer, and changes nothing.
    public let measure: @Sendable () -> Double

    /// Makes a signal of one's own, such as the use of the processor.
    public init(_ measure: @escaping @Sendable () -> Double) {
        self.measure = measure
    }

    /// The share of a bulkhead that is in use.
    public static func utilisation(of bulkhead: Bulkhead) -> LoadSignal {
        LoadSignal { bulkhead.snapshot.utilisation }
    }

    /// The share of a concurrency limit that is in use.
    public static func utilisation(of limit: AdaptiveConcurrencyLimit) -> LoadSignal {
        LoadSignal { limit.snapshot.utilisation }
    }

    /// How long the first in the line of a bulkhead has waited, as a share of `target`.
    ///
    /// A line that is gone soon is good: it takes up a burst. One that has been longer than the target for a whole interval does nothing but
    /// add to the time of everybody. Until that is known the signal gives no answer, and nothing changes, as in CoDel.
    ///
    /// - Parameters:
    ///   - target: From one microsecond to one hour. Five milliseconds unless said otherwise.
    ///   - interval: From one microsecond to one hour; longer than a burst. A hundred milliseconds unless said otherwise.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    /// - SeeAlso: K. Nichols, V. Jacobson, *Controlling Queue Delay*, ACM Queue 10(5), 2012.
    public static func queueDelay(
        of bulkhead: Bulkhead, target: Duration = .milliseconds(5), interval: Duration = .milliseconds(100),
        clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) -> LoadSignal {
        let delay = try QueueDelay(target: target, interval: interval)
        return LoadSignal {
            delay.load(wait: bulkhead.snapshot.longestWait.clampedNanoseconds, at: clock.now.nanoseconds)
        }
    }
}
