import GRDB

/// The tables of transactions.
///
/// A transaction is one row that is written when it begins and when its state changes, and a row for each decision in between. Those are
/// not added to the first row, because a row is written as a whole: a long transaction would write its first outputs again with each step.
/// The last decision changes the state, so it goes into the first row with it.
///
/// A decision of a transaction that runs alone costs one durable write, and what it costs beyond that is the number of pages that it
/// changes. So there is no index that a saga which succeeds would have to keep up and only operators would use: what is open is listed by
/// coordinator, what has ended well in the order of the table, and only what has failed has an index for lists. Numbers are those that the
/// table gives itself, and not those of the store, whose counter lies on a page of its own. A saga of three steps changes 3, 1, 1, and
/// 3 pages.
enum TransactionSchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("transactions-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE coordinator (
                        token INTEGER PRIMARY KEY,
                        owner TEXT NOT NULL,
                        expires_at INTEGER NOT NULL
                    ) STRICT;

                    CREATE TABLE distributed_transaction (
                        number INTEGER PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        kind TEXT NOT NULL,
                        label TEXT NOT NULL,
                        definition TEXT NOT NULL,
                        version INTEGER NOT NULL,
                        outline BLOB NOT NULL,
                        input BLOB NOT NULL,
                        timeout INTEGER,
                        started_ms INTEGER NOT NULL,
                        -- The decisions that it began with.
                        beginning BLOB NOT NULL,
                        state INTEGER NOT NULL,
                        changed_ms INTEGER NOT NULL,
                        -- The token of the coordinator that works on it; 0 for none.
                        holder INTEGER NOT NULL,
                        cancels INTEGER NOT NULL,
                        -- When it ended, on the clock of the host; for its retention.
                        ended_at INTEGER
                    ) STRICT;
                    CREATE INDEX distributed_transaction_open ON distributed_transaction (holder, number) WHERE state < 2;
                    CREATE INDEX distributed_transaction_cancel ON distributed_transaction (holder)
                        WHERE cancels = 1 AND state < 2;
                    CREATE INDEX distributed_transaction_end ON distributed_transaction (ended_at) WHERE state > 2;
                    CREATE INDEX distributed_transaction_state ON distributed_transaction (state, number);

                    CREATE TABLE transaction_decision (
                        number INTEGER NOT NULL,
                        position INTEGER NOT NULL,
                        at_ms INTEGER NOT NULL,
                        entries BLOB NOT NULL,
                        PRIMARY KEY (number, position)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("transactions-2") { try $0.execute(sql: Self.fewerPages) }
        // A number of their own, because a daemon enlists whenever it starts, and the numbers of messages and grants should not tell of
        // that. It goes on from where those of the store are, so that no token comes twice.
        migrator.registerMigration("transactions-3") { database in
            try database.execute(
                sql: """
                    CREATE TABLE coordinator_number (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        last INTEGER NOT NULL
                    ) STRICT;
                    INSERT INTO coordinator_number (id, last) VALUES (1, coalesce((SELECT number FROM colony), 0));
                    """)
        }
    }

    /// What is small and looked at in lists comes first in a row, so that nobody reads through a large input to get there.
    private static let fewerPages = """
        CREATE TABLE distributed_transaction_2 (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            -- The token of the coordinator that works on it; 0 for none.
            holder INTEGER NOT NULL,
            state INTEGER NOT NULL,
            cancels INTEGER NOT NULL,
            kind TEXT NOT NULL,
            label TEXT NOT NULL,
            definition TEXT NOT NULL,
            version INTEGER NOT NULL,
            timeout INTEGER,
            started_ms INTEGER NOT NULL,
            changed_ms INTEGER NOT NULL,
            -- When it ended, on the clock of the host; for its retention.
            ended_at INTEGER,
            -- The decisions that it began with, and those that it ended with.
            beginning BLOB NOT NULL,
            ending BLOB,
            outline BLOB NOT NULL,
            input BLOB NOT NULL
        ) STRICT;
        INSERT INTO distributed_transaction_2 (number, id, holder, state, cancels, kind, label, definition, version, timeout,
            started_ms, changed_ms, ended_at, beginning, outline, input)
        SELECT number, id, holder, state, cancels, kind, label, definition, version, timeout, started_ms, changed_ms, ended_at,
            beginning, outline, input FROM distributed_transaction;
        DROP TABLE distributed_transaction;
        ALTER TABLE distributed_transaction_2 RENAME TO distributed_transaction;
        CREATE INDEX distributed_transaction_open ON distributed_transaction (holder, state, number) WHERE state < 2;
        CREATE INDEX distributed_transaction_cancel ON distributed_transaction (holder) WHERE cancels = 1 AND state < 2;
        CREATE INDEX distributed_transaction_stuck ON distributed_transaction (number) WHERE state = 2;
        CREATE INDEX distributed_transaction_compensated ON distributed_transaction (number) WHERE state = 4;
        CREATE INDEX distributed_transaction_end ON distributed_transaction (ended_at) WHERE state > 2;
        """

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        // No coordinator outlives its host.
        try connection.run(Self.deleteCoordinators)
        // Nobody knows how long the host was off, so what has ended is kept for its whole time again.
        try connection.run(Self.keepEnded)
    }

    private static let deleteCoordinators = SQL("DELETE FROM coordinator")
    private static let keepEnded = SQL("UPDATE distributed_transaction SET ended_at = 0 WHERE state > 2")
}
