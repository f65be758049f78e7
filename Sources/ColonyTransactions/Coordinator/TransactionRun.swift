import ColonyCore
import Synchronization

/// One transaction that is worked on in this process, and who waits for its end.
final class TransactionRun: Sendable {
    private enum State {
        case open([OneShotSignal])
        case ended(RunEnd)
    }

    let id: TransactionID
    let mailbox: RunMailbox
    private let state = Mutex(State.open([]))

    init(_ id: TransactionID, _ mailbox: RunMailbox) {
        self.id = id
        self.mailbox = mailbox
    }

    func end(_ end: RunEnd) {
        let waiters = self.state.withLock { state -> [OneShotSignal] in
            guard case .open(let waiters) = state else { return [] }
            state = .ended(end)
            return waiters
        }
        for waiter in waiters { waiter.fire() }
    }

    /// How it ended; `nil` if the deadline came first.
    ///
    /// - Throws: `CancellationError`; the transaction goes on.
    func wait(until deadline: MonotonicInstant?, on clock: any MonotonicClock) async throws -> RunEnd? {
        let signal = OneShotSignal()
        let isOpen = self.state.withLock { state in
            guard case .open(var waiters) = state else { return false }
            waiters.append(signal)
            state = .open(waiters)
            return true
        }
        if isOpen {
            defer { self.forget(signal) }
            if let deadline {
                _ = try await signal.wait(until: deadline, on: clock)
            } else {
                try await signal.wait()
            }
        }
        return self.state.withLock { state in
            if case .ended(let end) = state { end } else { nil }
        }
    }

    private func forget(_ signal: OneShotSignal) {
        self.state.withLock { state in
            guard case .open(var waiters) = state else { return }
            waiters.removeAll { $0 === signal }
            state = .open(waiters)
        }
    }
}
