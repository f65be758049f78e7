import ColonyCore
import ColonyQueues
import DequeModule

/// The log of topics in memory, as a value.
struct MemoryTopics {
    private struct Entry {
        let message: TopicMessage
        let publishedAt: WallTime
        let due: MonotonicInstant
    }

    /// What is kept by one rule, in the order of publishing.
    private struct Shelf {
        let rule: TopicRules.Rule
        var isRetired = false
        var places: Deque<Int64> = []
        var bytes = 0
        var trimmed: Int64 = 0
    }

    private(set) var rules = TopicRules()
    private var shelves: [Int64: Shelf] = [0: Shelf(rule: TopicRules.transit)]
    private var lastRule: Int64 = 0
    private var entries: [Int64: Entry] = [:]
    /// All places, also of messages that are gone, which are left out when there are many.
    private var order: Deque<Int64> = []
    private(set) var last: Int64 = 0
    /// The highest place that was trimmed by a rule that is gone itself.
    private var forgotten: Int64 = 0

    // MARK: Retentions

    mutating func retain(_ pattern: TopicPattern, _ retention: TopicRetention?) throws(QueueError) {
        if let retention { try self.rules.check(pattern, retention) }
        let present = self.rules.rule(of: pattern)
        if present?.retention == retention { return }
        if let present {
            self.rules.remove(pattern)
            self.shelves[present.number]?.isRetired = true
            self.removeIfDone(present.number)
        }
        guard let retention else { return }
        self.lastRule += 1
        let rule = TopicRules.Rule(number: self.lastRule, pattern: pattern, retention: retention, since: self.last)
        self.rules.insert(rule)
        self.shelves[rule.number] = Shelf(rule: rule)
    }

    /// What was declared, with what is kept by it, also under an earlier declaration of the same pattern.
    mutating func records(at now: MonotonicInstant) -> [RetentionRecord] {
        self.trim(at: now)
        return self.rules.rules.map { rule in
            let shelves = self.shelves.values.filter { $0.rule.pattern == rule.pattern && $0.rule.number != 0 }
            return RetentionRecord(
                pattern: rule.pattern, retention: rule.retention,
                messages: shelves.reduce(0) { $0 + $1.places.count }, bytes: shelves.reduce(0) { $0 + $1.bytes })
        }
    }

    private mutating func removeIfDone(_ number: Int64) {
        guard let shelf = self.shelves[number], shelf.isRetired, shelf.places.isEmpty else { return }
        self.shelves[number] = nil
        self.forgotten = max(self.forgotten, shelf.trimmed)
    }

    // MARK: Publishing

    mutating func append(_ message: TopicMessage, at place: Int64, _ now: MemoryQueue.Times) {
        let rule = self.rules.rule(for: message.topic)
        self.entries[place] = Entry(
            message: message, publishedAt: now.wall, due: now.monotonic.advanced(by: rule.retention.duration))
        self.order.append(place)
        self.shelves[rule.number]?.places.append(place)
        self.shelves[rule.number]?.bytes += message.byteCount
        self.last = place
    }

    /// Removes what is kept long enough, and what is too much. The latest of each rule stays.
    mutating func trim(at now: MonotonicInstant) {
        for number in self.shelves.keys {
            while let shelf = self.shelves[number], let place = shelf.places.first, let entry = self.entries[place],
                entry.due <= now || shelf.bytes > shelf.rule.retention.bytes && shelf.places.count > 1
            {
                self.shelves[number]?.places.removeFirst()
                self.shelves[number]?.bytes -= entry.message.byteCount
                self.shelves[number]?.trimmed = place
                self.entries[place] = nil
            }
            self.removeIfDone(number)
        }
        while let first = self.order.first, self.entries[first] == nil { self.order.removeFirst() }
        if self.order.count > 2 * self.entries.count + 100 { self.order.removeAll { self.entries[$0] == nil } }
    }

    // MARK: Reading

    mutating func read(
        _ pattern: TopicPattern, after offset: TopicOffset, limit: Int, at now: MonotonicInstant
    ) -> TopicPage {
        self.trim(at: now)
        let rules = self.shelves.values.map { ($0.rule, trimmed: $0.trimmed, isRetired: $0.isRetired) }
        let isIncomplete =
            self.forgotten > offset.rawValue || TopicRules.mayMiss(pattern, after: offset.rawValue, among: rules)
        var page = TopicPage(messages: [], next: offset, isAtEnd: false, isIncomplete: isIncomplete)
        var (looked, bytes) = (0, 0)
        var index = self.firstIndex(after: offset.rawValue)
        while index < self.order.endIndex {
            if page.messages.count == limit || looked == limit * TopicPages.scanFactor || bytes > TopicPages.bytes {
                return page
            }
            let place = self.order[index]
            index += 1
            looked += 1
            page.next = TopicOffset(rawValue: place)
            guard let entry = self.entries[place], pattern.matches(entry.message.topic) else { continue }
            bytes += entry.message.byteCount
            page.messages.append(
                PublishedTopicMessage(offset: page.next, message: entry.message, publishedAt: entry.publishedAt))
        }
        page.next = max(page.next, TopicOffset(rawValue: self.last))
        page.isAtEnd = true
        return page
    }

    mutating func offset(of position: TopicPosition, at now: MonotonicInstant) -> TopicOffset {
        switch position {
        case .end: return TopicOffset(rawValue: self.last)
        case .after(let offset): return offset
        case .beginning:
            self.trim(at: now)
            return TopicOffset(rawValue: self.order.first.map { $0 - 1 } ?? self.last)
        case .time(let time):
            let first = self.order.first { place in self.entries[place].map { $0.publishedAt >= time } ?? false }
            return TopicOffset(rawValue: first.map { $0 - 1 } ?? self.last)
        }
    }

    private func firstIndex(after place: Int64) -> Int {
        var (low, high) = (self.order.startIndex, self.order.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if self.order[middle] <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
