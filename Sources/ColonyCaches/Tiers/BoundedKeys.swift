import ColonyCore
import Synchronization

/// Keys that wait for something to be done about them, each once, up to a number; one task waits for them to come.
final class BoundedKeys: Sendable {
    private struct State {
        var keys: Set<CacheKey> = []
        var waiter: OneShotSignal?
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    /// Returns whether there was room.
    func insert(_ key: CacheKey) -> Bool {
        let (hasRoom, waiter) = self.state.withLock { state -> (Bool, OneShotSignal?) in
            guard state.keys.count < self.capacity || state.keys.contains(key) else { return (false, nil) }
            state.keys.insert(key)
            defer { state.waiter = nil }
            return (true, state.waiter)
        }
        waiter?.fire()
        return hasRoom
    }

    /// Returns whether the key was there.
    @discardableResult
    func remove(_ key: CacheKey) -> Bool { self.state.withLock { $0.keys.remove(key) != nil } }

    func contains(_ key: CacheKey) -> Bool { self.state.withLock { $0.keys.contains(key) } }

    var count: Int { self.state.withLock(\.keys.count) }

    /// Some of the keys, which stay.
    func first(_ count: Int) -> [CacheKey] { self.state.withLock { Array($0.keys.prefix(count)) } }

    /// Waits until there is a key.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func waitForKeys() async throws {
        let signal = OneShotSignal()
        let isEmpty = self.state.withLock { state in
            if state.keys.isEmpty { state.waiter = signal }
            return state.keys.isEmpty
        }
        if isEmpty { try await signal.wait() }
        try Task.checkCancellation()
    }
}
