import ColonyCore
import ColonyQueues
import NIOCore

/// What a queue is declared with, as JSON.
enum QueueSettingsBody {
    static let members: [StaticString] = [
        "capacity", "capacity_bytes", "overflow", "order", "delivery_limit", "lease_ms", "retention_ms",
        "deduplication_window_ms", "dead_letter_queue", "backoff",
    ]
    private static let backoffMembers: [StaticString] = ["initial_ms", "maximum_ms"]

    /// From a millisecond to a hundred years.
    static let periods: ClosedRange<Duration> = .milliseconds(1)...MessageLimits.delay
    /// Thirty days are the longest.
    static let windows: ClosedRange<Duration> = .zero ... .seconds(30 * 86_400)
    static let deliveryLimits: ClosedRange<Int64> = 1...1_000

    /// The settings that are given, and the defaults for those that are not. No body gives the defaults.
    static func read(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) -> QueueSettings {
        var settings = QueueSettings()
        if body.readableBytes == 0 { return settings }
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: settings.capacity = Int(try reader.readNumber(in: 1...Int64(Int.max)))
            case 1: settings.capacityBytes = Int(try reader.readNumber(in: 1...Int64(Int.max)))
            case 2: settings.overflow = try reader.readChoice()
            case 3: settings.order = try reader.readChoice()
            case 4: settings.deliveryLimit = Int(try reader.readNumber(in: Self.deliveryLimits))
            case 5: settings.lease = try reader.readDuration(in: MessageLimits.lease)
            case 6: settings.retention = try reader.readDuration(in: Self.periods)
            case 7: settings.deduplicationWindow = try reader.readDuration(in: Self.windows)
            case 8: settings.deadLetterQueue = try reader.readQueueName(atMost: limits.nameBytes)
            default: settings.backoff = try Self.readBackoff(&reader)
            }
        }
        return settings
    }

    private static func readBackoff(_ reader: inout JSONReader) throws(JSONDefect) -> Backoff {
        let standard = QueueSettings().backoff
        var (initial, maximum) = (standard.initial, standard.maximum)
        try reader.readObject(Self.backoffMembers) { reader, index throws(JSONDefect) in
            let period = try reader.readDuration(in: Self.periods)
            if index == 0 { initial = period } else { maximum = period }
        }
        // The longest rest bounds the first as well.
        return Backoff(initial: min(initial, maximum), maximum: maximum, multiplier: standard.multiplier)
    }

    static func write(_ settings: QueueSettings, to body: inout ByteBuffer) {
        body.writeJSON(#"{"capacity":"#)
        body.writeJSON(settings.capacity)
        body.writeJSON(#","capacity_bytes":"#)
        body.writeJSON(settings.capacityBytes)
        body.writeJSON(#","overflow":"#)
        body.writeJSON(string: settings.overflow.rawValue)
        body.writeJSON(#","order":"#)
        body.writeJSON(string: settings.order.rawValue)
        body.writeJSON(#","delivery_limit":"#)
        body.writeJSON(settings.deliveryLimit)
        body.writeJSON(#","lease_ms":"#)
        body.writeJSON(settings.lease.clampedMilliseconds)
        if let retention = settings.retention {
            body.writeJSON(#","retention_ms":"#)
            body.writeJSON(retention.clampedMilliseconds)
        }
        body.writeJSON(#","deduplication_window_ms":"#)
        body.writeJSON(settings.deduplicationWindow.clampedMilliseconds)
        if let queue = settings.deadLetterQueue {
            body.writeJSON(#","dead_letter_queue":"#)
            body.writeJSON(string: queue.rawValue)
        }
        body.writeJSON(#","backoff":{"initial_ms":"#)
        body.writeJSON(settings.backoff.initial.clampedMilliseconds)
        body.writeJSON(#","maximum_ms":"#)
        body.writeJSON(settings.backoff.maximum.clampedMilliseconds)
        body.writeJSON("}}")
    }
}

extension JSONReader {
    /// Reads one of a few words.
    mutating func readChoice<Choice>() throws(JSONDefect) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        let text = try self.readString()
        guard let choice = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue)
            let hint = EditDistance.nearest(to: text, among: words).map { "; did you mean \($0)?" } ?? ""
            throw .outOfRange(
                path: self.currentPath,
                reason: "\(NameRules.quoted(text)) is none of \(words.joined(separator: ", "))\(hint)")
        }
        return choice
    }
}
