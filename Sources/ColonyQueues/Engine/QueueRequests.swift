import ColonyCore

/// What every engine refuses before it does anything, in the same words.
package enum QueueRequests {
    package static func check(batch count: Int) throws(QueueError) {
        guard (0...MessageLimits.batch).contains(count) else {
            throw QueueError(.invalidRequest, "a call has from 0 to \(MessageLimits.batch) messages, not \(count)")
        }
    }

    package static func check(page count: Int) throws(QueueError) {
        guard (1...MessageLimits.batch).contains(count) else {
            throw QueueError(.invalidRequest, "a page has from 1 to \(MessageLimits.batch) rows, not \(count)")
        }
    }

    package static func check(lease: Duration) throws(QueueError) {
        guard MessageLimits.lease.contains(lease) else {
            throw QueueError(
                .invalidRequest, "a lease lies between 10 milliseconds and 24 hours, and \(lease) does not")
        }
    }

    package static func check(_ messages: [OutgoingMessage]) throws(QueueError) {
        try Self.check(batch: messages.count)
        for message in messages { try message.validate() }
    }

    package static func check(_ messages: [RoutedMessage]) throws(QueueError) {
        try Self.check(batch: messages.count)
        for message in messages {
            try message.message.validate()
            try TopicName.check(message.routingKey, role: "routing key")
        }
    }

    package static func check(_ messages: [TopicMessage]) throws(QueueError) {
        try Self.check(batch: messages.count)
        for message in messages { try message.validate() }
    }

    package static func check(_ settlements: [Settlement]) throws(QueueError) {
        try Self.check(batch: settlements.count)
        for settlement in settlements {
            switch settlement.kind {
            case .extend(let lease): try Self.check(lease: lease)
            case .retry(let rest, _) where rest < .zero || rest > MessageLimits.delay:
                throw QueueError(.invalidRequest, "a rest lies between 0 and 100 years, and \(rest) does not")
            case .retry(_, let reason), .deadLetter(let reason):
                let length = reason.unicodeScalars.count
                guard length <= MessageLimits.reasonLength else {
                    throw QueueError(
                        .tooLarge,
                        "a reason has at most \(MessageLimits.reasonLength) Unicode scalars, and this one has \(length)"
                    )
                }
            case .acknowledge, .handBack: break
            }
        }
    }

    package static func check(_ settings: QueueSettings, of queue: QueueName) throws(QueueError) {
        try settings.validate()
        if settings.deadLetterQueue == queue {
            throw QueueError(.invalidConfiguration, "the queue \"\(queue)\" cannot be its own dead-letter queue")
        }
    }

    /// Refuses a declaration that is not that of the queue that is there.
    package static func check(
        _ settings: QueueSettings, against present: QueueSettings, of queue: QueueName
    ) throws(QueueError) {
        guard let difference = settings.firstDifference(from: present) else { return }
        throw QueueError(.conflict, "the queue \"\(queue)\" exists with other settings: \(difference)")
    }

    package static func notEmpty(_ queue: QueueName, _ count: Int) -> QueueError {
        QueueError(.conflict, "the queue \"\(queue)\" has \(count) messages; purge it and drop its dead letters first")
    }

    package static func unknown(_ queue: QueueName) -> QueueError {
        QueueError(.unknownQueue, "there is no queue \"\(queue)\"")
    }
}

extension QueueSettings {
    /// The first setting that is another here than there, with both values; `nil` if there is none.
    package func firstDifference(from present: QueueSettings) -> String? {
        func compared<Value: Equatable>(_ name: String, _ value: KeyPath<QueueSettings, Value>) -> String? {
            let (here, there) = (self[keyPath: value], present[keyPath: value])
            return here == there ? nil : "\(name) is \(there), not \(here)"
        }
        return compared("capacity", \.capacity) ?? compared("capacity_bytes", \.capacityBytes)
            ?? compared("overflow", \.overflow.rawValue) ?? compared("order", \.order.rawValue)
            ?? compared("delivery_limit", \.deliveryLimit) ?? compared("lease", \.lease)
            ?? compared("backoff", \.backoff)
            ?? compared("retention", \.retention?.text.description)
            ?? compared("deduplication_window", \.deduplicationWindow)
            ?? compared("dead_letter_queue", \.deadLetterQueue?.rawValue)
    }
}
