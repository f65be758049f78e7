import ColonyCore
import ColonyQueues
import NIOCore

/// What became of a publish that waited.
private struct Published: Sendable {
    var outcomes: [PublishOutcome]
    var error: QueueError?
}

extension QueueService {
    // MARK: Publishing

    /// Stores messages, and waits for room if the request and the queue say so.
    func publish(_ name: QueueName, body: ByteBuffer, client: Client) async throws(Problem) -> Answer {
        let request = try PublishRequest(body, limits: self.limits)
        let engine = try self.offered()
        var outcomes: [PublishOutcome]
        do {
            outcomes = try await engine.publish(request.messages, to: name)
        } catch {
            throw Problem(error)
        }
        if outcomes.last == .full {
            if request.wait > .zero, try await self.record(of: name).settings.overflow == .wait {
                outcomes = try await self.publishWaiting(request, after: outcomes, to: name, engine, client)
            }
            guard outcomes.contains(where: { $0 != .full }) else {
                throw Problem(
                    .queueFull, "the queue \(NameRules.quoted(name.rawValue)) has no room; nothing was stored")
            }
        }
        let durability = engine.durability
        return Answer(capacity: 32 + outcomes.count * 56) { QueueAnswers.write(outcomes, durability: durability, to: &$0) }
    }

    private func publishWaiting(
        _ request: PublishRequest, after first: [PublishOutcome], to name: QueueName,
        _ engine: any QueueAdministration, _ client: Client
    ) async throws(Problem) -> [PublishOutcome] {
        let deadline = self.clock.now.advanced(by: request.wait)
        let clock = self.clock
        let stored = first.filter { $0 != .full }
        let (value, end) = try await self.register.run(for: name, client: client) { () async -> Published in
            var outcomes = stored
            do throws(QueueError) {
                // Changes are counted before asking once more, so that room that comes in between is not missed.
                var seen = try await engine.waitForChange(of: name, since: 0, upTo: .zero)
                while outcomes.count < request.messages.count {
                    let rest = Array(request.messages[outcomes.count...])
                    let answers = try await engine.publish(rest, to: name)
                    outcomes += answers.filter { $0 != .full }
                    if answers.last != .full { break }
                    let left = clock.now.duration(to: deadline)
                    if left <= .zero { break }
                    seen = try await engine.waitForChange(of: name, since: seen, upTo: left)
                }
            } catch {
                return Published(outcomes: outcomes, error: error)
            }
            return Published(outcomes: outcomes)
        }
        // What is stored is told, whatever came afterwards.
        if value.outcomes.isEmpty, let error = value.error {
            if error.code == .cancelled { try Self.refuse(end) }
            throw Problem(error)
        }
        let missing = request.messages.count - value.outcomes.count
        return value.outcomes + Array(repeating: .full, count: missing)
    }

    // MARK: Looking and taking back

    func peek(_ name: QueueName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        let engine = try self.offered()
        return try await self.page(query, "messages") { (after, limit) async throws(QueueError) in
            try await engine.messages(of: name, after: after, limit: limit)
        } id: {
            $0.id
        } write: {
            QueueAnswers.write($0, to: &$1)
        }
    }

    func cancel(_ name: QueueName, _ text: Substring.UTF8View) async throws(Problem) -> Answer {
        guard let number = Int64(Substring(text)), number > 0, String(number).utf8.elementsEqual(text) else {
            throw Problem(
                .invalidRequest,
                "the number of a message is a whole number from 1, not "
                    + NameRules.quoted(String(decoding: text, as: UTF8.self)))
        }
        guard try await self.cancel(name, [MessageID(rawValue: number)])[0] else {
            throw Problem(
                .notFound,
                "the queue \(NameRules.quoted(name.rawValue)) has no message \(number) that could be taken back: it is done, "
                    + "with a consumer, or dead")
        }
        return Answer { $0.writeJSON(#"{"cancelled":true}"#) }
    }

    func cancelMany(_ name: QueueName, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try CancelRequest(body, limits: self.limits)
        let outcomes = try await self.cancel(name, request.ids)
        return Answer(capacity: 32 + outcomes.count * 6) { body in
            body.writeJSON(#"{"cancelled":["#)
            for (index, outcome) in outcomes.enumerated() {
                if index > 0 { body.writeJSON(",") }
                body.writeJSON(outcome)
            }
            body.writeJSON("]}")
        }
    }

    private func cancel(_ name: QueueName, _ ids: [MessageID]) async throws(Problem) -> [Bool] {
        let engine = try self.offered()
        do {
            return try await engine.cancel(ids, in: name)
        } catch {
            throw Problem(error)
        }
    }

    /// Removes what is with no consumer, for as long as a request may take.
    func purge(_ name: QueueName, client: Client) async throws(Problem) -> Answer {
        let engine = try self.offered()
        return try await self.work(on: name, "removed", client) { () async throws(QueueError) in
            let count = try await engine.purge(name)
            return (count, count == 0)
        }
    }

    // MARK: Pages

    /// A page of rows, as many as fit into one answer, with the number to go on after if more may follow.
    func page<Row: Sendable>(
        _ query: Substring.UTF8View, _ member: StaticString,
        _ read: (MessageID?, Int) async throws(QueueError) -> [Row], id: (Row) -> MessageID,
        write: (Row, inout ByteBuffer) -> Void
    ) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["after", "limit"])
        let limit = try self.limit(parameters)
        var after = try parameters.integer("after", in: 0...Int64.max).map { MessageID(rawValue: $0) }
        var body = ByteBufferAllocator().buffer(capacity: 4_096)
        body.writeJSON("{\"")
        body.writeJSON(member)
        body.writeJSON("\":[")
        var count = 0
        var mayFollow = true
        while mayFollow, count < limit, body.readableBytes < Self.answerBytes {
            let asked = min(limit - count, Self.slice)
            let rows: [Row]
            do {
                rows = try await read(after, asked)
            } catch {
                throw Problem(error)
            }
            mayFollow = rows.count == asked
            for row in rows {
                guard body.readableBytes < Self.answerBytes else {
                    mayFollow = true
                    break
                }
                if count > 0 { body.writeJSON(",") }
                write(row, &body)
                after = id(row)
                count += 1
            }
        }
        body.writeJSON("]")
        if mayFollow, let after {
            body.writeJSON(#","next":"#)
            body.writeJSON(after.rawValue)
        }
        body.writeJSON("}")
        return Answer(body: body)
    }
}
