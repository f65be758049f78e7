import ColonyCaches
import Synchronization

/// Tells everybody who listens which entries have changed, so that copies elsewhere can be dropped.
///
/// What a listener has not read yet is kept for it: each key once, in the order of the first change, and at most
/// ``pendingLimit`` keys. One that falls further behind gets a ``CacheInvalidation/gap`` in place of them, which says that
/// whatever was read earlier may be stale.
final class InvalidationHub: Sendable {
    /// The most keys that are kept for one listener.
    static let pendingLimit = 1_000

    /// What one listener has not taken yet.
    private struct Pending {
        var keys: [CacheKey] = []
        var known: Set<CacheKey> = []
        /// In place of keys: everything was removed, or too much has happened.
        var whole: CacheInvalidation?

        mutating func add(_ change: CacheInvalidation) {
            // A gap says that nothing can be relied on, which covers all that happens before it is read.
            if self.whole == .gap { return }
            switch change {
            case .gap, .all: self.replace(by: change)
            case .keys(let added):
                if self.whole == .all { return }
                for key in added where self.known.insert(key).inserted { self.keys.append(key) }
                if self.keys.count > InvalidationHub.pendingLimit { self.replace(by: .gap) }
            }
        }

        private mutating func replace(by change: CacheInvalidation) {
            self.keys = []
            self.known = []
            self.whole = change
        }

        var change: CacheInvalidation? { self.whole ?? (self.keys.isEmpty ? nil : .keys(self.keys)) }
    }

    private struct Listener {
        var writer: String?
        var pending = Pending()
        var waker: AsyncStream<Void>.Continuation
    }

    private struct State {
        var listeners: [UInt64: Listener] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: The most listeners.
    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { self.state.withLock { $0.listeners.count } }

    struct Subscription: Sendable {
        fileprivate let id: UInt64
        /// An element whenever there may be something to take; ends on shutdown.
        let wakes: AsyncStream<Void>
        fileprivate let waker: AsyncStream<Void>.Continuation

        func finish() { self.waker.finish() }
    }

    /// Begins to listen.
    ///
    /// - Parameter writer: Whose changes the listener need not hear of: its own.
    func subscribe(as writer: String?) throws(Problem) -> Subscription {
        let (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let result = self.state.withLock { state -> Result<UInt64, Problem> in
            if state.isClosed { return .failure(.draining) }
            guard state.listeners.count < self.limit else {
                return .failure(
                    Problem(
                        .tooManyStreams,
                        "\(self.limit) streams of invalidations are open already; that is all this server allows"))
            }
            state.nextID += 1
            state.listeners[state.nextID] = Listener(writer: writer, waker: waker)
            return .success(state.nextID)
        }
        return Subscription(id: try result.get(), wakes: wakes, waker: waker)
    }

    func unsubscribe(_ subscription: Subscription) {
        subscription.finish()
        self.state.withLock { $0.listeners[subscription.id] = nil }
    }

    /// What has changed since the last call for this listener, or `nil` if nothing has.
    func take(_ subscription: Subscription) -> CacheInvalidation? {
        self.state.withLock { state in
            let change = state.listeners[subscription.id]?.pending.change
            if change != nil { state.listeners[subscription.id]?.pending = Pending() }
            return change
        }
    }

    /// Tells all listeners but those of `writer`.
    func publish(_ change: CacheInvalidation, from writer: String?) {
        let wakers = self.state.withLock { state in
            var wakers: [AsyncStream<Void>.Continuation] = []
            for id in Array(state.listeners.keys) {
                if writer != nil, state.listeners[id]?.writer == writer { continue }
                // Where it stands: a changed copy of the listener would copy all that is pending.
                state.listeners[id]?.pending.add(change)
                if let waker = state.listeners[id]?.waker { wakers.append(waker) }
            }
            return wakers
        }
        for waker in wakers { waker.yield() }
    }

    /// Ends all streams and lets no new one begin.
    func close() {
        let wakers = self.state.withLock { state in
            state.isClosed = true
            return state.listeners.values.map(\.waker)
        }
        for waker in wakers { waker.finish() }
    }
}
