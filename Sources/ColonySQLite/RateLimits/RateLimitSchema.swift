import GRDB

/// The table of limits: a row for each that is not full.
///
/// `arrival` is the theoretical arrival time on the host's monotonic clock, and thus the instant at which the limit is full.
/// A negative number is what a limit owed when the host went down, in nanoseconds: the clock has started again and nobody knows
/// how long the host was off, so it owes all of that from the first look after the restart on. The index finds those two kinds, and
/// the rows of limits that are full.
enum RateLimitSchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("rate_limits") { database in
            try database.execute(
                sql: """
                    CREATE TABLE rate_limit (
                        name TEXT NOT NULL PRIMARY KEY,
                        arrival INTEGER NOT NULL,
                        -- When `arrival` was written.
                        counted_at INTEGER NOT NULL,
                        -- The rule of the latest request that took permits; the period in nanoseconds.
                        permits INTEGER NOT NULL,
                        period INTEGER NOT NULL,
                        burst INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX rate_limit_arrival ON rate_limit (arrival);
                    """)
        }
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        try connection.run(Self.freeze)
    }

    private static let freeze = SQL("UPDATE rate_limit SET arrival = counted_at - arrival WHERE arrival > 0")
}
