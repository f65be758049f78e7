import ColonyCore
import ColonyQueues

/// The rows of messages: written once, read when they are handed out, deleted once.
enum MessageTable {
    /// What has to be known of a message to take it out of its queue.
    struct Ties {
        var key: String?
        var turn: Int64?
        var due: Int64?
        var appointment: Int64?
        var expires: Int64?
        var rank: Int64
        var bytes: Int
    }

    /// What is kept with a message beside what was published.
    struct Marks {
        var turn: Int64?
        var due: Int64?
        var appointment: Int64?
        var expires: Int64?

        var isEmpty: Bool { self.turn == nil && self.due == nil && self.appointment == nil && self.expires == nil }
    }

    struct Stored {
        let id: Int64
        let message: OutgoingMessage
        let publishedAt: WallTime
    }

    private static let insertPlain = SQL(
        "INSERT INTO queue_message (place, body, priority, published_ms) VALUES (?, ?, ?, ?)")
    private static let insert = SQL(
        """
        INSERT INTO queue_message (place, body, priority, published_ms, key, headers, deduplication, turn, due, at_ms, expires)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    private static let selectTies = SQL(
        """
        SELECT key, turn, due, at_ms, expires, priority,
            length(body) + coalesce(length(CAST(key AS BLOB)), 0), headers
        FROM queue_message WHERE place = ?
        """)
    private static let select = SQL(
        "SELECT body, key, priority, headers, deduplication, published_ms FROM queue_message WHERE place = ?")
    private static let selectKey = SQL("SELECT key FROM queue_message WHERE place = ?")
    private static let delete = SQL("DELETE FROM queue_message WHERE place = ?")
    private static let updateTurn = SQL("UPDATE queue_message SET turn = ? WHERE place = ?")
    private static let updateDue = SQL("UPDATE queue_message SET due = ? WHERE place = ?")
    private static let updateExpires = SQL("UPDATE queue_message SET expires = ? WHERE place = ?")

    static func insert(
        _ message: OutgoingMessage, at place: Int64, publishedAt: Int64, _ marks: Marks, on connection: Connection
    ) throws(StoreError) {
        let isPlain =
            message.key == nil && message.headers.isEmpty && message.deduplicationID == nil && marks.isEmpty
        let statement = try connection.prepared(isPlain ? Self.insertPlain : Self.insert)
        statement.bind(place, at: 1)
        statement.bind(message.body, at: 2)
        statement.bind(Int64(message.priority), at: 3)
        statement.bind(publishedAt, at: 4)
        if !isPlain {
            statement.bind(optional: message.key, at: 5)
            statement.bind(optional: HeaderText.text(of: message.headers), at: 6)
            statement.bind(optional: message.deduplicationID, at: 7)
            statement.bind(optional: marks.turn, at: 8)
            statement.bind(optional: marks.due, at: 9)
            statement.bind(optional: marks.appointment, at: 10)
            statement.bind(optional: marks.expires, at: 11)
        }
        try statement.run()
    }

    /// - Returns: `nil` if there is no such message.
    static func ties(at place: Int64, on connection: Connection) throws(StoreError) -> Ties? {
        let statement = try connection.prepared(Self.selectTies)
        defer { statement.reset() }
        statement.bind(place, at: 1)
        guard try statement.step() else { return nil }
        let headers = statement.isNull(7) ? [:] : try Self.headers(statement.text(7), connection)
        return Ties(
            key: statement.optionalText(0), turn: statement.optionalInteger(1), due: statement.optionalInteger(2),
            appointment: statement.optionalInteger(3), expires: statement.optionalInteger(4),
            rank: 9 - statement.integer(5),
            bytes: headers.reduce(Int(statement.integer(6))) { $0 + $1.key.utf8.count + $1.value.utf8.count })
    }

    /// - Returns: `nil` if there is no such message.
    static func message(at place: Int64, on connection: Connection) throws(StoreError) -> Stored? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(place, at: 1)
        guard try statement.step() else { return nil }
        return Stored(
            id: QueueLedger.message(at: place),
            message: OutgoingMessage(
                statement.bytes(0), key: statement.optionalText(1), priority: Int(statement.integer(2)),
                deduplicationID: statement.optionalText(4),
                headers: try Self.headers(statement.optionalText(3), connection)),
            publishedAt: WallTime(millisecondsSince1970: statement.integer(5)))
    }

    /// - Returns: `nil` if there is no such message, or if it has no key.
    static func key(at place: Int64, on connection: Connection) throws(StoreError) -> String? {
        let statement = try connection.prepared(Self.selectKey)
        defer { statement.reset() }
        statement.bind(place, at: 1)
        return try statement.step() ? statement.optionalText(0) : nil
    }

    static func delete(at place: Int64, on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.delete)
        statement.bind(place, at: 1)
        try statement.run()
    }

    static func setTurn(_ turn: Int64, at place: Int64, on connection: Connection) throws(StoreError) {
        try Self.set(turn, at: place, Self.updateTurn, connection)
    }

    static func setDue(_ due: Int64, at place: Int64, on connection: Connection) throws(StoreError) {
        try Self.set(due, at: place, Self.updateDue, connection)
    }

    static func setExpires(_ end: Int64, at place: Int64, on connection: Connection) throws(StoreError) {
        try Self.set(end, at: place, Self.updateExpires, connection)
    }

    private static func set(
        _ value: Int64, at place: Int64, _ sql: SQL, _ connection: Connection
    ) throws(StoreError) {
        let statement = try connection.prepared(sql)
        statement.bind(value, at: 1)
        statement.bind(place, at: 2)
        try statement.run()
    }

    static func headers(_ text: String?, _ connection: Connection) throws(StoreError) -> [String: String] {
        if let headers = HeaderText.headers(of: text) { return headers }
        throw StoreError.damaged("a message has headers that cannot be read", in: connection)
    }
}
