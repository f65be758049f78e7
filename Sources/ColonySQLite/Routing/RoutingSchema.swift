import ColonyCore
import GRDB

/// The tables of exchanges and topics, which came to be with those of queues.
enum RoutingSchema {
    static let tables = """
        -- One row: how often what is declared has changed, so that a process notices what another one has changed.
        CREATE TABLE routing (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            version INTEGER NOT NULL
        ) STRICT;

        INSERT INTO routing (id, version) VALUES (1, 0);

        -- The exchanges that were declared; the predefined ones have no row.
        CREATE TABLE exchange (
            name TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            alternate TEXT
        ) STRICT, WITHOUT ROWID;

        -- A binding leads to a queue or to another exchange. `argument` is the key, the pattern, or the headers of its condition.
        CREATE TABLE exchange_binding (
            number INTEGER PRIMARY KEY,
            exchange TEXT NOT NULL,
            to_exchange INTEGER NOT NULL,
            destination TEXT NOT NULL,
            condition TEXT NOT NULL,
            argument TEXT NOT NULL,
            UNIQUE (exchange, to_exchange, destination, condition, argument)
        ) STRICT;

        CREATE INDEX exchange_binding_destination ON exchange_binding (destination, to_exchange);

        -- One row: the latest message of the log, the highest that was trimmed by a rule that is gone itself, and the civil time that no
        -- message is above. What was published by the latest restart of the host is due by civil time: `restart_shift` nanoseconds are
        -- what lies between the two clocks of this boot.
        CREATE TABLE topic_state (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            last INTEGER NOT NULL,
            forgotten INTEGER NOT NULL,
            highest_ms INTEGER NOT NULL,
            restart INTEGER NOT NULL,
            restart_shift INTEGER NOT NULL
        ) STRICT;

        INSERT INTO topic_state (id, last, forgotten, highest_ms, restart, restart_shift) VALUES (1, 0, 0, 0, 0, 0);

        -- For how long messages are kept, and what is kept so. A rule that was changed or taken back is retired, and removed when nothing
        -- is kept by it any more. That of transit has the number 0.
        CREATE TABLE topic_rule (
            number INTEGER PRIMARY KEY,
            pattern TEXT NOT NULL,
            duration INTEGER NOT NULL,
            bytes_limit INTEGER NOT NULL,
            since INTEGER NOT NULL,
            is_retired INTEGER NOT NULL DEFAULT 0,
            messages INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            trimmed INTEGER NOT NULL DEFAULT 0,
            oldest_due INTEGER
        ) STRICT;

        CREATE INDEX topic_rule_due ON topic_rule (oldest_due);

        INSERT INTO topic_rule (number, pattern, duration, bytes_limit, since) VALUES (0, '#', 60000000000, 67108864, 0);

        -- What was published, by offset. `due` is an instant of the boot in which it was published. The body comes last, so that a reader
        -- who looks for its topics does not read it.
        CREATE TABLE topic_log (
            place INTEGER PRIMARY KEY,
            topic TEXT NOT NULL,
            rule INTEGER NOT NULL,
            due INTEGER NOT NULL,
            duration INTEGER NOT NULL,
            published_ms INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            key TEXT,
            headers TEXT,
            body BLOB NOT NULL
        ) STRICT;

        CREATE INDEX topic_log_topic ON topic_log (topic);
        CREATE INDEX topic_log_rule ON topic_log (rule);

        -- Where the civil time of publishing has reached a second that it had not reached before.
        CREATE TABLE topic_time (
            highest_ms INTEGER PRIMARY KEY,
            place INTEGER NOT NULL
        ) STRICT;
        """

    /// What was published in former boots is due by civil time from now on; one number says how the clocks lie, whatever there is.
    static func hostRestarted(now: Int64, civil: Int64, _ connection: Connection) throws(StoreError) {
        let (civilNanoseconds, overflow) = civil.multipliedReportingOverflow(by: 1_000_000)
        let statement = try connection.prepared(Self.restart)
        statement.bind(overflow ? 0 : now - civilNanoseconds, at: 1)
        try statement.run()
        // The first message of each rule is looked at again.
        try connection.run(Self.lookAgain)
    }

    private static let restart = SQL("UPDATE topic_state SET restart = last, restart_shift = ? WHERE id = 1")
    private static let lookAgain = SQL("UPDATE topic_rule SET oldest_due = 0 WHERE messages > 0")
}
