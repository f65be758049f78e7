import Synchronization

/// Passes events to everybody who listens.
///
/// A listener that does not keep up loses the oldest events, never the newest: who looks late at a breaker or a balancer wants to know how it
/// stands, and the sender never waits for its listeners. While nobody listens, an event costs one look at a flag, and is not made.
package final class ListenerHub<Event: Sendable>: Sendable {
    private struct State {
        var listeners: [UInt64: AsyncStream<Event>.Continuation] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())
    private let isHeard = Atomic<Bool>(false)

    package init() {}

    /// A stream of the events from now on, with room for `capacity` that were not looked at yet, at least one.
    package func listen(keepingNewest capacity: Int) -> AsyncStream<Event> {
        let (stream, listener) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(max(1, capacity)))
        let number = self.state.withLock { state in
            state.next += 1
            state.listeners[state.next] = listener
            self.isHeard.store(true, ordering: .releasing)
            return state.next
        }
        listener.onTermination = { [weak self] _ in
            // The listener is let go of outside the lock, because its end may run this again.
            _ = self?.forget(number)
        }
        return stream
    }

    /// Tells all listeners. A sender whose events have an order calls it under its own lock.
    package func send(_ event: @autoclosure () -> Event) {
        guard self.isHeard.load(ordering: .acquiring) else { return }
        let event = event()
        self.state.withLock { state in
            for listener in state.listeners.values {
                listener.yield(event)
            }
        }
    }

    private func forget(_ number: UInt64) -> AsyncStream<Event>.Continuation? {
        self.state.withLock { state in
            let listener = state.listeners.removeValue(forKey: number)
            self.isHeard.store(!state.listeners.isEmpty, ordering: .releasing)
            return listener
        }
    }

    deinit {
        let listeners = self.state.withLock { state in Array(state.listeners.values) }
        for listener in listeners {
            listener.finish()
        }
    }
}
