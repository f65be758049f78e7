import GRDB

/// The tables of permits. All instants are nanoseconds on the host's monotonic clock, valid for one boot.
///
/// Tokens and tickets come from the counter of the store and rise with time, so the keys are the order of grants and of
/// claims. The indexes find what has run out, of whichever name: each grant removes more dead rows than it adds rows.
enum PermitSchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("permits-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE permit_holder (
                        name TEXT NOT NULL,
                        token INTEGER NOT NULL,
                        owner TEXT NOT NULL,
                        permits INTEGER NOT NULL,
                        granted_at INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL,
                        duration INTEGER NOT NULL,
                        PRIMARY KEY (name, token)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX permit_holder_end ON permit_holder (expires_at);

                    -- A refused request that keeps its place.
                    CREATE TABLE permit_claim (
                        name TEXT NOT NULL,
                        ticket INTEGER NOT NULL,
                        owner TEXT NOT NULL,
                        permits INTEGER NOT NULL,
                        since INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL,
                        PRIMARY KEY (name, ticket)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX permit_claim_end ON permit_claim (expires_at);
                    """)
        }
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        try connection.run(Self.deleteHolders)
        try connection.run(Self.deleteClaims)
    }

    private static let deleteHolders = SQL("DELETE FROM permit_holder")
    private static let deleteClaims = SQL("DELETE FROM permit_claim")
}
