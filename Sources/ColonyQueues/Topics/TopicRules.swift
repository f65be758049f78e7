/// Which retention a message gets, and what a reader may have missed by it: the same for every engine.
///
/// A retention that is changed or taken back is *retired*: what was published under it stays as long as it promised. Engines number
/// retentions and keep, for each, the highest offset of a message that they have trimmed.
package struct TopicRules: Sendable {
    package struct Rule: Hashable, Sendable {
        package let number: Int64
        package let pattern: TopicPattern
        package let retention: TopicRetention
        /// It has decided about messages after this offset.
        package let since: Int64

        package init(number: Int64, pattern: TopicPattern, retention: TopicRetention, since: Int64) {
            self.number = number
            self.pattern = pattern
            self.retention = retention
            self.since = since
        }

        /// Of two that fit a topic the longer one decides, then the larger; one has to.
        func outranks(_ other: Rule) -> Bool {
            if self.number == TopicRules.transit.number || other.number == TopicRules.transit.number {
                return other.number == TopicRules.transit.number && self.number != other.number
            }
            if self.retention.duration != other.retention.duration {
                return self.retention.duration > other.retention.duration
            }
            if self.retention.bytes != other.retention.bytes { return self.retention.bytes > other.retention.bytes }
            return self.pattern == other.pattern ? self.number > other.number : self.pattern < other.pattern
        }
    }

    /// What decides where nothing was declared.
    package static let transit = Rule(number: 0, pattern: "#", retention: .transit, since: 0)

    private var declared: [TopicPattern: Rule] = [:]
    private var numbers = TopicTrie<Int64>()
    private var byNumber: [Int64: Rule] = [:]

    /// Makes rules of which none was declared.
    package init() {}

    /// Those that are in force, without that of transit, in the order of their patterns.
    package var rules: [Rule] { self.declared.values.sorted { $0.pattern < $1.pattern } }

    /// Which rule a message to a topic gets.
    package func rule(for topic: TopicName) -> Rule {
        if self.declared.isEmpty { return Self.transit }
        let fitting = self.numbers.values(for: topic).compactMap { self.byNumber[$0] }
        return fitting.max { $1.outranks($0) } ?? Self.transit
    }

    /// The rule of a pattern, if one is in force.
    package func rule(of pattern: TopicPattern) -> Rule? { self.declared[pattern] }

    /// Refuses what cannot be declared.
    package func check(_ pattern: TopicPattern, _ retention: TopicRetention) throws(QueueError) {
        try retention.validate()
        guard self.declared[pattern] != nil || self.declared.count < MessageLimits.retentions else {
            throw QueueError(
                .invalidRequest,
                "there are \(MessageLimits.retentions) retentions, which is the limit, and that of \"\(pattern)\" would be "
                    + "one more")
        }
    }

    /// Puts a rule in force, and retires that of the same pattern.
    package mutating func insert(_ rule: Rule) {
        self.remove(rule.pattern)
        self.declared[rule.pattern] = rule
        self.byNumber[rule.number] = rule
        self.numbers.insert(rule.number, at: rule.pattern)
    }

    /// Retires the rule of a pattern.
    package mutating func remove(_ pattern: TopicPattern) {
        guard let rule = self.declared.removeValue(forKey: pattern) else { return }
        self.byNumber[rule.number] = nil
        self.numbers.remove(rule.number, from: pattern)
    }

    /// Whether messages after an offset that may have fitted a pattern are not kept any more.
    ///
    /// A rule counts whose pattern has topics in common with that of the reader and of which something later was trimmed, unless another
    /// one, in force since before the offset, fits all topics of the reader and outranks it: then it decided about none of them.
    ///
    /// - Parameter rules: All rules, retired ones and that of transit included, with the highest offset that was trimmed of each.
    package static func mayMiss(
        _ pattern: TopicPattern, after offset: Int64, among rules: [(rule: Rule, trimmed: Int64, isRetired: Bool)]
    ) -> Bool {
        let suspects = rules.filter { $0.trimmed > offset && $0.rule.pattern.overlaps(pattern) }
        if suspects.isEmpty { return false }
        let guards = rules.filter { !$0.isRetired && $0.rule.since <= offset && $0.rule.pattern.covers(pattern) }
        return suspects.contains { suspect in !guards.contains { $0.rule.outranks(suspect.rule) } }
    }
}

extension TopicMessage {
    /// What counts against the bytes of a retention.
    package var byteCount: Int { self.outgoing.byteCount }

    /// The message as it goes into the queues of durable subscriptions.
    package var routed: OutgoingMessage {
        var message = self.outgoing
        message.headers[TopicHeader.topic] = self.topic.text
        return message
    }

    private var outgoing: OutgoingMessage { OutgoingMessage(self.body, key: self.key, headers: self.headers) }

    func validate() throws(QueueError) { try self.outgoing.validate() }
}

/// The headers that a message to a topic gets in the queue of a durable subscription.
public enum TopicHeader {
    /// The topic that the message was published to. A header of this name that it was published with is replaced.
    public static let topic = "colony-topic"
}

extension ReceivedMessage {
    /// The topic that the message was published to, if it came by a durable subscription.
    public var topic: TopicName? { self.headers[TopicHeader.topic].flatMap { try? TopicName($0) } }
}

/// What bounds a page of the log beside its limit.
package enum TopicPages {
    /// How many messages of the log are looked at for each that is asked for.
    package static let scanFactor = 10
    /// A page ends with the message that exceeds this.
    package static let bytes = 8 << 20
}
