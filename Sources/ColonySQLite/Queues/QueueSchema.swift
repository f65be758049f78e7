import ColonyCore
import GRDB

/// The tables of queues.
///
/// A message is written once and deleted once, in one table; where it stands is said by small rows in others, so that handing a message
/// out or back does not write its body again. The key of a message is its *place*: the number of its queue in the upper bits and its own
/// in the lower ones, so that the messages of a queue lie side by side in the order of publishing.
///
/// Instants are nanoseconds on the host's monotonic clock, valid for one boot. Those that must outlive the boot have the civil time
/// beside them, from which they are set again when the host has restarted.
enum QueueSchema: StoreModule {
    /// How many bits of a place are the number of the message: 35 trillion messages, eleven years at a hundred thousand a second.
    static let messageBits: Int64 = 45
    /// The highest number of a queue.
    static let lastQueue: Int64 = (1 << 18) - 1

    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("queues-1") { database in
            try database.execute(sql: Self.tables)
            try database.execute(sql: ScheduleTable.tables)
            try database.execute(sql: RoutingSchema.tables)
        }
        migrator.registerMigration("queues-2") { try $0.execute(sql: Self.turnTables) }
    }

    private static let turnTables = """
        -- What can be delivered, in the order of delivery, in queues in which keys take turns.
        CREATE TABLE queue_turn (
            queue INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            id INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            PRIMARY KEY (queue, rank, turn, id)
        ) STRICT, WITHOUT ROWID;

        CREATE UNIQUE INDEX queue_turn_id ON queue_turn (queue, id);

        -- The last turn that a key was given, if it is not over.
        CREATE TABLE queue_share (
            queue INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            key TEXT NOT NULL,
            last INTEGER NOT NULL,
            PRIMARY KEY (queue, rank, key)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX queue_share_last ON queue_share (queue, rank, last);
        """

    private static let tables = """
        -- The settings of a queue, how many messages stand where, and a count of what happened that others may wait for.
        CREATE TABLE queue (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            capacity INTEGER NOT NULL,
            capacity_bytes INTEGER NOT NULL,
            overflow TEXT NOT NULL,
            ordering TEXT NOT NULL,
            delivery_limit INTEGER NOT NULL,
            lease INTEGER NOT NULL,
            backoff_initial INTEGER NOT NULL,
            backoff_maximum INTEGER NOT NULL,
            backoff_multiplier REAL NOT NULL,
            retention INTEGER,
            deduplication_window INTEGER NOT NULL,
            dead_letter_queue TEXT,
            ready INTEGER NOT NULL DEFAULT 0,
            waiting INTEGER NOT NULL DEFAULT 0,
            delayed INTEGER NOT NULL DEFAULT 0,
            leased INTEGER NOT NULL DEFAULT 0,
            dead INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            changes INTEGER NOT NULL DEFAULT 0,
            is_paused INTEGER NOT NULL DEFAULT 0,
            published INTEGER NOT NULL DEFAULT 0,
            delivered INTEGER NOT NULL DEFAULT 0,
            acknowledged INTEGER NOT NULL DEFAULT 0,
            dropped INTEGER NOT NULL DEFAULT 0,
            leases_lost INTEGER NOT NULL DEFAULT 0,
            undelayed INTEGER NOT NULL DEFAULT 0,
            lateness INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        -- `turn` is the place in the line of the key, `due` the end of the latest delay or rest, `at_ms` the civil time that it was
        -- published for, and `expires` the end of its retention; each is there only if the message has one.
        CREATE TABLE queue_message (
            place INTEGER PRIMARY KEY,
            body BLOB NOT NULL,
            priority INTEGER NOT NULL,
            published_ms INTEGER NOT NULL,
            key TEXT,
            headers TEXT,
            deduplication TEXT,
            turn INTEGER,
            due INTEGER,
            at_ms INTEGER,
            expires INTEGER
        ) STRICT;

        -- What can be delivered, in the order of delivery. The rank is 9 less the priority.
        CREATE TABLE queue_ready (
            queue INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            id INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            PRIMARY KEY (queue, rank, id)
        ) STRICT, WITHOUT ROWID;

        -- What is with a consumer, and what is needed to settle it without reading the message.
        CREATE TABLE queue_lease (
            place INTEGER PRIMARY KEY,
            nonce INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            due INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            is_tied INTEGER NOT NULL
        ) STRICT;

        -- When to look at which leases: one row for all that were given at once. It stays when they are settled.
        CREATE TABLE queue_deadline (
            queue INTEGER NOT NULL,
            due INTEGER NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            PRIMARY KEY (queue, due, first, last)
        ) STRICT, WITHOUT ROWID;

        -- What is delayed or rests after an attempt, and is due soon.
        CREATE TABLE queue_timer (
            queue INTEGER NOT NULL,
            due INTEGER NOT NULL,
            id INTEGER NOT NULL,
            civil_ms INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            joins INTEGER NOT NULL,
            PRIMARY KEY (queue, due, id)
        ) STRICT, WITHOUT ROWID;

        -- The same, and due later: in buckets, by when they open.
        CREATE TABLE queue_later (
            queue INTEGER NOT NULL,
            opens INTEGER NOT NULL,
            id INTEGER NOT NULL,
            due INTEGER NOT NULL,
            civil_ms INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            joins INTEGER NOT NULL,
            PRIMARY KEY (queue, opens, id)
        ) STRICT, WITHOUT ROWID;

        -- What waits for a civil time.
        CREATE TABLE queue_appointment (
            queue INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            id INTEGER NOT NULL,
            PRIMARY KEY (queue, at_ms, id)
        ) STRICT, WITHOUT ROWID;

        -- The lines of keys: only the head of a line is ready, delayed after an attempt, or leased.
        CREATE TABLE queue_line (
            queue INTEGER NOT NULL,
            key TEXT NOT NULL,
            turn INTEGER NOT NULL,
            id INTEGER NOT NULL,
            PRIMARY KEY (queue, key, turn)
        ) STRICT, WITHOUT ROWID;

        -- When messages are too old, in queues that have a retention.
        CREATE TABLE queue_age (
            queue INTEGER NOT NULL,
            due INTEGER NOT NULL,
            id INTEGER NOT NULL,
            civil_ms INTEGER NOT NULL,
            PRIMARY KEY (queue, due, id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE queue_deduplication (
            queue INTEGER NOT NULL,
            text TEXT NOT NULL,
            id INTEGER NOT NULL,
            due INTEGER NOT NULL,
            civil_ms INTEGER NOT NULL,
            PRIMARY KEY (queue, text)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX queue_deduplication_due ON queue_deduplication (queue, due);

        -- Deliveries that have failed, of messages that are still there.
        CREATE TABLE queue_failure (
            place INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (place, attempt)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE queue_dead (
            place INTEGER PRIMARY KEY,
            origin TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            reason TEXT NOT NULL,
            died_ms INTEGER NOT NULL
        ) STRICT;
        """

    /// Nobody holds a lease any more, and what was to end at an instant ends as long after now as civil time says.
    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        // Buckets are in the order of a clock that has begun anew.
        try connection.run(Self.insertDelays)
        try connection.run(Self.deleteDelays)
        let now = HostClock().now.nanoseconds
        let civil = SystemWallClock().now.millisecondsSince1970
        for sql in [Self.resetTimers, Self.resetAges, Self.resetDeduplications] {
            let statement = try connection.prepared(sql)
            statement.bind(now, at: 1)
            statement.bind(civil, at: 2)
            try statement.run()
        }
        for sql in [Self.resetDelays, Self.resetRetentions, Self.endLeases, Self.deleteDeadlines, Self.insertDeadlines]
        {
            try connection.run(sql)
        }
        try RoutingSchema.hostRestarted(now: now, civil: civil, connection)
    }

    private static let insertDelays = SQL(
        """
        INSERT INTO queue_timer (queue, due, id, civil_ms, rank, attempts, joins)
        SELECT queue, due, id, civil_ms, rank, attempts, joins FROM queue_later
        """)
    private static let deleteDelays = SQL("DELETE FROM queue_later")
    private static let resetTimers = SQL("UPDATE queue_timer SET due = ?1 + max(0, civil_ms - ?2) * 1000000")
    private static let resetAges = SQL("UPDATE queue_age SET due = ?1 + max(0, civil_ms - ?2) * 1000000")
    private static let resetDeduplications = SQL(
        "UPDATE queue_deduplication SET due = ?1 + max(0, civil_ms - ?2) * 1000000")
    private static let resetDelays = SQL(
        "UPDATE queue_message SET due = t.due FROM queue_timer t WHERE place = (t.queue << 45 | t.id)")
    private static let resetRetentions = SQL(
        "UPDATE queue_message SET expires = a.due FROM queue_age a WHERE place = (a.queue << 45 | a.id)")
    private static let endLeases = SQL("UPDATE queue_lease SET due = 0")
    private static let deleteDeadlines = SQL("DELETE FROM queue_deadline")
    private static let insertDeadlines = SQL(
        """
        INSERT INTO queue_deadline (queue, due, first, last)
        SELECT place >> 45, 0, min(place), max(place) FROM queue_lease GROUP BY place >> 45
        """)
}
