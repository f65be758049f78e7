import ColonyCore
public import ColonyQueues

extension RemoteQueueEngine: QueueAdministration {
    public func inspect(_ queue: QueueName) async throws(QueueError) -> QueueRecord? {
        let answer = try await self.connection.askQueues(.get, Self.path(of: queue))
        if answer.status == 404, answer.code == "unknown_queue" { return nil }
        return try self.record(try answer.queueDocument(as: QueueDocument.self), answer)
    }

    public func queues(after name: QueueName?, limit: Int) async throws(QueueError) -> [QueueRecord] {
        try QueueRequests.check(page: limit)
        var query = "limit=\(limit)"
        if let name { query += "&after=\(PercentEncoding.encoded(name.rawValue))" }
        let answer = try await self.connection.askQueues(.get, "/v1/queues?\(query)")
        var records: [QueueRecord] = []
        for document in try answer.queueDocument(as: QueuePageDocument.self).queues {
            records.append(try self.record(document, answer))
        }
        return records
    }

    private func record(
        _ document: QueueDocument, _ answer: DaemonConnection.Answer
    ) throws(QueueError) -> QueueRecord {
        guard let record = document.record else {
            throw QueueError(answer.nonsense("it described a queue that cannot be: \(document.name)"))
        }
        return record
    }

    /// A page of messages that are not dead; of large ones in several requests, between which others may act.
    public func messages(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [QueuedMessage] {
        try await self.rows("\(Self.path(of: queue))/messages", after: id, limit: limit, \.queued)
    }

    /// A page of parked dead letters; of large ones in several requests, between which others may act.
    public func deadLetters(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [DeadLetter] {
        try await self.rows("\(Self.path(of: queue))/dead", after: id, limit: limit, \.deadLetter)
    }

    private func rows<Row>(
        _ path: String, after id: MessageID?, limit: Int, _ row: (MessageDocument) -> Row?
    ) async throws(QueueError) -> [Row] {
        try QueueRequests.check(page: limit)
        var rows: [Row] = []
        var next = id?.rawValue
        repeat {
            let query = "?limit=\(limit - rows.count)" + (next.map { "&after=\($0)" } ?? "")
            let answer = try await self.connection.askQueues(.get, path + query)
            let page = try answer.queueDocument(as: MessagePageDocument.self)
            for document in page.rows {
                guard let read = row(document) else {
                    throw QueueError(answer.nonsense("it described a message that cannot be: number \(document.id)"))
                }
                rows.append(read)
            }
            next = page.next
        } while next != nil && rows.count < limit
        return rows
    }

    @discardableResult
    public func redrive(
        _ ids: [MessageID], of queue: QueueName, to target: QueueName?
    ) async throws(QueueError) -> Int {
        try QueueRequests.check(batch: ids.count)
        var body = Self.json(ids: ids, end: "")
        if let target {
            body.write(#","to":"#)
            body.write(string: target.rawValue)
        }
        body.write("}")
        let answer = try await self.connection.askQueues(.post, "\(Self.path(of: queue))/dead/redrive", body)
        return try answer.queueDocument(as: CountDocument.self).moved ?? 0
    }

    @discardableResult
    public func dropDeadLetters(_ ids: [MessageID], of queue: QueueName) async throws(QueueError) -> Int {
        try QueueRequests.check(batch: ids.count)
        let answer = try await self.connection.askQueues(
            .post, "\(Self.path(of: queue))/dead/drop", Self.json(ids: ids, end: "}"))
        return try answer.queueDocument(as: CountDocument.self).removed ?? 0
    }

    /// Removes all messages that are with no consumer and not dead, or as many as the daemon can in the longest wait that it takes.
    @discardableResult
    public func purge(_ queue: QueueName) async throws(QueueError) -> Int {
        let answer = try await self.connection.askQueues(
            .delete, "\(Self.path(of: queue))/messages", waiting: Self.longestWait)
        return try answer.queueDocument(as: CountDocument.self).removed ?? 0
    }

    @discardableResult
    public func pause(_ queue: QueueName, _ isPaused: Bool) async throws(QueueError) -> Bool {
        let answer = try await self.connection.askQueues(
            .post, "\(Self.path(of: queue))/\(isPaused ? "pause" : "resume")")
        return try answer.queueDocument(as: PausedDocument.self).changed
    }

    @discardableResult
    public func delete(_ queue: QueueName) async throws(QueueError) -> Bool {
        let answer = try await self.connection.askQueues(.delete, Self.path(of: queue))
        if answer.status == 404, answer.code == "unknown_queue" { return false }
        guard answer.status == 200 else { throw answer.queueError }
        return true
    }
}
