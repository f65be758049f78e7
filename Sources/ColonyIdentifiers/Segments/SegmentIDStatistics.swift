import Synchronization

/// How a ``SegmentIDGenerator`` is doing: what an operator looks at when callers wait.
public struct SegmentIDStatistics: Sendable {
    /// How many numbers the next request will ask for, unless the consumption changes.
    public let step: Int64
    /// How many numbers can be given without the store.
    public let remaining: Int64
    /// How many ranges were asked for, each counted once however often the request was repeated.
    public let requests: Int
    /// How many requests failed, repetitions counted.
    public let failures: Int
    /// How many in a row have failed up to now; zero after a success.
    public let failuresInARow: Int
    /// How many calls had to wait, up to now.
    public let waits: Int
    /// How many calls wait now.
    public let waiting: Int
    /// Why the latest failed request failed.
    public let lastFailure: IdentifierError?
}

extension SegmentIDGenerator {
    /// How the generator is doing at this moment. O(1).
    public var statistics: SegmentIDStatistics {
        self.state.withLock { state in
            SegmentIDStatistics(
                step: state.buffering.step, remaining: state.buffering.remaining, requests: state.requests,
                failures: state.failures, failuresInARow: state.failuresInARow, waits: state.waits,
                waiting: state.waiters.count, lastFailure: state.lastFailure)
        }
    }
}
