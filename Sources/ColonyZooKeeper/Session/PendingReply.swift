#if ZooKeeper
import ColonyCore
import Synchronization

/// An answer that is on its way. Requests are sent first and awaited later, so that several can share one round trip.
package final class PendingReply: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<ZooKeeperReply, Never>)
        case finished(ZooKeeperReply)
    }

    /// A moment before the request left.
    let sentAt: MonotonicInstant
    private let alarms: Alarms<PendingReply>
    private let alarm = Atomic<UInt64>(0)
    private let state = Mutex(State.open)

    init(sentAt: MonotonicInstant, alarms: Alarms<PendingReply>) {
        self.sentAt = sentAt
        self.alarms = alarms
    }

    func expire(at deadline: MonotonicInstant) {
        self.alarm.store(self.alarms.set(self, at: deadline), ordering: .releasing)
        // The answer may have been faster, and has then found no alarm to stop.
        if case .finished = self.state.withLock({ $0 }) { self.stopAlarm() }
    }

    /// Takes the first of what comes: the answer, the deadline, or the cancellation.
    func finish(_ reply: ZooKeeperReply) {
        let waiter = self.state.withLock { state -> CheckedContinuation<ZooKeeperReply, Never>? in
            switch state {
            case .open:
                state = .finished(reply)
                return nil
            case .waiting(let continuation):
                state = .finished(reply)
                return continuation
            case .finished:
                return nil
            }
        }
        self.stopAlarm()
        waiter?.resume(returning: reply)
    }

    private func stopAlarm() {
        let alarm = self.alarm.exchange(0, ordering: .acquiringAndReleasing)
        if alarm != 0 { self.alarms.cancel(alarm) }
    }

    /// The answer; one task may ask for it. A cancelled task gets `cancelled` at once.
    package func value() async -> ZooKeeperReply {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let reply = self.state.withLock { state -> ZooKeeperReply? in
                    if case .finished(let reply) = state { return reply }
                    state = .waiting(continuation)
                    return nil
                }
                if let reply { continuation.resume(returning: reply) }
            }
        } onCancel: {
            self.finish(ZooKeeperReply(.cancelled))
        }
    }
}
#endif
