import ColonyCore
import Synchronization

/// Who waits in this engine, by what is published when there is something to look for.
final class LeaseWakes: Sendable {
    private struct State {
        var waits: [[UInt8]: [LeaseWait]] = [:]
    }

    private let state = Mutex(State())

    /// Adds somebody who waits for any of some messages.
    func enter(_ messages: [UInt8]...) -> LeaseWait {
        let wait = LeaseWait(messages)
        self.state.withLock { state in
            for message in messages { state.waits[message, default: []].append(wait) }
        }
        return wait
    }

    func leave(_ wait: LeaseWait) {
        self.state.withLock { state in
            for message in wait.messages {
                state.waits[message]?.removeAll { $0 === wait }
                if state.waits[message]?.isEmpty == true { state.waits[message] = nil }
            }
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
    let messages: [[UInt8]]
    private let signal = Mutex(OneShotSignal())

    init(_ messages: [[UInt8]]) { self.messages = messages }

    /// A signal that is fired by what happens from now on.
    func arm() -> OneShotSignal {
        let fresh = OneShotSignal()
        self.signal.withLock { $0 = fresh }
        return fresh
    }

    func fire() { self.signal.withLock { $0 }.fire() }
}
