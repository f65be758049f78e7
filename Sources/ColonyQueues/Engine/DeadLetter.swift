public import ColonyCore

/// A message that is no longer delivered, and why.
public struct DeadLetter: Hashable, Sendable {
    /// The message, with the number that it had from the beginning.
    public var id: MessageID
    /// What was published. Its availability is `now`: when it was to be delivered does not matter any more.
    public var message: OutgoingMessage
    /// When it was published.
    public var publishedAt: WallTime
    /// Which queue has given it up.
    public var origin: QueueName
    /// How often it was handed out there.
    public var attempts: Int
    /// Why it was given up, in the words of the last consumer, or of the engine: its lease ran out, it grew too old, there was no room.
    public var reason: String
    /// When it was given up.
    public var diedAt: WallTime
    /// The deliveries that failed, the earliest first; of very many the last ``MessageLimits/history``.
    public var history: [FailedAttempt]

    /// Makes a dead letter; for engines.
    public init(
        id: MessageID, message: OutgoingMessage, publishedAt: WallTime, origin: QueueName, attempts: Int,
        reason: String, diedAt: WallTime, history: [FailedAttempt] = []
    ) {
        self.history = history
        self.id = id
        self.message = message
        self.publishedAt = publishedAt
        self.origin = origin
        self.attempts = attempts
        self.reason = reason
        self.diedAt = diedAt
    }
}

/// A delivery that did not end with an acknowledgement.
public struct FailedAttempt: Hashable, Sendable {
    /// Which delivery, from 1.
    public var attempt: Int
    /// When it failed.
    public var at: WallTime
    /// In the words of the consumer, or of the engine.
    public var reason: String

    /// Makes one; for engines.
    public init(attempt: Int, at: WallTime, reason: String) {
        self.attempt = attempt
        self.at = at
        self.reason = reason
    }
}

/// The headers that a dead letter has in a dead-letter queue.
package enum DeadLetterHeader {
    package static let queue = "dead-letter-queue"
    package static let reason = "dead-letter-reason"
    package static let attempts = "dead-letter-attempts"
    /// A line per failed delivery: its number, when it failed, and why.
    package static let history = "dead-letter-history"
    package static let all = [Self.queue, Self.reason, Self.attempts, Self.history]
}

extension DeadLetter {
    /// The message as it goes into a dead-letter queue: with headers that say where it comes from and why.
    package var forwarded: OutgoingMessage {
        var message = self.message
        message.availability = .now
        message.headers[DeadLetterHeader.queue] = self.origin.rawValue
        message.headers[DeadLetterHeader.reason] = self.reason
        message.headers[DeadLetterHeader.attempts] = String(self.attempts)
        if !self.history.isEmpty {
            message.headers[DeadLetterHeader.history] = self.history.map { failure in
                // One line each, whatever a reason has in it.
                let reason = String(failure.reason.prefix(200).map { $0.isNewline ? " " : $0 })
                return "\(failure.attempt) \(failure.at.rfc3339) \(reason)"
            }.joined(separator: "\n")
        }
        return message
    }
}

extension OutgoingMessage {
    /// The queue that has given the message up, and the message as it was there; `nil` if it did not come as a dead letter.
    package var redriven: (origin: QueueName, message: OutgoingMessage)? {
        guard let text = self.headers[DeadLetterHeader.queue], let origin = try? QueueName(text) else { return nil }
        var message = self
        for name in DeadLetterHeader.all { message.headers[name] = nil }
        return (origin, message)
    }
}
