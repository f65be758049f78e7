import ColonyCore
import ColonyQueues

/// Reading the log of topics, on any connection.
struct TopicReading {
    let connection: Connection
    /// Nanoseconds on the host's clock.
    let now: Int64

    private static let selectAll = SQL(
        """
        SELECT place, topic, due, duration, published_ms, bytes, key, headers, body FROM topic_log
        WHERE place > ?1 ORDER BY place LIMIT ?2
        """)
    private static let selectTopic = SQL(
        """
        SELECT place, topic, due, duration, published_ms, bytes, key, headers, body FROM topic_log
        WHERE topic = ?3 AND place > ?1 ORDER BY place LIMIT ?2
        """)
    private static let selectTrimmed = SQL(
        """
        SELECT 1 FROM topic_rule WHERE trimmed > ?1 UNION ALL SELECT 1 FROM topic_state WHERE forgotten > ?1 LIMIT 1
        """)
    private static let selectFirst = SQL("SELECT min(place) FROM topic_log")
    private static let selectTime = SQL(
        "SELECT place FROM topic_time WHERE highest_ms < ? ORDER BY highest_ms DESC LIMIT 1")
    private static let selectSince = SQL(
        "SELECT place FROM topic_log WHERE place >= ? AND published_ms >= ? ORDER BY place LIMIT 1")
    private static let selectDue = SQL("SELECT 1 FROM topic_rule WHERE oldest_due <= ? LIMIT 1")

    func page(_ pattern: TopicPattern, after offset: TopicOffset, limit: Int) throws(StoreError) -> TopicPage {
        let state = try TopicState.read(on: self.connection)
        var page = TopicPage(
            messages: [], next: offset, isAtEnd: false,
            isIncomplete: try self.mayMiss(pattern, after: offset.rawValue, state))
        let scan = limit * TopicPages.scanFactor
        let literal = pattern.literal
        let rows = try self.connection.prepared(literal == nil ? Self.selectAll : Self.selectTopic)
        defer { rows.reset() }
        rows.bind(offset.rawValue, at: 1)
        rows.bind(Int64(scan) + 1, at: 2)
        if let literal { rows.bind(literal.text, at: 3) }
        var (looked, bytes) = (0, 0)
        while try rows.step() {
            if page.messages.count == limit || looked == scan || bytes > TopicPages.bytes { return page }
            looked += 1
            page.next = TopicOffset(rawValue: rows.integer(0))
            guard let topic = try? TopicName(rows.text(1)) else {
                throw ExchangeRows.damaged(self.connection, "the topic \(NameRules.quoted(rows.text(1)))")
            }
            guard literal != nil || pattern.matches(topic) else { continue }
            let due = state.due(
                place: rows.integer(0), due: rows.integer(2), duration: rows.integer(3), published: rows.integer(4))
            if due <= self.now {
                // Kept long enough, and not trimmed yet.
                page.isIncomplete = true
                continue
            }
            bytes += Int(rows.integer(5))
            let message = TopicMessage(
                topic, rows.bytes(8), key: rows.optionalText(6),
                headers: try MessageTable.headers(rows.optionalText(7), self.connection))
            page.messages.append(
                PublishedTopicMessage(
                    offset: page.next, message: message,
                    publishedAt: WallTime(millisecondsSince1970: rows.integer(4))))
        }
        page.next = max(page.next, TopicOffset(rawValue: state.last))
        page.isAtEnd = true
        return page
    }

    private func mayMiss(_ pattern: TopicPattern, after offset: Int64, _ state: TopicState) throws(StoreError) -> Bool {
        let trimmed = try self.connection.prepared(Self.selectTrimmed)
        trimmed.bind(offset, at: 1)
        let isAny = try trimmed.step()
        trimmed.reset()
        if !isAny { return false }
        if state.forgotten > offset { return true }
        let shelves = try TopicShelf.all(on: self.connection)
        return TopicRules.mayMiss(
            pattern, after: offset, among: shelves.map { ($0.rule, trimmed: $0.trimmed, isRetired: $0.isRetired) })
    }

    /// Whether something is kept long enough, for which only time has to pass.
    func hasDue() throws(StoreError) -> Bool {
        let row = try self.connection.prepared(Self.selectDue)
        defer { row.reset() }
        row.bind(self.now, at: 1)
        return try row.step()
    }

    func offset(of position: TopicPosition) throws(StoreError) -> Int64 {
        let state = try TopicState.read(on: self.connection)
        switch position {
        case .end: return state.last
        case .after(let offset): return offset.rawValue
        case .beginning:
            let row = try self.connection.prepared(Self.selectFirst)
            defer { row.reset() }
            return try row.step() ? row.optionalInteger(0).map { $0 - 1 } ?? state.last : state.last
        case .time(let time):
            let begin = try self.connection.prepared(Self.selectTime)
            begin.bind(time.millisecondsSince1970, at: 1)
            let start = try begin.step() ? begin.integer(0) : 0
            begin.reset()
            let row = try self.connection.prepared(Self.selectSince)
            defer { row.reset() }
            row.bind(start, at: 1)
            row.bind(time.millisecondsSince1970, at: 2)
            return try row.step() ? row.integer(0) - 1 : state.last
        }
    }
}
