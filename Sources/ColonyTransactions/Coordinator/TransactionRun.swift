import ColonyCore
import Synchronization

/// One transaction that is worked on in this process, and who waits for its end.
final class TransactionRun: Sendable {
    private enum State {
        case open([OneShotSignal])
        case ended(RunEnd)
    }

    private enum Beginning {
        /// It is not known yet whether it belongs to this coordinator.
        case open([OneShotSignal])
        case settled(isWorkedOn: Bool)
    }

    let id: TransactionID
    /// What it was begun with, for those who begin it again.
    let key: DefinitionKey
    let input: [UInt8]
    let mailbox = RunMailbox()
    private let state = Mutex(State.open([]))
    private let beginning = Mutex(Beginning.open([]))

    init(_ id: TransactionID, _ key: DefinitionKey, _ input: [UInt8]) {
        self.id = id
        self.key = key
        self.input = input
    }

    /// Tells those who want to begin the same whether it is worked on here.
    func settleBeginning(isWorkedOn: Bool) {
        let waiters = self.beginning.withLock { beginning -> [OneShotSignal] in
            guard case .open(let waiters) = beginning else { return [] }
            beginning = .settled(isWorkedOn: isWorkedOn)
            return waiters
        }
        for waiter in waiters { waiter.fire() }
    }

    /// Whether it is worked on here, once that is known.
    ///
    /// - Throws: `CancellationError`.
    func isWorkedOn() async throws -> Bool {
        let signal = OneShotSignal()
        let isOpen = self.beginning.withLock { beginning in
            guard case .open(var waiters) = beginning else { return false }
            waiters.append(signal)
            beginning = .open(waiters)
            return true
        }
        // It ends with an answer of the journal, or the failure of one.
        if isOpen { try await signal.wait() }
        return self.beginning.withLock { if case .settled(true) = $0 { true } else { false } }
    }

    func end(_ end: RunEnd) {
        self.settleBeginning(isWorkedOn: false)
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
