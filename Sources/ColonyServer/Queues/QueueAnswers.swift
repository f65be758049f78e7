import ColonyCore
import ColonyQueues
import Foundation
import NIOCore

/// What the routes of queues write, straight into the buffer that goes to the socket.
enum QueueAnswers {
    static func write(_ outcomes: [PublishOutcome], durability: Durability, to body: inout ByteBuffer) {
        // The same for every message of an answer, so it is made once.
        let end = #","durability":""# + "\(durability)"
        body.writeJSON("[")
        for (index, outcome) in outcomes.enumerated() {
            if index > 0 { body.writeJSON(",") }
            switch outcome {
            case .stored(let id):
                body.writeJSON(#"{"id":"#)
                body.writeJSON(id.rawValue)
                body.writeString(end)
                body.writeJSON("\"}")
            case .duplicate(let id):
                body.writeJSON(#"{"id":"#)
                body.writeJSON(id.rawValue)
                body.writeString(end)
                body.writeJSON(#"","duplicate":true}"#)
            case .full: body.writeJSON(#"{"code":"full"}"#)
            }
        }
        body.writeJSON("]")
    }

    static func write(_ delivery: Delivery, to body: inout ByteBuffer) {
        body.writeJSON(#"{"id":"#)
        body.writeJSON(delivery.id.rawValue)
        body.writeJSON(#","receipt":""#)
        body.writeString(delivery.receipt.description)
        body.writeJSON(#"","attempt":"#)
        body.writeJSON(delivery.attempt)
        Self.writeContent(
            delivery.body, key: delivery.key, priority: delivery.priority, headers: delivery.headers,
            publishedAt: delivery.publishedAt, to: &body)
        body.writeJSON("}")
    }

    static func write(_ message: QueuedMessage, to body: inout ByteBuffer) {
        body.writeJSON(#"{"id":"#)
        body.writeJSON(message.id.rawValue)
        body.writeJSON(#","standing":""#)
        body.writeString(message.standing.rawValue)
        body.writeJSON("\"")
        Self.write(message.message, publishedAt: message.publishedAt, to: &body)
        body.writeJSON("}")
    }

    static func write(_ letter: DeadLetter, to body: inout ByteBuffer) {
        body.writeJSON(#"{"id":"#)
        body.writeJSON(letter.id.rawValue)
        body.writeJSON(#","origin":"#)
        body.writeJSON(string: letter.origin.rawValue)
        body.writeJSON(#","attempts":"#)
        body.writeJSON(letter.attempts)
        body.writeJSON(#","reason":"#)
        body.writeJSON(string: letter.reason)
        body.writeJSON(#","died_at":"#)
        body.writeJSON(time: letter.diedAt)
        Self.write(letter.message, publishedAt: letter.publishedAt, to: &body)
        body.writeJSON(#","history":["#)
        for (index, failure) in letter.history.enumerated() {
            body.writeJSON(index == 0 ? #"{"attempt":"# : #",{"attempt":"#)
            body.writeJSON(failure.attempt)
            body.writeJSON(#","at":"#)
            body.writeJSON(time: failure.at)
            body.writeJSON(#","reason":"#)
            body.writeJSON(string: failure.reason)
            body.writeJSON("}")
        }
        body.writeJSON("]}")
    }

    private static func write(_ message: OutgoingMessage, publishedAt: WallTime, to body: inout ByteBuffer) {
        Self.writeContent(
            message.body, key: message.key, priority: message.priority, headers: message.headers,
            publishedAt: publishedAt, to: &body)
        if let deduplicationID = message.deduplicationID {
            body.writeJSON(#","dedup_id":"#)
            body.writeJSON(string: deduplicationID)
        }
    }

    private static func writeContent(
        _ content: [UInt8], key: String?, priority: Int, headers: [String: String], publishedAt: WallTime,
        to body: inout ByteBuffer
    ) {
        Self.writeBody(content, to: &body)
        if let key {
            body.writeJSON(#","key":"#)
            body.writeJSON(string: key)
        }
        body.writeJSON(#","priority":"#)
        body.writeJSON(priority)
        body.writeJSON(#","headers":"#)
        Self.write(headers, to: &body)
        body.writeJSON(#","published_at":"#)
        body.writeJSON(time: publishedAt)
    }

    static func write(_ headers: [String: String], to body: inout ByteBuffer) {
        body.writeJSON("{")
        for (index, header) in headers.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { body.writeJSON(",") }
            body.writeJSON(string: header.key)
            body.writeJSON(":")
            body.writeJSON(string: header.value)
        }
        body.writeJSON("}")
    }

    /// Text as text, and bytes that are no UTF-8 in base 64.
    static func writeBody(_ content: [UInt8], to body: inout ByteBuffer) {
        if content.allSatisfy({ $0 >= 0x20 && $0 < 0x80 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            body.writeJSON(#","body":""#)
            body.writeBytes(content)
            body.writeJSON("\"")
        } else if let text = String(validating: content, as: UTF8.self) {
            body.writeJSON(#","body":"#)
            body.writeJSON(string: text)
        } else {
            body.writeJSON(#","body_base64":""#)
            body.writeString(Data(content).base64EncodedString())
            body.writeJSON("\"")
        }
    }

    /// - Parameter now: What the age of the oldest message is counted to; `nil` in lists, which do not know it.
    static func write(_ record: QueueRecord, now: WallTime?, to body: inout ByteBuffer) {
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: record.name.rawValue)
        body.writeJSON(#","settings":"#)
        QueueSettingsBody.write(record.settings, to: &body)
        body.writeJSON(#","is_paused":"#)
        body.writeJSON(record.isPaused)
        let (standing, totals) = (record.statistics, record.totals)
        Self.write(
            #","statistics":{"#,
            [
                ("ready", standing.ready), ("waiting", standing.waiting), ("delayed", standing.delayed),
                ("leased", standing.leased), ("dead", standing.dead), ("count", standing.count),
                ("bytes", standing.bytes),
            ], to: &body)
        Self.write(
            #","totals":{"#,
            [
                ("published", totals.published), ("delivered", totals.delivered),
                ("acknowledged", totals.acknowledged), ("dropped", totals.dropped),
                ("leases_lost", totals.leasesLost), ("undelayed", totals.undelayed),
                ("lateness_ms", Int(totals.lateness.clampedMilliseconds)),
            ], to: &body)
        if let now, let oldest = record.oldestReady {
            body.writeJSON(#","oldest_ready_at":"#)
            body.writeJSON(time: oldest)
            body.writeJSON(#","oldest_age_ms":"#)
            body.writeJSON(max(0, now.millisecondsSince1970 - oldest.millisecondsSince1970))
        }
        body.writeJSON("}")
    }

    private static func write(_ start: StaticString, _ numbers: [(StaticString, Int)], to body: inout ByteBuffer) {
        body.writeJSON(start)
        for (index, number) in numbers.enumerated() {
            body.writeJSON(index == 0 ? "\"" : ",\"")
            body.writeJSON(number.0)
            body.writeJSON("\":")
            body.writeJSON(number.1)
        }
        body.writeJSON("}")
    }
}

extension ByteBuffer {
    /// Writes a point in time as RFC 3339 has it, with its quotes.
    mutating func writeJSON(time: WallTime) {
        self.writeJSON("\"")
        self.writeString(time.rfc3339)
        self.writeJSON("\"")
    }
}
