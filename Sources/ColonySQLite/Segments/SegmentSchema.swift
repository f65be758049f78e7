import GRDB

/// The table of tags: one row each, with the number that the next range starts at. Nothing of it depends on a boot of the
/// host, and no row is ever removed, because a tag that is forgotten would give its numbers again.
enum SegmentSchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("segments-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE segment (
                        tag TEXT NOT NULL PRIMARY KEY,
                        next INTEGER NOT NULL,
                        segments INTEGER NOT NULL,
                        scheme TEXT
                    ) STRICT, WITHOUT ROWID
                    """)
        }
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {}
}
