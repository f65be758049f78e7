import ColonyCore
import ColonyQueues
import Synchronization

/// The queues that are being published to at this moment, and what became of those that were.
///
/// Each works on its own: the relay waits for none of them, so that one that hangs keeps no other from going on, and the lease from being
/// renewed.
final class LaneDesk: Sendable {
    private struct State {
        var running: [QueueName: Task<Void, Never>] = [:]
        var reports: [LaneReport] = []
        var waiter: OneShotSignal?
    }

    private let state = Mutex(State())

    /// Queues that are worked on.
    var running: Set<QueueName> { self.state.withLock { Set($0.running.keys) } }

    /// Begins the work on a queue. Its task is noted before it can hand its report in.
    func begin(_ queue: QueueName, _ start: () -> Task<Void, Never>) {
        self.state.withLock { $0.running[queue] = start() }
    }

    /// Hands a report in.
    func end(_ report: LaneReport) {
        let waiter = self.state.withLock { state -> OneShotSignal? in
            state.running[report.queue] = nil
            state.reports.append(report)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.fire()
    }

    /// What has come in since the last time.
    func take() -> [LaneReport] {
        self.state.withLock { state in
            defer { state.reports = [] }
            return state.reports
        }
    }

    /// A signal for the next report; fired if there is one that nobody has taken.
    func signal() -> OneShotSignal {
        let signal = OneShotSignal()
        let isThere = self.state.withLock { state in
            state.waiter = signal
            return !state.reports.isEmpty
        }
        if isThere { signal.fire() }
        return signal
    }

    /// Gives up everything that is under way.
    func cancel() {
        for task in self.state.withLock({ Array($0.running.values) }) { task.cancel() }
    }
}
