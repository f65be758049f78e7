import ColonyCore
import Synchronization

/// What the ends of calls are reported to: the clock, the sum of all loads, and the watch for failures.
///
/// It outlives the balancer as long as calls are under way.
final class Settlement: Sendable {
    /// Told of each failure with the length of the present streak; weak, because calls may outlive the balancer.
    struct Watch: Sendable {
        weak var balancer: LoadBalancer?
    }

    let clock: any MonotonicClock
    /// Whether calls are timed: a look at the clock costs more than all the rest of a pick.
    let isTimed: Bool
    /// Over how many nanoseconds an estimate of latency falls to 1/e.
    let decay: Float
    /// The loads of all endpoints together, if the algorithm needs them.
    let loads: LoadSum?
    /// From how many failures in a row on the balancer is told; `max` is never.
    private let alarm: UInt32
    /// The same for failures to connect.
    private let connectAlarm: UInt32
    private let watch = Mutex(Watch())

    init(_ options: BalancerOptions, clock: any MonotonicClock) {
        var decay = Duration.seconds(10)
        var isTimed = options.outliers?.latency != nil
        if case .peakEWMA(let chosen) = options.algorithm { (decay, isTimed) = (chosen, true) }
        var needsSum = false
        if case .ringHash(.some) = options.algorithm { needsSum = true }
        self.clock = clock
        self.isTimed = isTimed
        self.decay = Float(decay.clampedNanoseconds)
        self.loads = needsSum ? LoadSum() : nil
        self.alarm = options.outliers?.consecutiveErrors.map { UInt32($0) } ?? .max
        self.connectAlarm = options.outliers?.consecutiveConnectErrors.map { UInt32($0) } ?? .max
    }

    func connect(to balancer: LoadBalancer) {
        self.watch.withLock { $0.balancer = balancer }
    }

    /// Records how a call ended.
    func record(_ cell: CellPointer, _ outcome: CallOutcome, start: Int64) {
        switch outcome {
        case .succeeded:
            cell.pointee.successes.wrappingAdd(1, ordering: .relaxed)
            if cell.pointee.streak.load(ordering: .relaxed) != 0 { cell.pointee.forgetStreaks() }
        case .failed(let failure):
            self.count(failure, of: cell)
        case .cancelled:
            cell.pointee.cancellations.wrappingAdd(1, ordering: .relaxed)
        }
        if self.isTimed, outcome != .cancelled {
            self.observe(cell, hasFailed: outcome != .succeeded, start: start)
        }
        self.loads?.add(-1)
    }

    private func count(_ failure: CallFailure, of cell: CellPointer) {
        cell.pointee.failures.wrappingAdd(1, ordering: .relaxed)
        let streak = cell.pointee.streak.wrappingAdd(1, ordering: .relaxed).newValue
        var connectStreak: UInt32 = 0
        switch failure {
        case .connectFailed:
            cell.pointee.connectFailures.wrappingAdd(1, ordering: .relaxed)
            connectStreak = cell.pointee.connectStreak.wrappingAdd(1, ordering: .relaxed).newValue
        case .timedOut: cell.pointee.timeouts.wrappingAdd(1, ordering: .relaxed)
        case .error: cell.pointee.connectStreak.store(0, ordering: .relaxed)
        }
        // A run is judged when it is long enough, and again each time it has grown by as much: in an outage, not with each failure.
        guard streak % self.alarm == 0 || (connectStreak != 0 && connectStreak % self.connectAlarm == 0) else { return }
        self.watch.withLock { $0.balancer }?.judge(number: cell.pointee.number)
    }

    private func observe(_ cell: CellPointer, hasFailed: Bool, start: Int64) {
        let now = self.clock.now.nanoseconds
        let elapsed = max(0, now - start)
        cell.pointee.latencySum.wrappingAdd(UInt64(elapsed), ordering: .relaxed)
        var seen = cell.pointee.latency.load(ordering: .relaxed)
        while true {
            let estimate = LatencyEstimate(word: seen).adding(elapsed, hasFailed: hasFailed, at: now, decay: self.decay)
            if estimate.word == seen { return }
            let (isExchanged, found) = cell.pointee.latency.weakCompareExchange(
                expected: seen, desired: estimate.word, ordering: .relaxed)
            if isExchanged { return }
            seen = found
        }
    }
}
