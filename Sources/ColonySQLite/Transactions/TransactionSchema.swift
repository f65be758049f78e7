import GRDB

/// The tables of transactions.
///
/// A transaction is one row that is written when it begins and when its state changes, and a row for each later decision. Decisions are
/// not added to the first row, because a row is written as a whole: a long transaction would write its first outputs again with each step.
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
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        // No coordinator outlives its host.
        try connection.run(Self.deleteCoordinators)
        // Nobody knows how long the host was off, so what has ended is kept for its whole time again.
        try connection.run(Self.keepEnded)
    }

    private static let deleteCoordinators = SQL("DELETE FROM coordinator")
    private static let keepEnded = SQL("UPDATE distributed_transaction SET ended_at = 0 WHERE state > 2")
}
