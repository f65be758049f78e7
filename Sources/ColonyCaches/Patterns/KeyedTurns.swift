import ColonyCore
import Synchronization

/// One at a time for each key, in the order in which they came; keys that nobody uses take no room.
final class KeyedTurns<Key: Hashable & Sendable>: Sendable {
    /// The first of a key has the turn, the others wait.
    private let queues = Mutex<[Key: [OneShotSignal]]>([:])

    /// Runs `body` when all who came before for this key are done.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits; `body` is not run then. What `body` throws.
    func run<Result>(_ key: Key, _ body: () async throws -> Result) async throws -> Result {
        let turn = OneShotSignal()
        let isFirst = self.queues.withLock { queues in
            queues[key, default: []].append(turn)
            return queues[key]?.count == 1
        }
        defer { self.leave(key, turn) }
        if !isFirst { try await turn.wait() }
        return try await body()
    }

    private func leave(_ key: Key, _ turn: OneShotSignal) {
        let next = self.queues.withLock { queues -> OneShotSignal? in
            guard var queue = queues.removeValue(forKey: key), let place = queue.firstIndex(where: { $0 === turn })
            else { return nil }
            queue.remove(at: place)
            if queue.isEmpty { return nil }
            queues[key] = queue
            return place == 0 ? queue[0] : nil
        }
        next?.fire()
    }

    /// How many wait for the turn of a key, for tests.
    func waitingCount(for key: Key) -> Int { self.queues.withLock { max(0, ($0[key]?.count ?? 0) - 1) } }

    /// How many keys are used, for tests.
    var count: Int { self.queues.withLock(\.count) }
}
