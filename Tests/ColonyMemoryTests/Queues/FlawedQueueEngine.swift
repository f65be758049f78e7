import ColonyCore
import ColonyMemory
import ColonyQueues
import Synchronization

/// An engine of queues with one flaw, or none, to find out whether the conformance suite notices.
///
/// It stands before a sound engine, and changes what is asked or what is answered.
final class FlawedQueueEngine: QueueAdministration {
    enum Flaw: String, CaseIterable, Sendable, CustomStringConvertible {
        case declaresAnything = "takes a declaration that differs"
        case forgetsDeclaration = "says of each declaration that it was the first"
        case losesOne = "confirms the last message of a call without storing it"
        case storesTwice = "stores a message twice"
        case skipsFull = "stores a smaller message after one that found no room"
        case losesKey = "forgets the key"
        case losesHeaders = "forgets the headers"
        case flattensPriorities = "treats all priorities as one"
        case ignoresTurns = "hands the lowest number out where keys take turns"
        case deliversEarly = "ignores delays"
        case losesDelayed = "forgets what is delayed"
        case forgetsDeduplication = "ignores deduplication identifiers"
        case doublesLease = "leases for twice as long as asked for"
        case halvesLease = "leases for half as long as asked for"
        case promisesMore = "tells a later end of the lease than it keeps"
        case ignoresLimit = "delivers more than asked for"
        case acceptsStale = "answers that a stale receipt was settled"
        case acknowledgesByMessage = "takes any receipt for its message"
        case neverExtends = "does not extend leases"
        case countsHandBack = "counts a delivery that was handed back"
        case forgetsRest = "delivers a failed message at once"
        case neverGivesUp = "delivers a failed message for ever"
        case dropsDead = "drops dead letters"
        case cancelsLeased = "says that it took back what a consumer has"
        case missesNews = "does not end a wait when a message comes"
        case hearsNothing = "does not count changes"
        case ignoresCancellation = "ends a cancelled wait without a word"
        case pausesNothing = "delivers while it is paused"
        case redrivesNothing = "says that it has redriven"
        case purgesDead = "purges dead letters"
        case acceptsAnySize = "takes bodies beyond the limit"

        var description: String { self.rawValue }
    }

    private let flaw: Flaw?
    private let base: MemoryQueueEngine
    private let last = Mutex<[MessageID: Receipt]>([:])

    init(_ flaw: Flaw?, clock: any MonotonicClock, wallClock: any WallClock) {
        self.flaw = flaw
        self.base = MemoryQueueEngine(clock: clock, wallClock: wallClock)
    }

    var durability: Durability { .memory }

