import ColonyCore
import ColonyQueues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

// What queues look like in JSON: the same shapes as those of the HTTP interface.

struct PublishedDocument: Encodable {
    var id: Int64
    var durability: String
    var duplicate: Bool?
}

struct QueueDocument: Encodable {
    struct Settings: Encodable {
        struct BackoffDocument: Encodable {
            var initial_ms: Int64
            var maximum_ms: Int64
        }

        var capacity: Int
        var capacity_bytes: Int
        var overflow: String
        var order: String
        var delivery_limit: Int
        var lease_ms: Int64
        var backoff: BackoffDocument
        var retention_ms: Int64?
        var deduplication_window_ms: Int64
        var dead_letter_queue: String?

        init(_ settings: QueueSettings) {
            self.capacity = settings.capacity
            self.capacity_bytes = settings.capacityBytes
            self.overflow = settings.overflow.rawValue
            self.order = settings.order.rawValue
            self.delivery_limit = settings.deliveryLimit
            self.lease_ms = settings.lease.clampedMilliseconds
            self.backoff = BackoffDocument(
                initial_ms: settings.backoff.initial.clampedMilliseconds,
                maximum_ms: settings.backoff.maximum.clampedMilliseconds)
            self.retention_ms = settings.retention?.clampedMilliseconds
            self.deduplication_window_ms = settings.deduplicationWindow.clampedMilliseconds
            self.dead_letter_queue = settings.deadLetterQueue?.rawValue
        }
    }

    struct Statistics: Encodable {
        var ready: Int
        var waiting: Int
        var delayed: Int
        var leased: Int
        var dead: Int
        var count: Int
        var bytes: Int
    }

    struct Totals: Encodable {
        var published: Int
        var delivered: Int
        var acknowledged: Int
        var dropped: Int
        var leases_lost: Int
        var undelayed: Int
        var lateness_ms: Int64
    }

    var name: String
    var settings: Settings
    var is_paused: Bool
    var statistics: Statistics
    var totals: Totals
    var oldest_ready_at: String?

    init(_ record: QueueRecord) {
        let (standing, totals) = (record.statistics, record.totals)
        self.name = record.name.rawValue
        self.settings = Settings(record.settings)
        self.is_paused = record.isPaused
        self.statistics = Statistics(
            ready: standing.ready, waiting: standing.waiting, delayed: standing.delayed, leased: standing.leased,
            dead: standing.dead, count: standing.count, bytes: standing.bytes)
        self.totals = Totals(
            published: totals.published, delivered: totals.delivered, acknowledged: totals.acknowledged,
            dropped: totals.dropped, leases_lost: totals.leasesLost, undelayed: totals.undelayed,
            lateness_ms: totals.lateness.clampedMilliseconds)
        self.oldest_ready_at = record.oldestReady?.rfc3339
    }
}

struct QueueListDocument: Encodable {
    var queues: [QueueDocument]
}

/// A message as it is delivered, looked at, or dead.
struct MessageDocument: Encodable {
    struct FailureDocument: Encodable {
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
    var attempt: Int?
    var standing: String?
    var origin: String?
    var attempts: Int?
    var reason: String?
    var died_at: String?
    var history: [FailureDocument]?

    private init(_ id: MessageID, _ message: OutgoingMessage, _ publishedAt: WallTime) {
        self.id = id.rawValue
        self.body = String(validating: message.body, as: UTF8.self)
        if self.body == nil { self.body_base64 = Data(message.body).base64EncodedString() }
        self.key = message.key
        self.priority = message.priority
        self.headers = message.headers
        self.published_at = publishedAt.rfc3339
        self.dedup_id = message.deduplicationID
    }

    init(_ delivery: Delivery) {
        let message = OutgoingMessage(
            delivery.body, key: delivery.key, priority: delivery.priority, headers: delivery.headers)
        self.init(delivery.id, message, delivery.publishedAt)
        self.attempt = delivery.attempt
    }

    init(_ queued: QueuedMessage) {
        self.init(queued.id, queued.message, queued.publishedAt)
        self.standing = queued.standing.rawValue
    }

    init(_ letter: DeadLetter) {
        self.init(letter.id, letter.message, letter.publishedAt)
        self.origin = letter.origin.rawValue
        self.attempts = letter.attempts
        self.reason = letter.reason
        self.died_at = letter.diedAt.rfc3339
        self.history = letter.history.map {
            FailureDocument(attempt: $0.attempt, at: $0.at.rfc3339, reason: $0.reason)
        }
    }
}

struct MessagePageDocument: Encodable {
    var messages: [MessageDocument]
    var next: Int64?
}

struct DeadLetterPageDocument: Encodable {
    var dead_letters: [MessageDocument]
    var next: Int64?
}

/// How many messages something was done to.
struct MessageCountDocument: Encodable {
    var moved: Int?
    var removed: Int?
}
