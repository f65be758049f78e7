import ColonyCore
import ColonyQueues

extension JSONText {
    /// Writes the members of a message, without the braces around them.
    ///
    /// - Throws: ``QueueError`` with `invalidRequest` for a time that RFC 3339 cannot write.
    mutating func write(_ message: OutgoingMessage) throws(QueueError) {
        self.write(body: message.body)
        if let key = message.key {
            self.write(#","key":"#)
            self.write(string: key)
        }
        if message.priority != 4 {
            self.write(#","priority":"#)
            self.write(message.priority)
        }
        switch message.availability {
        case .now: break
        case .after(let delay):
            self.write(#","delay_ms":"#)
            self.write(delay.wholeMilliseconds)
        case .at(let time):
            guard time <= Self.latest else {
                throw QueueError(.invalidRequest, "a daemon takes times up to the year 9999, and not \(time)")
            }
            self.write(#","at":"#)
            // What lies before 1970 is over as well.
            self.write(string: max(time, WallTime(millisecondsSince1970: 0)).rfc3339)
        }
        if let deduplicationID = message.deduplicationID {
            self.write(#","dedup_id":"#)
            self.write(string: deduplicationID)
        }
        if !message.headers.isEmpty {
            self.write(#","headers":"#)
            self.write(message.headers)
        }
    }

    mutating func write(_ headers: [String: String]) {
        self.write("{")
        for (index, header) in headers.enumerated() {
            if index > 0 { self.write(",") }
            self.write(string: header.key)
            self.write(":")
            self.write(string: header.value)
        }
        self.write("}")
    }

    /// The last millisecond of the year 9999.
    private static let latest = WallTime(millisecondsSince1970: 253_402_300_799_999)
}

extension QueueSettings {
    /// The settings as a daemon takes them.
    var json: JSONText {
        var body = JSONText(capacity: 384)
        body.write(#"{"capacity":"#)
        body.write(self.capacity)
        body.write(#","capacity_bytes":"#)
        body.write(self.capacityBytes)
        body.write(#","overflow":"#)
        body.write(string: self.overflow.rawValue)
        body.write(#","order":"#)
        body.write(string: self.order.rawValue)
        body.write(#","delivery_limit":"#)
        body.write(self.deliveryLimit)
        body.write(#","lease_ms":"#)
        body.write(self.lease.clampedMilliseconds)
        if let retention {
            body.write(#","retention_ms":"#)
            body.write(retention.wholeMilliseconds)
        }
        body.write(#","deduplication_window_ms":"#)
        body.write(self.deduplicationWindow.wholeMilliseconds)
        if let deadLetterQueue {
            body.write(#","dead_letter_queue":"#)
            body.write(string: deadLetterQueue.rawValue)
        }
        body.write(#","backoff":{"initial_ms":"#)
        body.write(self.backoff.initial.wholeMilliseconds)
        body.write(#","maximum_ms":"#)
        body.write(self.backoff.maximum.wholeMilliseconds)
        body.write("}}")
        return body
    }
}

extension ArraySlice<Settlement> {
    /// The settlements as a daemon takes them: by how the deliveries ended.
    var json: JSONText {
        var body = JSONText(capacity: 64 + self.count * 64)
        body.write(#"{"ack":"#)
        body.write(list: self.filter { $0.kind == .acknowledge }) { $0.write(string: $1.receipt.description) }
        body.write(#","hand_back":"#)
        body.write(list: self.filter { $0.kind == .handBack }) { $0.write(string: $1.receipt.description) }
        body.write(#","extend":"#)
        let extensions = self.compactMap { settlement -> (Receipt, Duration)? in
            if case .extend(let lease) = settlement.kind { (settlement.receipt, lease) } else { nil }
        }
        body.write(list: extensions) { body, extended in
            body.write(#"{"receipt":"#)
            body.write(string: extended.0.description)
            body.write(#","lease_ms":"#)
            body.write(extended.1.clampedMilliseconds)
            body.write("}")
        }
        body.write(#","reject":"#)
        let rejections = self.compactMap { settlement -> (Receipt, Duration?, String)? in
            switch settlement.kind {
            case .retry(let rest, let reason): (settlement.receipt, rest, reason)
            case .deadLetter(let reason): (settlement.receipt, nil, reason)
            case .acknowledge, .handBack, .extend: nil
            }
        }
        body.write(list: rejections) { body, rejected in
            body.write(#"{"receipt":"#)
            body.write(string: rejected.0.description)
            if let rest = rejected.1 {
                body.write(#","delay_ms":"#)
                body.write(rest.wholeMilliseconds)
            } else {
                body.write(#","dead_letter":true"#)
            }
            body.write(#","reason":"#)
            // A daemon keeps no more than this.
            body.write(string: String(String.UnicodeScalarView(rejected.2.unicodeScalars.prefix(1_000))))
            body.write("}")
        }
        body.write("}")
        return body
    }
}
