import ColonyCore
import ColonyQueues

/// The log of topics inside a transaction of the writer, as of one moment.
struct TopicLog {
    let routing: RoutingNotes
    let queues: OpenQueues
    let notes: TopicNotes

    private var connection: Connection { self.queues.transaction.connection }

    init(_ routing: RoutingNotes, _ queues: OpenQueues) throws(StoreError) {
        self.routing = routing
        self.queues = queues
        self.notes = try TopicNotes.of(queues.transaction, news: queues.news)
    }

    /// How many messages are trimmed with each that is published, so that trimming keeps up with publishing and is never a long work.
    private static let trimmedPerMessage = 4
    /// And how many in any case.
    private static let trimmedAtLeast = 64

    private static let insert = SQL(
        """
        INSERT INTO topic_log (place, topic, rule, due, duration, published_ms, bytes, key, headers, body)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    private static let selectOldest = SQL(
        "SELECT place, due, duration, published_ms, bytes FROM topic_log WHERE rule = ? ORDER BY place LIMIT ?")
    private static let deleteOldest = SQL("DELETE FROM topic_log WHERE rule = ? AND place <= ?")
    private static let selectDue = SQL(
        "SELECT number FROM topic_rule WHERE oldest_due <= ? ORDER BY oldest_due LIMIT 16")
    private static let insertTime = SQL("INSERT OR IGNORE INTO topic_time (highest_ms, place) VALUES (?, ?)")
    private static let selectTimes = SQL("SELECT highest_ms, place FROM topic_time ORDER BY highest_ms LIMIT 9")
    private static let deleteTimes = SQL("DELETE FROM topic_time WHERE highest_ms < ?")
    private static let selectFirst = SQL("SELECT min(place) FROM topic_log")

    // MARK: Publishing

    func publish(_ messages: [TopicMessage]) throws(StoreError) -> [TopicOutcome] {
        var outcomes: [TopicOutcome] = []
        outcomes.reserveCapacity(messages.count)
        var rules: Set<Int64> = []
        for message in messages {
            // The exchange of topics is always there, so nothing is thrown.
            let names =
                (try? self.routing.table.queues(.topics, key: message.topic, headers: message.headers)) ?? []
            if !names.isEmpty, case .full(let queue, let overflow) = try self.queues.store(message.routed, in: names) {
                outcomes += Array(repeating: .full(queue, overflow), count: messages.count - outcomes.count)
                break
            }
            let rule = self.routing.rules.rule(for: message.topic)
            rules.insert(rule.number)
            outcomes.append(.stored(TopicOffset(rawValue: try self.append(message, rule))))
        }
        let stored = outcomes.count { if case .stored = $0 { true } else { false } }
        if stored > 0 { try self.noteTime() }
        try self.trim(rules, upTo: Self.trimmedAtLeast + Self.trimmedPerMessage * stored)
        return outcomes
    }

    private func append(_ message: TopicMessage, _ rule: TopicRules.Rule) throws(StoreError) -> Int64 {
        let place = self.queues.transaction.nextNumber()
        let bytes = message.byteCount
        let due = MonotonicInstant(nanoseconds: self.queues.now).advanced(by: rule.retention.duration).nanoseconds
        let statement = try self.connection.prepared(Self.insert)
        statement.bind(place, at: 1)
        statement.bind(message.topic.text, at: 2)
        statement.bind(rule.number, at: 3)
        statement.bind(due, at: 4)
        statement.bind(rule.retention.duration.clampedNanoseconds, at: 5)
        statement.bind(self.queues.civil, at: 6)
        statement.bind(Int64(bytes), at: 7)
        statement.bind(optional: message.key, at: 8)
        statement.bind(optional: HeaderText.text(of: message.headers), at: 9)
        statement.bind(message.body, at: 10)
        try statement.run()
        if var shelf = try self.notes.shelf(rule.number, on: self.connection) {
            if shelf.messages == 0 { shelf.oldestDue = due }
            shelf.messages += 1
            shelf.bytes += bytes
            self.notes.set(shelf)
        }
        self.notes.published(place)
        return place
    }

    /// Notes where civil time has gone on by a second, and forgets such places of which nothing is kept.
    private func noteTime() throws(StoreError) {
        let civil = self.queues.civil
        guard civil >= self.notes.state.highest + 1_000 else { return }
        self.notes.state.highest = civil
        let statement = try self.connection.prepared(Self.insertTime)
        statement.bind(civil, at: 1)
        // What was published before this batch lies below.
        statement.bind(self.notes.state.last, at: 2)
        try statement.run()
        let first = try self.connection.prepared(Self.selectFirst)
        let kept = try first.step() ? first.optionalInteger(0) : nil
        first.reset()
        let times = try self.connection.prepared(Self.selectTimes)
        var latestBelow: Int64?
        while try times.step(), times.integer(1) <= kept ?? .max { latestBelow = times.integer(0) }
        times.reset()
        if let latestBelow {
            let delete = try self.connection.prepared(Self.deleteTimes)
            delete.bind(latestBelow, at: 1)
            try delete.run()
        }
    }

    // MARK: Trimming

    /// Removes what is kept long enough or is too much, of these rules and of those that have something due.
    func trim(_ numbers: Set<Int64>, upTo limit: Int) throws(StoreError) {
        var left = limit
        var open = numbers.sorted()
        let due = try self.connection.prepared(Self.selectDue)
        due.bind(self.queues.now, at: 1)
        while try due.step() { if !numbers.contains(due.integer(0)) { open.append(due.integer(0)) } }
        due.reset()
        for number in open where left > 0 {
            guard let shelf = try self.notes.shelf(number, on: self.connection), shelf.messages > 0,
                shelf.oldestDue <= self.queues.now || shelf.bytes > shelf.rule.retention.bytes
            else { continue }
            left -= try self.trim(shelf, upTo: left)
        }
    }

    private func trim(_ shelf: TopicShelf, upTo limit: Int) throws(StoreError) -> Int {
        var shelf = shelf
        var (count, last) = (0, Int64?.none)
        let rows = try self.connection.prepared(Self.selectOldest)
        rows.bind(shelf.rule.number, at: 1)
        rows.bind(Int64(limit + 1), at: 2)
        shelf.oldestDue = .max
        while try rows.step() {
            let due = self.notes.state.due(
                place: rows.integer(0), due: rows.integer(1), duration: rows.integer(2), published: rows.integer(3))
            let isTooMuch = shelf.bytes > shelf.rule.retention.bytes && shelf.messages > 1
            guard count < limit, due <= self.queues.now || isTooMuch else {
                shelf.oldestDue = due
                break
            }
            count += 1
            last = rows.integer(0)
            shelf.messages -= 1
            shelf.bytes -= Int(rows.integer(4))
        }
        rows.reset()
        if let last {
            let delete = try self.connection.prepared(Self.deleteOldest)
            delete.bind(shelf.rule.number, at: 1)
            delete.bind(last, at: 2)
            try delete.run()
            shelf.trimmed = last
        }
        self.notes.set(shelf)
        return count
    }
}
