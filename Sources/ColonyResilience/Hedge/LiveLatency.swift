import ColonyCore
import Synchronization

/// A quantile of the latencies of late, read without a lock.
///
/// The quantile is looked up after every sixteenth sample, so that recording stays cheap and reading is one load.
final class LiveLatency: Sendable {
    private static let samplesPerLook: UInt64 = 16

    private struct State {
        var histogram: LatencyHistogram
        var samples: UInt64 = 0
    }

    private let share: Double
    private let minimumSamples: UInt64
    private let state: Mutex<State>
    /// In nanoseconds; below zero as long as too few samples are there.
    private let present = Atomic<Int64>(-1)

    /// - Parameters:
    ///   - share: From 0 to 1.
    ///   - minimumSamples: How many latencies are needed before there is an answer.
    init(quantile share: Double, minimumSamples: Int) {
        self.share = share
        self.minimumSamples = UInt64(max(1, minimumSamples))
        self.state = Mutex(State(histogram: LatencyHistogram()))
    }

    func record(_ latency: Duration) {
        self.state.withLock { state in
            state.histogram.record(nanoseconds: latency.clampedNanoseconds)
            state.samples += 1
            let isFirst = state.samples == self.minimumSamples
            guard state.samples >= self.minimumSamples, isFirst || state.samples % Self.samplesPerLook == 0 else {
                return
            }
            self.present.store(state.histogram.quantile(self.share) ?? -1, ordering: .relaxed)
        }
    }

    /// The quantile in nanoseconds, or `nil` as long as too few samples are there.
    var quantile: Int64? {
        let present = self.present.load(ordering: .relaxed)
        return present < 0 ? nil : present
    }
}
