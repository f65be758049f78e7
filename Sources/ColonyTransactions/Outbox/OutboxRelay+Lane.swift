import ColonyCore
import ColonyQueues

/// What became of the work on one queue in one round.
struct LaneReport: Sendable {
    let queue: QueueName
    /// Under which grant of the lease it was begun.
    var generation = 0
    var sent = 0
    var duplicates = 0
    var parked = 0
    var mayHaveMore = false
    /// What keeps the queue from taking more.
    var hindrance: QueueError?
    /// What keeps the outbox from being read or written.
    var failure: TransactionError?
    /// Published, and still in the outbox.
    var unremoved: [OutboxMessage] = []
}

extension OutboxRelay {
    /// How long a queue has its turn, so that what it has done is told of and others come to theirs.
    private static let turn: Duration = .milliseconds(50)

    /// Publishes batches for a queue and removes them, one after the other, as long as there are some and its turn lasts.
    func work(on queue: QueueName, removingFirst unremoved: [OutboxMessage]) async -> LaneReport {
        var report = LaneReport(queue: queue, unremoved: unremoved)
        let end = self.clock.now.advanced(by: Self.turn)
        do throws(TransactionError) {
            if !unremoved.isEmpty {
                try await self.outbox.remove(unremoved)
                report.unremoved = []
            }
            repeat {
                report.mayHaveMore = false
                try await self.workOnBatch(of: queue, &report)
            } while report.mayHaveMore && report.hindrance == nil && !self.end.isFired && self.clock.now < end
        } catch {
            report.failure = error
        }
        return report
    }

    private func workOnBatch(of queue: QueueName, _ report: inout LaneReport) async throws(TransactionError) {
        if try await self.move(queue, &report) { return }
        let messages = try await self.outbox.next(self.options.batch, for: queue)
        if messages.isEmpty { return }
        // Fewer than were asked for may have been too large together.
        report.mayHaveMore = true
        try await self.publish(messages, to: queue, &report)
    }

    /// Has the store move messages in one transaction, if it can.
    ///
    /// - Returns: Whether it could.
    private func move(_ queue: QueueName, _ report: inout LaneReport) async throws(TransactionError) -> Bool {
        guard let direct = self.outbox as? any DirectOutboxStore else { return false }
        let move: OutboxMove?
        do throws(QueueError) {
            move = try await direct.move(self.options.batch, for: queue, into: self.engine)
        } catch {
            report.hindrance = error
            return true
        }
        guard let move else { return false }
        report.sent += move.moved
        report.duplicates += move.duplicates
        report.mayHaveMore = move.moved > 0 || move.refused != nil
        if move.isFull {
            try await self.foundFull(queue, before: try await self.outbox.next(1, for: queue).first, &report)
        }
        if let refused = move.refused {
            var reason = "the message cannot be published"
            do throws(QueueError) {
                try refused.outgoing(at: self.wall.now).validate()
            } catch {
                reason = error.message
            }
            try await self.park(refused, reason, &report)
        }
        return true
    }

    /// Whether no queue would take a message.
    private func isImpossible(_ message: OutboxMessage) -> Bool {
        do throws(QueueError) {
            try message.outgoing(at: self.wall.now).validate()
            return false
        } catch {
            return true
        }
    }

    private func publish(
        _ messages: [OutboxMessage], to queue: QueueName, _ report: inout LaneReport
    ) async throws(TransactionError) {
        let outcomes: [PublishOutcome]
        do throws(QueueError) {
            outcomes = try await self.publish(messages, to: queue)
        } catch {
            guard error.code == .invalidRequest || error.code == .tooLarge else {
                report.hindrance = error
                return
            }
            if messages.count == 1 {
                // A queue may also refuse who asks, such as a daemon whose token has changed: then the message is not to blame.
                guard error.code == .tooLarge || self.isImpossible(messages[0]) else {
                    report.hindrance = error
                    return
                }
                try await self.park(messages[0], error.message, &report)
                report.mayHaveMore = true
                return
            }
            // One of them is refused for what it is, and nothing was stored: each for itself then, in their order.
            for message in messages {
                try await self.publish([message], to: queue, &report)
                if report.hindrance != nil || self.end.isFired { return }
            }
            return
        }
        var sent: [OutboxMessage] = []
        var next: OutboxMessage?
        for (message, outcome) in zip(messages, outcomes) {
            if case .full = outcome {
                next = message
                break
            }
            if case .duplicate = outcome { report.duplicates += 1 }
            sent.append(message)
        }
        report.sent += sent.count
        // They are not published again, even if they cannot be removed now.
        report.unremoved = sent
        if !sent.isEmpty {
            try await self.outbox.remove(sent)
            report.unremoved = []
        }
        if let next { try await self.foundFull(queue, before: next, &report) }
    }

    /// A queue has no room for the message that comes next: it waits, unless it is larger than the queue may ever be. Then it would wait for
    /// ever, and all after it.
    private func foundFull(
        _ queue: QueueName, before message: OutboxMessage?, _ report: inout LaneReport
    ) async throws(TransactionError) {
        guard let message, let administration = self.engine as? any QueueAdministration,
            let settings = await self.settings(of: queue, administration)
        else {
            report.hindrance = Self.noRoom(in: queue)
            return
        }
        let bytes = message.outgoing(at: self.wall.now).byteCount
        guard bytes > settings.capacityBytes else {
            report.hindrance = Self.noRoom(in: queue)
            return
        }
        try await self.park(
            message, "it has \(bytes) bytes, and the queue \"\(queue)\" takes \(settings.capacityBytes) in all", &report
        )
        report.mayHaveMore = true
    }

    /// How a queue is declared; `nil` if that is not to be had now.
    private func settings(of queue: QueueName, _ administration: any QueueAdministration) async -> QueueSettings? {
        let details = try? await BoundedCall.run(
            upTo: self.options.publishTimeout, on: self.clock,
            timeOut: QueueError(.unavailable, "the queue \"\(queue)\" did not tell its settings")
        ) { () throws(QueueError) in
            try await administration.inspect(queue)
        }
        return details?.settings
    }

    private func publish(
        _ messages: [OutboxMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        let now = self.wall.now
        let outgoing = messages.map { $0.outgoing(at: now) }
        let engine = self.engine
        return try await BoundedCall.run(
            upTo: self.options.publishTimeout, on: self.clock,
            timeOut: QueueError(
                .unavailable,
                "the queue \"\(queue)\" did not take \(messages.count) messages within \(self.options.publishTimeout)")
        ) { () throws(QueueError) in
            try await engine.publish(outgoing, to: queue)
        }
    }

    private func park(
        _ message: OutboxMessage, _ reason: String, _ report: inout LaneReport
    ) async throws(TransactionError) {
        let reason = String(String.UnicodeScalarView(reason.unicodeScalars.prefix(MessageLimits.reasonLength)))
        try await self.outbox.park(message, reason: reason)
        report.parked += 1
        self.hub.send(.parked(message.queue, number: message.number, reason: reason))
    }

    private static func noRoom(in queue: QueueName) -> QueueError {
        QueueError(.full, "the queue \"\(queue)\" has no room; its messages wait in the outbox")
    }
}
