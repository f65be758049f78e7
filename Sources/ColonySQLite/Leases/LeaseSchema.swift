import GRDB

/// The tables of leases. All instants are nanoseconds on the host's monotonic clock, valid for one boot.
///
/// `lease` has the name as its key and no row id, so that a grant touches one tree. It has no index on the end: that
/// would be a second tree to change with every operation, and leases that ran out are found by walking; see
/// ``LeaseSweep``.
enum LeaseSchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("leases-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE lease (
                        name TEXT NOT NULL PRIMARY KEY,
                        owner TEXT NOT NULL,
                        token INTEGER NOT NULL,
                        granted_at INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL,
                        duration INTEGER NOT NULL,
                        renewals INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    -- A process that has waiters, and when it last showed that it is alive.
                    CREATE TABLE session (
                        id TEXT NOT NULL PRIMARY KEY,
                        heartbeat INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    -- Tickets rise with time, so the key is the order of the queue.
                    CREATE TABLE waiter (
                        name TEXT NOT NULL,
                        ticket INTEGER NOT NULL,
                        owner TEXT NOT NULL,
                        session TEXT NOT NULL,
                        since INTEGER NOT NULL,
                        PRIMARY KEY (name, ticket)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        try connection.run(Self.deleteLeases)
        try connection.run(Self.deleteWaiters)
        try connection.run(Self.deleteSessions)
    }

    private static let deleteLeases = SQL("DELETE FROM lease")
    private static let deleteWaiters = SQL("DELETE FROM waiter")
    private static let deleteSessions = SQL("DELETE FROM session")
}
