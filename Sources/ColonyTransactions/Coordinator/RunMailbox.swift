import ColonyCore
import Synchronization

/// What happens to a transaction while it is worked on.
enum RunEvent: Sendable {
    /// A call has ended. Also one that was given up before.
    case answered(step: Int, direction: StepDirection, attempt: Int, Result<StepResult, any Error>)
    /// It is to turn back, if it still can.
    case turnBack(JournalEvent.TurnBack, reason: String)
    /// It belongs to another coordinator now.
    case lost
    /// The coordinator ends; whoever comes next goes on.
    case release
    /// It may be time for something.
    case tick
}

/// The events of one transaction, in their order. One task reads.
final class RunMailbox: Sendable {
    private struct State {
        var events: [RunEvent] = []
        var reader: CheckedContinuation<Void, Never>?
        var isOver = false
    }

    private let state = Mutex(State())

    func send(_ event: RunEvent) {
        let reader = self.state.withLock { state in
            state.events.append(event)
            switch event {
            case .lost, .release: state.isOver = true
            default: break
            }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    /// Whether the transaction was taken from this coordinator, or is to be handed back.
    var isOver: Bool { self.state.withLock { $0.isOver } }

    var isEmpty: Bool { self.state.withLock { $0.events.isEmpty } }

    /// What has come so far.
    func take() -> [RunEvent] {
        self.state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
    }

    /// Waits until something has come.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isThere = self.state.withLock { state in
                precondition(state.reader == nil, "a mailbox has one reader")
                if !state.events.isEmpty { return true }
                state.reader = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
