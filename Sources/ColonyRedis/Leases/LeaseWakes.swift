import ColonyCore
import Synchronization

/// Who waits in this engine, by what is published when there is something to look for.
final class LeaseWakes: Sendable {
    private struct State {
        var waits: [[UInt8]: [LeaseWait]] = [:]
    }

    private let state = Mutex(State())

    /// Adds somebody who waits for a message.
    func enter(_ message: [UInt8]) -> LeaseWait {
        let wait = LeaseWait(message)
        self.state.withLock { $0.waits[message, default: []].append(wait) }
        return wait
    }

    func leave(_ wait: LeaseWait) {
        self.state.withLock { state in
            state.waits[wait.message]?.removeAll { $0 === wait }
            if state.waits[wait.message]?.isEmpty == true { state.waits[wait.message] = nil }
        }
    }

    /// A message was published.
    func heard(_ message: [UInt8]) {
        for wait in self.state.withLock({ $0.waits[message] ?? [] }) { wait.fire() }
    }

    /// Has everybody look: messages may have been lost, or there is nobody any more who sends them.
    func all() {
        for wait in self.state.withLock({ state in state.waits.values.flatMap { $0 } }) { wait.fire() }
    }
}

/// One who waits, and looks whenever it is told to.
final class LeaseWait: Sendable {
    let message: [UInt8]
    private let signal = Mutex(OneShotSignal())

    init(_ message: [UInt8]) { self.message = message }

    /// A signal that is fired by what happens from now on.
    func arm() -> OneShotSignal {
        let fresh = OneShotSignal()
        self.signal.withLock { $0 = fresh }
        return fresh
    }

    func fire() { self.signal.withLock { $0 }.fire() }
}
