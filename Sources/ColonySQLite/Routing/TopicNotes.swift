import ColonyCore
import ColonyQueues

/// The state of the log, as one row has it.
struct TopicState {
    var last: Int64
    var forgotten: Int64
    var highest: Int64
    let restart: Int64
    let restartShift: Int64

    private static let select = SQL(
        "SELECT last, forgotten, highest_ms, restart, restart_shift FROM topic_state WHERE id = 1")
    private static let update = SQL("UPDATE topic_state SET last = ?, forgotten = ?, highest_ms = ? WHERE id = 1")

    static func read(on connection: Connection) throws(StoreError) -> TopicState {
        let row = try connection.prepared(Self.select)
        defer { row.reset() }
        guard try row.step() else { throw ExchangeRows.damaged(connection, "the state of the topics") }
        return TopicState(
            last: row.integer(0), forgotten: row.integer(1), highest: row.integer(2), restart: row.integer(3),
            restartShift: row.integer(4))
    }

    func write(on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.update)
        statement.bind(self.last, at: 1)
        statement.bind(self.forgotten, at: 2)
        statement.bind(self.highest, at: 3)
        try statement.run()
    }

    /// When a message has been kept long enough, on the host's clock of this boot.
    func due(place: Int64, due: Int64, duration: Int64, published: Int64) -> Int64 {
        if place > self.restart { return due }
        let (nanoseconds, overflow) = published.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return .max }
        let shifted = nanoseconds.addingReportingOverflow(self.restartShift)
        if shifted.overflow { return .max }
        let end = shifted.partialValue.addingReportingOverflow(duration)
        return end.overflow ? .max : end.partialValue
    }
}

/// What is kept by one rule.
struct TopicShelf {
    let rule: TopicRules.Rule
    var isRetired: Bool
    var messages: Int
    var bytes: Int
    var trimmed: Int64
    /// When the first message is due; the end of time if there is none.
    var oldestDue: Int64

    private static let selectAll = SQL(
        """
        SELECT number, pattern, duration, bytes_limit, since, is_retired, messages, bytes, trimmed, oldest_due FROM topic_rule
        """)
    private static let select = SQL(
        """
        SELECT number, pattern, duration, bytes_limit, since, is_retired, messages, bytes, trimmed, oldest_due FROM topic_rule
        WHERE number = ?
        """)
    private static let insert = SQL(
        "INSERT INTO topic_rule (number, pattern, duration, bytes_limit, since) VALUES (?, ?, ?, ?, ?)")
    private static let update = SQL(
        """
        UPDATE topic_rule SET is_retired = ?, messages = ?, bytes = ?, trimmed = ?, oldest_due = ? WHERE number = ?
        """)
    private static let delete = SQL("DELETE FROM topic_rule WHERE number = ?")

    init(of rule: TopicRules.Rule) {
        self.rule = rule
        (self.isRetired, self.messages, self.bytes, self.trimmed, self.oldestDue) = (false, 0, 0, 0, .max)
    }

    private init(_ row: PreparedStatement, on connection: Connection) throws(StoreError) {
        guard let pattern = try? TopicPattern(row.text(1)) else {
            throw ExchangeRows.damaged(connection, "the retention of \(NameRules.quoted(row.text(1)))")
        }
        self.rule = TopicRules.Rule(
            number: row.integer(0), pattern: pattern,
            retention: TopicRetention(.nanoseconds(row.integer(2)), upTo: Int(row.integer(3))), since: row.integer(4))
        self.isRetired = row.integer(5) != 0
        self.messages = Int(row.integer(6))
        self.bytes = Int(row.integer(7))
        self.trimmed = row.integer(8)
        self.oldestDue = row.optionalInteger(9) ?? .max
    }

    static func all(on connection: Connection) throws(StoreError) -> [TopicShelf] {
        let rows = try connection.prepared(Self.selectAll)
        defer { rows.reset() }
        var shelves: [TopicShelf] = []
        while try rows.step() { shelves.append(try TopicShelf(rows, on: connection)) }
        return shelves
    }

    static func read(_ number: Int64, on connection: Connection) throws(StoreError) -> TopicShelf? {
        let row = try connection.prepared(Self.select)
        defer { row.reset() }
        row.bind(number, at: 1)
        return try row.step() ? try TopicShelf(row, on: connection) : nil
    }

    func insert(on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.insert)
        statement.bind(self.rule.number, at: 1)
        statement.bind(self.rule.pattern.text, at: 2)
        statement.bind(self.rule.retention.duration.clampedNanoseconds, at: 3)
        statement.bind(Int64(self.rule.retention.bytes), at: 4)
        statement.bind(self.rule.since, at: 5)
        try statement.run()
    }

    func write(on connection: Connection) throws(StoreError) {
        let isDone = self.isRetired && self.messages == 0
        let statement = try connection.prepared(isDone ? Self.delete : Self.update)
        if isDone {
            statement.bind(self.rule.number, at: 1)
        } else {
            statement.bind(self.isRetired ? 1 : 0, at: 1)
            statement.bind(Int64(self.messages), at: 2)
            statement.bind(Int64(self.bytes), at: 3)
            statement.bind(self.trimmed, at: 4)
            statement.bind(optional: self.messages == 0 ? nil : self.oldestDue, at: 5)
            statement.bind(self.rule.number, at: 6)
        }
        try statement.run()
    }
}

/// The log of topics during a batch: its state and what is kept by each rule are read once and written once.
final class TopicNotes: BatchNotes {
    private let news: QueueNews
    var state: TopicState { didSet { self.isChanged = true } }
    private var shelves: [Int64: TopicShelf] = [:]
    private var changed: Set<Int64> = []
    private var isChanged = false
    private var isPublished = false

    private init(_ state: TopicState, news: QueueNews) {
        self.state = state
        self.news = news
    }

    /// The notes of a batch.
    static func of(_ transaction: WriteTransaction, news: QueueNews) throws(StoreError) -> TopicNotes {
        if let notes = transaction.presentNotes(TopicNotes.self) { return notes }
        let state = try TopicState.read(on: transaction.connection)
        return transaction.notes(TopicNotes.self) { TopicNotes(state, news: news) }
    }

    func shelf(_ number: Int64, on connection: Connection) throws(StoreError) -> TopicShelf? {
        if let shelf = self.shelves[number] { return shelf }
        let shelf = try TopicShelf.read(number, on: connection)
        self.shelves[number] = shelf
        return shelf
    }

    func set(_ shelf: TopicShelf) {
        self.shelves[shelf.rule.number] = shelf
        self.changed.insert(shelf.rule.number)
        if shelf.isRetired, shelf.messages == 0 { self.state.forgotten = max(self.state.forgotten, shelf.trimmed) }
    }

    /// What this batch has read or changed, without what it has retired and emptied.
    func present(_ shelf: TopicShelf) -> TopicShelf { self.shelves[shelf.rule.number] ?? shelf }

    func published(_ place: Int64) {
        self.state.last = place
        self.isPublished = true
    }

    func write(in transaction: WriteTransaction) throws(StoreError) {
        for number in self.changed { try self.shelves[number]?.write(on: transaction.connection) }
        if self.isChanged { try self.state.write(on: transaction.connection) }
        if self.isPublished {
            transaction.ring()
            let (news, last) = (self.news, self.state.last)
            transaction.afterCommit { news.announceTopics(upTo: last) }
        }
    }
}
