import ColonyCore
import ColonyQueues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One answer to a message that was published.
struct PublishedDocument: Decodable {
    var id: Int64?
    var duplicate: Bool?
    var code: String?

    /// - Returns: `nil` if it says nothing that an engine could have said.
    var outcome: PublishOutcome? {
        if let id { return duplicate == true ? .duplicate(MessageID(rawValue: id)) : .stored(MessageID(rawValue: id)) }
        return self.code == "full" ? .full : nil
    }
}

/// A message as it is delivered, looked at, or dead.
struct MessageDocument: Decodable {
    struct Failure: Decodable {
        var attempt: Int
        var at: String
        var reason: String
    }

    var id: Int64
    var body: String?
    var body_base64: String?
    var key: String?
    var priority: Int
    var headers: [String: String]
    var published_at: String
    var dedup_id: String?
    // Of a delivery.
    var receipt: String?
    // Of a message that waits.
    var standing: String?
    // Of a dead letter.
    var origin: String?
    var attempts: Int?
    var reason: String?
    var died_at: String?
    var history: [Failure]?

    private var bytes: [UInt8]? {
        if let body { return Array(body.utf8) }
        return self.body_base64.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }

    private var message: OutgoingMessage? {
        self.bytes.map {
            OutgoingMessage(
                $0, key: self.key, priority: self.priority, deduplicationID: self.dedup_id, headers: self.headers)
        }
    }

    func delivery(leaseEnd: MonotonicInstant) -> Delivery? {
        guard let receipt = self.receipt.flatMap({ Receipt($0) }), receipt.message.rawValue == self.id, let bytes,
            let publishedAt = WallTime(rfc3339: self.published_at)
        else { return nil }
        return Delivery(
            receipt: receipt, body: bytes, key: self.key, priority: self.priority, headers: self.headers,
            publishedAt: publishedAt, leaseEnd: leaseEnd)
    }

    var queued: QueuedMessage? {
        guard let message, let publishedAt = WallTime(rfc3339: self.published_at),
            let standing = self.standing.flatMap({ QueuedMessage.Standing(rawValue: $0) })
        else { return nil }
        return QueuedMessage(
            id: MessageID(rawValue: self.id), message: message, publishedAt: publishedAt, standing: standing)
    }

    var deadLetter: DeadLetter? {
        guard let message, let publishedAt = WallTime(rfc3339: self.published_at),
            let origin = self.origin.flatMap({ try? QueueName($0) }), let attempts, let reason,
            let diedAt = self.died_at.flatMap({ WallTime(rfc3339: $0) }), let history
        else { return nil }
        var failures: [FailedAttempt] = []
        for failure in history {
            guard let at = WallTime(rfc3339: failure.at) else { return nil }
            failures.append(FailedAttempt(attempt: failure.attempt, at: at, reason: failure.reason))
        }
        return DeadLetter(
            id: MessageID(rawValue: self.id), message: message, publishedAt: publishedAt, origin: origin,
            attempts: attempts, reason: reason, diedAt: diedAt, history: failures)
    }
}

struct DeliveriesDocument: Decodable {
    var messages: [MessageDocument]
}

struct MessagePageDocument: Decodable {
    var messages: [MessageDocument]?
    var dead_letters: [MessageDocument]?
    var next: Int64?

    var rows: [MessageDocument] { self.messages ?? self.dead_letters ?? [] }
}

struct SettledDocument: Decodable {
    struct Refusal: Decodable {
        var receipt: String
    }

    var settled: Int
    var refused: [Refusal]
}

struct CancelledDocument: Decodable {
    var cancelled: [Bool]
}

struct PausedDocument: Decodable {
    var changed: Bool
}

struct ChangesDocument: Decodable {
    var changes: Int64
}

/// How many messages something was done to.
struct CountDocument: Decodable {
    var moved: Int?
    var removed: Int?
    /// Whether the request was too short to do it to all.
    var more: Bool?
}

struct QueuePageDocument: Decodable {
    var queues: [QueueDocument]
    var durability: String
}

/// A queue as a daemon describes it.
struct QueueDocument: Decodable {
    struct Settings: Decodable {
        struct BackoffDocument: Decodable {
            var initial_ms: Int64
            var maximum_ms: Int64
        }

        var capacity: Int
        var capacity_bytes: Int
        var overflow: String
        var order: String
        var delivery_limit: Int
        var lease_ms: Int64
        var retention_ms: Int64?
        var deduplication_window_ms: Int64
        var dead_letter_queue: String?
        var backoff: BackoffDocument

        var value: QueueSettings? {
            guard let overflow = QueueSettings.Overflow(rawValue: self.overflow),
                let order = QueueSettings.Order(rawValue: self.order),
                self.backoff.initial_ms >= 0, self.backoff.maximum_ms >= self.backoff.initial_ms
            else { return nil }
            var settings = QueueSettings()
            settings.capacity = self.capacity
            settings.capacityBytes = self.capacity_bytes
            settings.overflow = overflow
            settings.order = order
            settings.deliveryLimit = self.delivery_limit
            settings.lease = .milliseconds(self.lease_ms)
            settings.retention = self.retention_ms.map { .milliseconds($0) }
            settings.deduplicationWindow = .milliseconds(self.deduplication_window_ms)
            // A first rest below a millisecond is shown as none, and a back-off has some.
            settings.backoff = Backoff(
                initial: .milliseconds(max(1, self.backoff.initial_ms)),
                maximum: .milliseconds(max(1, self.backoff.maximum_ms)))
            if let name = self.dead_letter_queue {
                guard let queue = try? QueueName(name) else { return nil }
                settings.deadLetterQueue = queue
            }
            return settings
        }
    }

    var name: String
    var settings: Settings
    var is_paused: Bool
    var statistics: [String: Int]
    var totals: [String: Int]
    var oldest_ready_at: String?

    /// - Returns: `nil` if no store can have such a queue.
    var record: QueueRecord? {
        guard let name = try? QueueName(self.name), let settings = self.settings.value else { return nil }
        var (standing, totals) = (QueueStatistics(), QueueTotals())
        standing.ready = self.statistics["ready"] ?? 0
        standing.waiting = self.statistics["waiting"] ?? 0
        standing.delayed = self.statistics["delayed"] ?? 0
        standing.leased = self.statistics["leased"] ?? 0
        standing.dead = self.statistics["dead"] ?? 0
        standing.bytes = self.statistics["bytes"] ?? 0
        totals.published = self.totals["published"] ?? 0
        totals.delivered = self.totals["delivered"] ?? 0
        totals.acknowledged = self.totals["acknowledged"] ?? 0
        totals.dropped = self.totals["dropped"] ?? 0
        totals.leasesLost = self.totals["leases_lost"] ?? 0
        totals.undelayed = self.totals["undelayed"] ?? 0
        totals.lateness = .milliseconds(self.totals["lateness_ms"] ?? 0)
        return QueueRecord(
            name: name, settings: settings, isPaused: self.is_paused, statistics: standing, totals: totals,
            oldestReady: self.oldest_ready_at.flatMap { WallTime(rfc3339: $0) })
    }
}
