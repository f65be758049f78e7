import Synchronization

/// Tells what happens in a layer to all who listen, and costs one look at a flag while nobody does.
///
/// A listener that is slow loses the oldest events and never holds up a call. A listener is forgotten when its task is cancelled or
/// its sequence is gone.
package final class EventHub<Event: Sendable>: Sendable {
    private struct State {
        var listeners: [UInt64: AsyncStream<Event>.Continuation] = [:]
        var nextNumber: UInt64 = 0
    }

    private let state = Mutex(State())
    private let isHeard = Atomic<Bool>(false)

    package init() {}

    /// What happens from now on. At most `limit` events, at least one, are kept for a slow reader: the latest ones.
    package func events(buffering limit: Int) -> AsyncStream<Event> {
        AsyncStream(bufferingPolicy: .bufferingNewest(max(1, limit))) { continuation in
            let number = self.state.withLock { state in
                state.nextNumber += 1
                state.listeners[state.nextNumber] = continuation
                self.isHeard.store(true, ordering: .releasing)
                return state.nextNumber
            }
            continuation.onTermination = { [weak self] _ in self?.forget(number) }
        }
    }

    /// Tells all who listen. The event is made only if somebody does.
    package func send(_ event: @autoclosure () -> Event) {
        guard self.isHeard.load(ordering: .relaxed) else { return }
        let listeners = self.state.withLock { Array($0.listeners.values) }
        guard !listeners.isEmpty else { return }
        let event = event()
        for listener in listeners { listener.yield(event) }
    }

    /// How many listen.
    package var listenerCount: Int { self.state.withLock { $0.listeners.count } }

    private func forget(_ number: UInt64) {
        // The listener is let go of outside the lock, because its end may run this again.
        _ = self.state.withLock { state in
            let listener = state.listeners.removeValue(forKey: number)
            self.isHeard.store(!state.listeners.isEmpty, ordering: .releasing)
            return listener
        }
    }

    deinit {
        for listener in self.state.withLock({ $0.listeners.values }) { listener.finish() }
    }
}
