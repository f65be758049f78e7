import ColonyCore
import ColonyQueues

/// How queues and messages are shown to people.
enum QueuePresentation {
    static func table(_ records: [QueueRecord]) -> String {
        var table = TextTable([
            .init("NAME"), .init("READY", isNumeric: true), .init("WAITING", isNumeric: true),
            .init("DELAYED", isNumeric: true), .init("LEASED", isNumeric: true), .init("DEAD", isNumeric: true),
            .init("SIZE", isNumeric: true), .init("STATE"),
        ])
        table.rows = records.map { record in
            let standing = record.statistics
            return [
                record.name.rawValue, "\(standing.ready)", "\(standing.waiting)", "\(standing.delayed)",
                "\(standing.leased)", "\(standing.dead)", Self.bytes(standing.bytes), record.isPaused ? "paused" : "",
            ]
        }
        return table.lines.joined(separator: "\n")
    }

    static func details(_ record: QueueRecord, now: WallTime) -> String {
        let (settings, standing, totals) = (record.settings, record.statistics, record.totals)
        let oldest = record.oldestReady.map { ", the oldest published \(Self.age(of: $0, at: now)) ago" } ?? ""
        var lines = [
            ("name", record.name.rawValue),
            ("ready", "\(standing.ready)\(oldest)"),
            ("waiting", "\(standing.waiting) behind earlier ones of their keys"),
            ("delayed", "\(standing.delayed)"),
            ("leased", "\(standing.leased)"),
            ("dead", "\(standing.dead)"),
            (
                "size",
                "\(Self.bytes(standing.bytes)) of \(Self.bytes(settings.capacityBytes)), \(standing.count) of \(settings.capacity) messages"
            ),
            ("overflow", settings.overflow.rawValue),
            ("order", settings.order.rawValue),
            (
                "delivery limit",
                "\(settings.deliveryLimit), resting from \(settings.backoff.initial.text) to \(settings.backoff.maximum.text)"
            ),
            ("lease", settings.lease.text),
            ("retention", settings.retention?.text ?? "none"),
            ("dedup window", settings.deduplicationWindow.text),
            ("dead letters", settings.deadLetterQueue.map { "go to \($0)" } ?? "stay here"),
            ("published", "\(totals.published)"),
            ("delivered", "\(totals.delivered), \(totals.leasesLost) of them lost"),
            ("acknowledged", "\(totals.acknowledged)"),
            ("dropped", "\(totals.dropped)"),
        ]
        if record.isPaused { lines.insert(("state", "paused: it delivers nothing"), at: 1) }
        return lines.map { "\($0.0)\(String(repeating: " ", count: 16 - $0.0.count))\($0.1)" }.joined(separator: "\n")
    }

    static func table(_ messages: [QueuedMessage], now: WallTime) -> String {
        var table = TextTable([
            .init("ID", isNumeric: true), .init("STANDING"), .init("AGE", isNumeric: true), .init("KEY"),
            .init("PRIORITY", isNumeric: true), .init("BYTES", isNumeric: true), .init("BODY"),
        ])
        table.rows = messages.map { queued in
            [
                queued.id.description, queued.standing.rawValue, Self.age(of: queued.publishedAt, at: now),
                queued.message.key ?? "", "\(queued.message.priority)", "\(queued.message.body.count)",
                Self.beginning(of: queued.message.body),
            ]
        }
        return table.lines.joined(separator: "\n")
    }

    static func details(_ letter: DeadLetter, now: WallTime) -> String {
        let key = letter.message.key.map { ", key \($0)" } ?? ""
        let times = letter.attempts == 1 ? "1 delivery" : "\(letter.attempts) deliveries"
        var lines = [
            "\(letter.id)  \(Self.line(letter.reason))",
            "    given up \(Self.age(of: letter.diedAt, at: now)) ago by \(letter.origin) after \(times)\(key)",
        ]
        lines += letter.history.map { "    \($0.attempt)  \($0.at.rfc3339)  \(Self.line($0.reason))" }
        lines.append("    \(Self.beginning(of: letter.message.body))")
        return lines.joined(separator: "\n")
    }

    static func bytes(_ count: Int) -> String { CachePresentation.bytes(UInt64(max(0, count))) }

    private static func age(of time: WallTime, at now: WallTime) -> String {
        Duration.milliseconds(max(0, now.millisecondsSince1970 - time.millisecondsSince1970)).text
    }

    /// What fits on a line, without anything that would move the cursor of a terminal.
    static func line(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(120).map { scalar in
            scalar.properties.generalCategory == .control ? "·" : String(scalar)
        }
        return shown.joined() + (text.unicodeScalars.count > 120 ? "…" : "")
    }

    private static func beginning(of body: [UInt8]) -> String {
        guard let text = String(validating: body, as: UTF8.self) else {
            return "\(Self.bytes(body.count)) that are no text"
        }
        return String(Self.line(text).prefix(60))
    }
}
