#if Postgres
import ColonyCore
import Synchronization

/// Something that a task waits for again and again: it looks, waits until it is woken or a moment has come, and looks again.
final class LeaseWait: Sendable {
    private struct State {
        var signal = OneShotSignal()
        var ticket: Int64?
        var isFirst = false
    }

    private let state = Mutex(State())
    /// The grant whose end is waited for, as the server writes it; `nil` for one who waits for a turn.
    let token: String?

    init(watching token: FencingToken? = nil) {
        self.token = token.map { String(Int64(bitPattern: $0.rawValue)) }
    }

    /// The place in the queue, once there is one.
    var ticket: Int64? { self.state.withLock { $0.ticket } }

    /// Whether it stood first when it looked.
    var isFirst: Bool { self.state.withLock { $0.isFirst } }

    func stand(_ ticket: Int64, isFirst: Bool) {
        self.state.withLock { state in
            state.ticket = ticket
            state.isFirst = isFirst
        }
    }

    /// A signal for the next wait; a wake-up from now on fires it.
    func rearm() -> OneShotSignal {
        self.state.withLock { state in
            state.signal = OneShotSignal()
            return state.signal
        }
    }

    func wake() {
        self.state.withLock { $0.signal }.fire()
    }
}
#endif
