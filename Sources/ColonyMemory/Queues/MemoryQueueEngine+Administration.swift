public import ColonyQueues
import Synchronization

extension MemoryQueueEngine: QueueAdministration {
    /// How a queue stands.
    ///
    /// - Complexity: O(*n*).
    public func inspect(_ queue: QueueName) async throws(QueueError) -> QueueRecord? {
        do throws(QueueError) {
            return try self.change(queue) { _, queue, _ in (queue.record(isWhole: true), false) }
        } catch {
            if error.code == .unknownQueue { return nil }
            throw error
        }
    }

    /// A page of queues, by name.
    public func queues(after name: QueueName?, limit: Int) async throws(QueueError) -> [QueueRecord] {
        try QueueRequests.check(page: limit)
        return self.state.withLock { state in
            let found = state.queues.keys.filter { queue in name.map { queue > $0 } ?? true }.sorted()
            return found.prefix(limit).compactMap { state.queues[$0]?.record(isWhole: false) }
        }
    }

    /// A page of messages that are not dead, in the order of publishing.
    ///
    /// - Complexity: O(*n* log *n*).
    public func messages(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [QueuedMessage] {
        try QueueRequests.check(page: limit)
        return try self.change(queue) { _, queue, _ in (queue.messages(after: id, limit: limit), false) }
    }

    /// A page of parked dead letters, in the order of publishing.
    public func deadLetters(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [DeadLetter] {
        try QueueRequests.check(page: limit)
        return try self.change(queue) { _, queue, _ in
            let found = queue.dead.values.filter { letter in id.map { letter.id > $0 } ?? true }
            return (Array(found.sorted { $0.id < $1.id }.prefix(limit)), false)
        }
    }

    /// Delivers dead letters again, whether or not there is room.
    @discardableResult
    public func redrive(
        _ ids: [MessageID], of queue: QueueName, to target: QueueName?
    ) async throws(QueueError) -> Int {
        try QueueRequests.check(batch: ids.count)
        if let target, target != queue, try await self.inspect(target) == nil { throw QueueRequests.unknown(target) }
        return try self.change(queue) { state, queue, now in
            var moved = 0
            var touched: Set<QueueName> = []
            for id in ids {
                // One after the other, because the same may be asked for twice.
                guard let letter = queue.redriven(id) else { continue }
                let destination = target ?? letter.origin
                if destination == queue.name {
                    queue.giveAway(letter)
                    queue.take(letter, at: now)
                } else if state.queues[destination] != nil {
                    queue.giveAway(letter)
                    state.queues[destination]?.take(letter, at: now)
                    touched.insert(destination)
                } else {
                    continue
                }
                moved += 1
            }
            state.touched.formUnion(touched)
            return (moved, true)
        }
    }

    /// Removes parked dead letters for good.
    @discardableResult
    public func dropDeadLetters(_ ids: [MessageID], of queue: QueueName) async throws(QueueError) -> Int {
        try QueueRequests.check(batch: ids.count)
        return try self.change(queue) { _, queue, _ in (ids.compactMap { queue.dropDead($0) }.count, true) }
    }

    /// Removes up to a thousand messages that are not with a consumer, the earliest first.
    @discardableResult
    public func purge(_ queue: QueueName) async throws(QueueError) -> Int {
        try self.change(queue) { _, queue, _ in (queue.purge(upTo: MessageLimits.batch), true) }
    }

    /// Has a queue deliver nothing until it is told to go on.
    @discardableResult
    public func pause(_ queue: QueueName, _ isPaused: Bool) async throws(QueueError) -> Bool {
        try self.change(queue) { _, queue, _ in
            let isChange = queue.pause(isPaused)
            return (isChange, isChange)
        }
    }

    /// Removes a queue that has no messages.
    @discardableResult
    public func delete(_ queue: QueueName) async throws(QueueError) -> Bool {
        let count = self.state.withLock { state -> Int? in
            guard let count = state.queues[queue]?.statistics.count else { return nil }
            if count == 0 {
                state.queues[queue] = nil
                _ = state.exchanges.unbindAll(of: queue)
            }
            return count
        }
        if let count, count > 0 { throw QueueRequests.notEmpty(queue, count) }
        return count != nil
    }
}
