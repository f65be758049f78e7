import Synchronization

/// Passes the events of a layer to everybody who listens.
///
/// A listener that does not keep up loses the oldest events, never the newest: who looks late at a breaker wants to know how it
/// stands, and a layer never waits for its listeners.
package final class ResilienceEventHub<Event: Sendable>: Sendable {
    private struct State {
        var listeners: [UInt64: AsyncStream<Event>.Continuation] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// A stream of the events from now on, with room for `capacity` that were not looked at yet.
    package func listen(keepingNewest capacity: Int) -> AsyncStream<Event> {
        let (stream, listener) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(capacity))
        let number = self.state.withLock { state in
            state.next += 1
            state.listeners[state.next] = listener
            return state.next
        }
        listener.onTermination = { [weak self] _ in
            // The listener is let go of outside the lock, because its end may run this again.
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    /// Tells all listeners. Called under the lock of the layer, so that events arrive in the order in which they happened.
    package func send(_ event: Event) {
        self.state.withLock { state in
            for listener in state.listeners.values {
                listener.yield(event)
            }
        }
    }

    /// How many listen.
    package var listenerCount: Int { self.state.withLock(\.listeners.count) }

    deinit {
        let listeners = self.state.withLock { state in Array(state.listeners.values) }
        for listener in listeners {
            listener.finish()
        }
    }
}
