import ColonyCore
import Synchronization

/// How late each of a known number of messages was.
final class LatenessLog: Sendable {
    private struct State {
        // Made at once, so that the log does not grow while memory is watched.
        var nanoseconds: [Int64]
        var count = 0
    }

    private let state: Mutex<State>
    /// Fired when the last message was noted.
    let done = OneShotSignal()

    init(count: Int) {
        self.state = Mutex(State(nanoseconds: Array(repeating: 0, count: count)))
    }

    func note(_ lateness: Duration) {
        let isLast = self.state.withLock { state in
            // A message that is delivered a second time is not counted.
            guard state.count < state.nanoseconds.count else { return false }
            state.nanoseconds[state.count] = lateness.clampedNanoseconds
            state.count += 1
            return state.count == state.nanoseconds.count
        }
        if isLast { self.done.fire() }
    }

    var samples: [Duration] {
        self.state.withLock { state in state.nanoseconds.prefix(state.count).map { .nanoseconds($0) } }
    }
}