    // MARK: The port

    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        var settings = settings
        if self.flaw == .neverGivesUp { settings.deliveryLimit = 1_000 }
        if self.flaw == .ignoresTurns { settings.order = settings.order.isPerKey ? .perKey : .priority }
        do throws(QueueError) {
            let isNew = try await self.base.declare(queue, settings)
            return self.flaw == .forgetsDeclaration ? true : isNew
        } catch {
            if self.flaw == .declaresAnything, error.code == .conflict { return false }
            throw error
        }
    }

    func publish(
        _ messages: [OutgoingMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        switch self.flaw {
        case .losesOne where messages.count > 1:
            let outcomes = try await self.base.publish(Array(messages.dropLast()), to: queue)
            guard case .stored(let id) = outcomes.last else { return outcomes + [.full] }
            return outcomes + [.stored(MessageID(rawValue: id.rawValue + 1_000_000))]
        case .storesTwice:
            _ = try await self.base.publish(messages, to: queue)
        case .skipsFull:
            var outcomes: [PublishOutcome] = []
            for message in messages { outcomes += try await self.base.publish([message], to: queue) }
            return outcomes
        case .losesDelayed:
            let soon = messages.filter { $0.availability == .now }
            if soon.count < messages.count, soon.isEmpty {
                return messages.indices.map { .stored(MessageID(rawValue: Int64($0) + 5_000_000)) }
            }
        default: break
        }
        return try await self.base.publish(messages.map { self.changed($0) }, to: queue)
    }

    private func changed(_ message: OutgoingMessage) -> OutgoingMessage {
        var message = message
        switch self.flaw {
        case .losesKey: message.key = nil
        case .losesHeaders: message.headers = [:]
        case .flattensPriorities: message.priority = 4
        case .deliversEarly: message.availability = .now
        case .forgetsDeduplication: message.deduplicationID = nil
        case .acceptsAnySize where message.body.count > MessageLimits.bodyBytes: message.body = []
        default: break
        }
        return message
    }

    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery] {
        var (asked, limit) = (lease, limit)
        switch self.flaw {
        case .doublesLease: asked = min(lease * 2, max(lease, MessageLimits.lease.upperBound))
        case .halvesLease: asked = max(lease / 2, min(lease, MessageLimits.lease.lowerBound))
        case .ignoresLimit where limit < MessageLimits.batch && limit >= 0: limit += 1
        case .pausesNothing: try await self.base.pause(queue, false)
        default: break
        }
        var deliveries = try await self.base.receive(limit, from: queue, lease: asked)
        if asked != lease {
            for index in deliveries.indices {
                deliveries[index].leaseEnd = deliveries[index].leaseEnd.advanced(by: lease - asked)
            }
        }
        if self.flaw == .promisesMore {
            for index in deliveries.indices {
                deliveries[index].leaseEnd = deliveries[index].leaseEnd.advanced(by: .seconds(1))
            }
        }
        self.last.withLock { last in
            for delivery in deliveries { last[delivery.id] = delivery.receipt }
        }
        return deliveries
    }

    func settle(
        _ settlements: [Settlement], in queue: QueueName
    ) async throws(QueueError) -> [SettlementOutcome] {
        let outcomes = try await self.base.settle(settlements.map { self.changed($0) }, in: queue)
        return self.flaw == .acceptsStale ? outcomes.map { _ in .settled } : outcomes
    }

    private func changed(_ settlement: Settlement) -> Settlement {
        var settlement = settlement
        switch (self.flaw, settlement.kind) {
        case (.acknowledgesByMessage, _):
            let last = self.last.withLock { $0[settlement.receipt.message] }
            settlement.receipt = last ?? settlement.receipt
        case (.neverExtends, .extend): settlement.kind = .extend(MessageLimits.lease.lowerBound)
        case (.countsHandBack, .handBack): settlement.kind = .retry(after: .zero, reason: "handed back")
        case (.forgetsRest, .retry(_, let reason)): settlement.kind = .retry(after: .zero, reason: reason)
        case (.dropsDead, .deadLetter): settlement.kind = .acknowledge
        default: break
        }
        return settlement
    }

    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        let answers = try await self.base.cancel(ids, in: queue)
        return self.flaw == .cancelsLeased ? answers.map { _ in true } : answers
    }

    func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        do throws(QueueError) {
            switch self.flaw {
            case .missesNews where limit > .zero:
                let now = try await self.base.waitForChange(of: queue, since: 0, upTo: .zero)
                if now != seen { return now }
                // News comes, and is not told.
                try? await OneShotSignal().wait()
                throw QueueError(.cancelled, "the wait was cancelled")
            case .hearsNothing:
                _ = try await self.base.waitForChange(of: queue, since: seen, upTo: limit)
                // Whoever asks at once again must leave others a turn.
                try? await HostClock().sleep(for: .milliseconds(1))
                return 0
            default: return try await self.base.waitForChange(of: queue, since: seen, upTo: limit)
            }
        } catch {
            if self.flaw == .ignoresCancellation, error.code == .cancelled { return seen }
            throw error
        }
    }

    // MARK: Administration

    func inspect(_ queue: QueueName) async throws(QueueError) -> QueueRecord? {
        guard var record = try await self.base.inspect(queue) else { return nil }
        if self.flaw == .pausesNothing { record.isPaused = true }
        return record
    }

    func queues(after name: QueueName?, limit: Int) async throws(QueueError) -> [QueueRecord] {
        try await self.base.queues(after: name, limit: limit)
    }

    func messages(
        of queue: QueueName, after id: MessageID?, limit: Int
    ) async throws(QueueError) -> [QueuedMessage] {
        try await self.base.messages(of: queue, after: id, limit: limit)
    }

    func deadLetters(of queue: QueueName, after id: MessageID?, limit: Int) async throws(QueueError) -> [DeadLetter] {
        try await self.base.deadLetters(of: queue, after: id, limit: limit)
    }

    func redrive(_ ids: [MessageID], of queue: QueueName, to target: QueueName?) async throws(QueueError) -> Int {
        if self.flaw == .redrivesNothing { return ids.count }
        return try await self.base.redrive(ids, of: queue, to: target)
    }

    func dropDeadLetters(_ ids: [MessageID], of queue: QueueName) async throws(QueueError) -> Int {
        try await self.base.dropDeadLetters(ids, of: queue)
    }

    func purge(_ queue: QueueName) async throws(QueueError) -> Int {
        let count = try await self.base.purge(queue)
        if self.flaw == .purgesDead {
            let letters = try await self.base.deadLetters(of: queue, after: nil, limit: MessageLimits.batch)
            try await self.base.dropDeadLetters(letters.map(\.id), of: queue)
        }
        return count
    }

    func pause(_ queue: QueueName, _ isPaused: Bool) async throws(QueueError) -> Bool {
        try await self.base.pause(queue, isPaused)
    }

    func delete(_ queue: QueueName) async throws(QueueError) -> Bool { try await self.base.delete(queue) }
}
