import GRDB

/// The table of idempotency keys. All instants are nanoseconds on the host's monotonic clock, valid for one boot.
///
/// An outcome must outlive the boot in which it was stored, and no clock tells how long the host was off. After a restart its whole
/// retention therefore counts anew: it is kept longer than asked for, and never shorter.
enum IdempotencySchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("idempotency-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE idempotency (
                        key TEXT NOT NULL PRIMARY KEY,
                        fingerprint BLOB NOT NULL,
                        owner TEXT NOT NULL,
                        -- Nothing while it runs; then whether the outcome is a value or a failure.
                        kind INTEGER,
                        outcome BLOB,
                        retention INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL
                    ) STRICT;
                    CREATE INDEX idempotency_end ON idempotency (expires_at);
                    """)
        }
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        // Who ran something is gone with the former boot.
        try connection.run(Self.deleteRunning)
        // The clock counts from the boot.
        try connection.run(Self.keepOutcomes)
    }

    private static let deleteRunning = SQL("DELETE FROM idempotency WHERE kind IS NULL")
    private static let keepOutcomes = SQL("UPDATE idempotency SET expires_at = retention")
}
