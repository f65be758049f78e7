import ColonyCore
public import ColonyQueues

extension SQLiteQueueEngine: TopicEngine {
    /// Says for how long messages to topics of a pattern are kept, in one durable transaction.
    public func retain(_ pattern: TopicPattern, _ retention: TopicRetention?) async throws(QueueError) {
        try await self.changeAll { routing, queues throws(StoreError) in
            try TopicLog(routing, queues).retain(pattern, retention)
        }
    }

    /// What was declared, in the order of the patterns.
    public func retentions() async throws(QueueError) -> [RetentionRecord] {
        try await self.changeAll { routing, queues throws(StoreError) in
            .success(try TopicLog(routing, queues).records())
        }
    }

    /// Stores messages in the log and in the queues that are bound to their topics, and returns after `fsync`.
    ///
    /// - Complexity: At most one `fsync`, shared with the operations that wait at the same time; O(log *n*) per message and copy. With each
    ///   message a few are trimmed that are kept long enough.
    public func publish(_ messages: [TopicMessage]) async throws(QueueError) -> [TopicOutcome] {
        try QueueRequests.check(messages)
        return try await self.changeAll { routing, queues throws(StoreError) in
            .success(try TopicLog(routing, queues).publish(messages))
        }
    }

    /// What was published after an offset, read beside the writer.
    ///
    /// - Complexity: O(log *n*) and what is looked at; a topic without wildcards is found by an index.
    public func read(
        _ pattern: TopicPattern, after offset: TopicOffset, limit: Int
    ) async throws(QueueError) -> TopicPage {
        try QueueRequests.check(page: limit)
        let now = self.clock.now.nanoseconds
        let (page, hasDue) = try await self.read { connection throws(StoreError) in
            let reading = TopicReading(connection: connection, now: now)
            return (try reading.page(pattern, after: offset, limit: limit), try reading.hasDue())
        }
        if hasDue { self.trimTopics() }
        return page
    }

    /// The offset after which a reader begins who wants what is published from a position on.
    ///
    /// - Complexity: O(log *n*), and for a time what was published in one second.
    public func offset(of position: TopicPosition) async throws(QueueError) -> TopicOffset {
        let now = self.clock.now.nanoseconds
        let offset = try await self.read { connection throws(StoreError) in
            try TopicReading(connection: connection, now: now).offset(of: position)
        }
        return TopicOffset(rawValue: offset)
    }

    /// Waits until something was published after an offset, in this process or another.
    public func waitForTopics(after offset: TopicOffset, upTo limit: Duration) async throws(QueueError) {
        let deadline = self.clock.now.advanced(by: limit)
        let news = Self.news(of: try self.opened())
        let signal = OneShotSignal()
        // Before the look, so that nothing falls between.
        news.addTopics(signal, seen: offset.rawValue)
        defer { news.removeTopics(signal) }
        let last = try await self.offset(of: .end)
        if last > offset || limit <= .zero { return }
        do {
            _ = try await signal.wait(until: deadline, on: self.clock)
        } catch {
            throw QueueError(.cancelled, "the wait for topics was cancelled", cause: error)
        }
    }

    /// Has the writer remove what time has made due, because publishers may have gone.
    private func trimTopics() {
        guard let store = try? self.opened() else { return }
        let (news, cache) = (Self.news(of: store), Self.routing(of: store))
        let (clock, wall) = (self.clock, self.wall)
        // What fails is made up for by the next.
        store.writer.submit(.wholeBatch) { transaction throws(StoreError) in
            let queues = OpenQueues(
                now: clock.now.nanoseconds, civil: wall.now.millisecondsSince1970, transaction: transaction, news: news)
            try TopicLog(try RoutingNotes.of(transaction, cache), queues).trim([], upTo: MessageLimits.batch)
        } completion: { _ in
        }
    }
}

extension TopicLog {
    func retain(
        _ pattern: TopicPattern, _ retention: TopicRetention?
    ) throws(StoreError) -> Result<Void, QueueError> {
        do throws(QueueError) {
            if let retention { try self.routing.rules.check(pattern, retention) }
        } catch {
            return .failure(error)
        }
        let connection = self.queues.transaction.connection
        let present = self.routing.rules.rule(of: pattern)
        if present?.retention == retention { return .success(()) }
        if let present, var shelf = try self.notes.shelf(present.number, on: connection) {
            shelf.isRetired = true
            self.notes.set(shelf)
        }
        guard let retention else {
            self.routing.changeRules { $0.remove(pattern) }
            return .success(())
        }
        let rule = TopicRules.Rule(
            number: self.queues.transaction.nextNumber(), pattern: pattern, retention: retention,
            since: self.notes.state.last)
        try TopicShelf(of: rule).insert(on: connection)
        self.routing.changeRules { $0.insert(rule) }
        return .success(())
    }

    /// What was declared, with what is kept by it, also under an earlier declaration of the same pattern.
    func records() throws(StoreError) -> [RetentionRecord] {
        try self.trim([], upTo: MessageLimits.batch)
        let shelves = try TopicShelf.all(on: self.queues.transaction.connection).map { self.notes.present($0) }
        return self.routing.rules.rules.map { rule in
            let kept = shelves.filter { $0.rule.pattern == rule.pattern && $0.rule.number != 0 }
            return RetentionRecord(
                pattern: rule.pattern, retention: rule.retention, messages: kept.reduce(0) { $0 + $1.messages },
                bytes: kept.reduce(0) { $0 + $1.bytes })
        }
    }
}
