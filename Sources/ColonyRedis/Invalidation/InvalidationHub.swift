import ColonyCaches
import Synchronization

/// Passes what servers say about changes on to everybody who listens.
///
/// Each listener has a bounded queue. When one falls behind, what waits for it is replaced by a gap, which says all of it.
final class InvalidationHub: Sendable {
    private struct State {
        var listeners: [Int: InvalidationQueue] = [:]
        var next = 0
        /// Whether anybody has ever listened.
        var isWanted = false
        var isClosed = false
    }

    /// How many changes wait for one listener before they become a gap.
    static let queueLimit = 4096

    private let state = Mutex(State())

    /// Whether servers are to be asked for their changes.
    var isWanted: Bool { self.state.withLock(\.isWanted) }

    /// Adds a listener.
    func listen() -> CacheInvalidations {
        let queue = InvalidationQueue(limit: Self.queueLimit)
        let number = self.state.withLock { state -> Int? in
            if state.isClosed { return nil }
            state.isWanted = true
            state.next += 1
            state.listeners[state.next] = queue
            return state.next
        }
        guard let number else {
            queue.finish()
            return AsyncStream { await queue.next() }
        }
        return AsyncStream {
            let change = await queue.next()
            if change == nil { self.forget(number) }
            return change
        } onCancel: {
            queue.finish()
            self.forget(number)
        }
    }

    private func forget(_ number: Int) {
        self.state.withLock { $0.listeners[number] = nil }
    }

    func publish(_ change: CacheInvalidation) {
        for queue in self.state.withLock({ Array($0.listeners.values) }) { queue.add(change) }
    }

    func close() {
        let listeners = self.state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for queue in listeners { queue.finish() }
    }
}

/// The changes that wait for one listener.
final class InvalidationQueue: Sendable {
    private struct State {
        var changes: [CacheInvalidation] = []
        var waiter: CheckedContinuation<CacheInvalidation?, Never>?
        var isFinished = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    func add(_ change: CacheInvalidation) {
        let waiter = self.state.withLock { state -> CheckedContinuation<CacheInvalidation?, Never>? in
            if state.isFinished { return nil }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            if state.changes.count >= self.limit {
                state.changes = [.gap]
            } else if change != .gap || state.changes.last != .gap {
                state.changes.append(change)
            }
            return nil
        }
        waiter?.resume(returning: change)
    }

    func finish() {
        let waiter = self.state.withLock { state in
            state.isFinished = true
            state.changes = []
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    func next() async -> CacheInvalidation? {
        await withCheckedContinuation { continuation in
            let answer = self.state.withLock { state -> CacheInvalidation?? in
                if !state.changes.isEmpty { return .some(state.changes.removeFirst()) }
                if state.isFinished { return .some(nil) }
                precondition(state.waiter == nil, "two tasks read one sequence of invalidations")
                state.waiter = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
