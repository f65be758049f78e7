import GRDB

/// The tables of outboxes and inboxes in the caller's database. They are not part of the store's own migrations, because the caller's
/// database need not be a store.
enum OutboxTables {
    /// Numbers are given under SQLite's one lock of writers, so the order of the numbers is that of the commits. `AUTOINCREMENT` keeps
    /// a number from being given again when the greatest row is gone.
    static let outbox = """
        CREATE TABLE IF NOT EXISTS colony_outbox (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            identity TEXT NOT NULL,
            queue TEXT NOT NULL,
            key TEXT,
            priority INTEGER NOT NULL,
            delay_ms INTEGER,
            at_ms INTEGER,
            deduplication TEXT,
            headers TEXT,
            added_ms INTEGER NOT NULL,
            -- Why it was set aside.
            parked TEXT,
            body BLOB NOT NULL
        ) STRICT;
        CREATE INDEX IF NOT EXISTS colony_outbox_lane ON colony_outbox (queue, number) WHERE parked IS NULL;
        CREATE INDEX IF NOT EXISTS colony_outbox_parked ON colony_outbox (number) WHERE parked IS NOT NULL;

        -- One row: how many messages there are, so that nobody has to count them, and who relays them until when.
        CREATE TABLE IF NOT EXISTS colony_outbox_state (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            messages INTEGER NOT NULL,
            owner TEXT,
            boot TEXT,
            expires_at INTEGER
        ) STRICT;
        INSERT OR IGNORE INTO colony_outbox_state (id, messages) VALUES (1, 0);
        CREATE TRIGGER IF NOT EXISTS colony_outbox_in AFTER INSERT ON colony_outbox BEGIN
            UPDATE colony_outbox_state SET messages = messages + 1 WHERE id = 1;
        END;
        CREATE TRIGGER IF NOT EXISTS colony_outbox_out AFTER DELETE ON colony_outbox BEGIN
            UPDATE colony_outbox_state SET messages = messages - 1 WHERE id = 1;
        END;
        """

    static let inbox = """
        CREATE TABLE IF NOT EXISTS colony_inbox (
            consumer TEXT NOT NULL,
            identity TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (consumer, identity)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS colony_inbox_age ON colony_inbox (consumer, at_ms);
        """

    /// The queues that have something to send, each found by a step of its own in the index, however many messages it has.
    static let lanes = """
        WITH RECURSIVE lane (queue) AS (
            SELECT (SELECT queue FROM colony_outbox WHERE parked IS NULL ORDER BY queue LIMIT 1)
            UNION ALL
            SELECT (SELECT o.queue FROM colony_outbox o WHERE o.parked IS NULL AND o.queue > lane.queue
                ORDER BY o.queue LIMIT 1)
            FROM lane WHERE lane.queue IS NOT NULL
        )
        SELECT queue FROM lane WHERE queue IS NOT NULL LIMIT ?
        """

    static let columns =
        "number, identity, queue, body, key, priority, delay_ms, at_ms, deduplication, headers, added_ms"

    /// Adds a message if there is room.
    static let add = """
        INSERT INTO colony_outbox
            (identity, queue, body, key, priority, delay_ms, at_ms, deduplication, headers, added_ms)
        SELECT lower(hex(randomblob(16))), ?, ?, ?, ?, ?, ?, ?, ?, ?
        WHERE (SELECT messages FROM colony_outbox_state WHERE id = 1) < ?
        """
}
