import ColonyCore
import ColonyQueues

/// The rows of schedules, and the number that says whether they were changed.
enum ScheduleTable {
    static let tables = """
        -- What is published over and over. `next_ms` is the tick to be taken next, `last_ms` the last whose message was published.
        CREATE TABLE queue_schedule (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            cron TEXT NOT NULL,
            zone TEXT NOT NULL,
            queue TEXT NOT NULL,
            body BLOB NOT NULL,
            key TEXT,
            priority INTEGER NOT NULL,
            headers TEXT,
            missed TEXT NOT NULL,
            missed_limit INTEGER NOT NULL,
            is_paused INTEGER NOT NULL,
            next_ms INTEGER,
            last_ms INTEGER,
            taken INTEGER NOT NULL
        ) STRICT;

        -- One row: how often a schedule was put or removed.
        CREATE TABLE queue_schedule_changes (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            count INTEGER NOT NULL
        ) STRICT;

        INSERT INTO queue_schedule_changes (id, count) VALUES (1, 0);
        """

    private static let select = SQL(
        """
        SELECT name, cron, zone, queue, body, key, priority, headers, missed, missed_limit, is_paused, next_ms, last_ms, taken
        FROM queue_schedule WHERE name = ?
        """)
    private static let page = SQL(
        """
        SELECT name, cron, zone, queue, body, key, priority, headers, missed, missed_limit, is_paused, next_ms, last_ms, taken
        FROM queue_schedule WHERE name > ? ORDER BY name LIMIT ?
        """)
    private static let insert = SQL(
        """
        INSERT INTO queue_schedule (name, cron, zone, queue, body, key, priority, headers, missed, missed_limit, is_paused,
            next_ms, last_ms, taken)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    private static let delete = SQL("DELETE FROM queue_schedule WHERE name = ?")
    private static let setTick = SQL("UPDATE queue_schedule SET next_ms = ?, last_ms = ?, taken = ? WHERE name = ?")
    private static let count = SQL("SELECT count(*) FROM queue_schedule")
    private static let selectChanges = SQL("SELECT count FROM queue_schedule_changes WHERE id = 1")
    private static let countChange = SQL("UPDATE queue_schedule_changes SET count = count + 1 WHERE id = 1")

    /// - Returns: `nil` if there is no such schedule.
    static func read(_ name: ScheduleName, on connection: Connection) throws(StoreError) -> ScheduleRecord? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        return try statement.step() ? try Self.record(statement, connection) : nil
    }

    /// A page of schedules in the order of their names.
    static func page(
        after name: ScheduleName?, limit: Int, on connection: Connection
    ) throws(StoreError) -> [ScheduleRecord] {
        let statement = try connection.prepared(Self.page)
        defer { statement.reset() }
        statement.bind(name?.rawValue ?? "", at: 1)
        statement.bind(Int64(limit), at: 2)
        var records: [ScheduleRecord] = []
        while try statement.step() { records.append(try Self.record(statement, connection)) }
        return records
    }

    static func count(on connection: Connection) throws(StoreError) -> Int {
        Int(try Self.number(Self.count, on: connection))
    }

    /// How often a schedule was put or removed.
    static func changes(on connection: Connection) throws(StoreError) -> Int64 {
        try Self.number(Self.selectChanges, on: connection)
    }

    /// Writes a schedule in the place of the one of its name, and counts the change.
    static func put(_ record: ScheduleRecord, on connection: Connection) throws(StoreError) {
        let schedule = record.schedule
        try Self.deleteRow(schedule.name, on: connection)
        let statement = try connection.prepared(Self.insert)
        statement.bind(schedule.name.rawValue, at: 1)
        statement.bind(schedule.cron.text, at: 2)
        statement.bind(schedule.zone.identifier, at: 3)
        statement.bind(schedule.queue.rawValue, at: 4)
        statement.bind(schedule.message.body, at: 5)
        statement.bind(optional: schedule.message.key, at: 6)
        statement.bind(Int64(schedule.message.priority), at: 7)
        statement.bind(optional: HeaderText.text(of: schedule.message.headers), at: 8)
        let (missed, limit) = Self.text(of: schedule.missed)
        statement.bind(missed, at: 9)
        statement.bind(limit, at: 10)
        statement.bind(schedule.isPaused ? 1 : 0, at: 11)
        statement.bind(optional: record.next?.millisecondsSince1970, at: 12)
        statement.bind(optional: record.lastTaken?.millisecondsSince1970, at: 13)
        statement.bind(Int64(record.taken), at: 14)
        try statement.run()
        try connection.run(Self.countChange)
    }

    /// - Returns: Whether it was there; then the change is counted.
    static func remove(_ name: ScheduleName, on connection: Connection) throws(StoreError) -> Bool {
        guard try Self.deleteRow(name, on: connection) else { return false }
        try connection.run(Self.countChange)
        return true
    }

    /// Writes what taking a tick has changed.
    static func setTick(_ record: ScheduleRecord, on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.setTick)
        statement.bind(optional: record.next?.millisecondsSince1970, at: 1)
        statement.bind(optional: record.lastTaken?.millisecondsSince1970, at: 2)
        statement.bind(Int64(record.taken), at: 3)
        statement.bind(record.schedule.name.rawValue, at: 4)
        try statement.run()
    }

    // MARK: Rows

    @discardableResult
    private static func deleteRow(_ name: ScheduleName, on connection: Connection) throws(StoreError) -> Bool {
        let statement = try connection.prepared(Self.delete)
        statement.bind(name.rawValue, at: 1)
        try statement.run()
        return connection.changes > 0
    }

    private static func number(_ sql: SQL, on connection: Connection) throws(StoreError) -> Int64 {
        let statement = try connection.prepared(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    private static func text(of missed: MissedTicks) -> (text: String, limit: Int64) {
        switch missed {
        case .skip: ("skip", 0)
        case .once: ("once", 0)
        case .all(let limit): ("all", Int64(limit))
        }
    }

    private static func missed(_ text: String, _ limit: Int64) -> MissedTicks? {
        switch text {
        case "skip": .skip
        case "once": .once
        case "all" where MissedTicks.limits.contains(Int(limit)): .all(limit: Int(limit))
        default: nil
        }
    }

    private static func record(
        _ row: PreparedStatement, _ connection: Connection
    ) throws(StoreError) -> ScheduleRecord {
        guard let name = try? ScheduleName(row.text(0)), let cron = try? CronExpression(row.text(1)),
            let queue = try? QueueName(row.text(3)), let missed = Self.missed(row.text(8), row.integer(9))
        else {
            throw StoreError.damaged("the schedule \(NameRules.quoted(row.text(0))) cannot be read", in: connection)
        }
        let zone: CivilZone
        do throws(InvalidName) {
            zone = try CivilZone(row.text(2))
        } catch {
            // Written by a host whose rules of time zones are others.
            throw StoreError(
                .failed, "the schedule \"\(name)\" of the store \"\(connection.path)\" cannot be kept here: \(error)")
        }
        let message = ScheduledMessage(
            row.bytes(4), key: row.optionalText(5), priority: Int(row.integer(6)),
            headers: try MessageTable.headers(row.optionalText(7), connection))
        return ScheduleRecord(
            schedule: Schedule(
                unchecked: name, cron: cron, zone: zone, to: queue, message: message, missed: missed,
                isPaused: row.integer(10) != 0),
            next: row.optionalInteger(11).map { WallTime(millisecondsSince1970: $0) },
            lastTaken: row.optionalInteger(12).map { WallTime(millisecondsSince1970: $0) },
            taken: Int(row.integer(13)))
    }
}
