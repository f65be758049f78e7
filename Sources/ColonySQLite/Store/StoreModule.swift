import GRDB

/// A port's part of the store: its tables, and what becomes of them when the host has restarted.
///
/// All modules live in one file and one migration history, whichever engine opens it first, so that an older program
/// can tell that a newer one has changed the file.
protocol StoreModule: Sendable {
    static func registerMigrations(in migrator: inout DatabaseMigrator)

    /// Ends what lived only as long as the host ran. Called once, in the transaction that takes the new boot over.
    static func hostRestarted(_ connection: Connection) throws(StoreError)
}

/// Every port that keeps its data in the store, in the order in which they came to be.
enum StoreModules {
    static let all: [any StoreModule.Type] = [
        LeaseSchema.self, SegmentSchema.self, QueueSchema.self, PermitSchema.self, RegistrySchema.self,
        IdempotencySchema.self, RateLimitSchema.self, TransactionSchema.self,
    ]

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("store-1") { database in
            // One row: what every batch reads, in one place. `number` is the source of fencing tokens and of everything
            // else that must rise for ever.
            try database.execute(
                sql: """
                    CREATE TABLE colony (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        boot TEXT NOT NULL,
                        number INTEGER NOT NULL,
                        created_ms INTEGER NOT NULL
                    ) STRICT
                    """)
        }
        migrator.registerMigration("store-2") { database in
            // How many migrations the newest version has that opened the file. The names alone do not tell: a program that keeps its
            // own tables in the file has names of its own.
            try database.execute(sql: "ALTER TABLE colony ADD COLUMN schema INTEGER NOT NULL DEFAULT 0")
        }
        for module in Self.all {
            module.registerMigrations(in: &migrator)
        }
        return migrator
    }
}
