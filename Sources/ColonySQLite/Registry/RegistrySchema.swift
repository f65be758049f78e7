import GRDB

/// The tables of registries. Ends are nanoseconds on the host's monotonic clock, valid for one boot.
///
/// Versions and revisions come from the counter of the store. A group has a row while it has records. That of one without
/// has the number of the latest removal of any group as its revision, which is no lower than its own last one: so nothing has
/// to be kept of groups that are gone. Records have row ids, because a value may be larger than a page.
enum RegistrySchema: StoreModule {
    static func registerMigrations(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("registry-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE registry_group (
                        name TEXT NOT NULL PRIMARY KEY,
                        revision INTEGER NOT NULL,
                        records INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    -- One row: the number of the latest removal of a group.
                    CREATE TABLE registry_state (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        last_drop INTEGER NOT NULL
                    ) STRICT;
                    INSERT INTO registry_state (id, last_drop) VALUES (1, 0);

                    -- Permanent records have neither owner nor end.
                    CREATE TABLE registry_record (
                        group_name TEXT NOT NULL,
                        key TEXT NOT NULL,
                        version INTEGER NOT NULL,
                        owner TEXT,
                        expires_at INTEGER,
                        value BLOB NOT NULL,
                        UNIQUE (group_name, key)
                    ) STRICT;
                    CREATE INDEX registry_group_end ON registry_record (group_name, expires_at)
                        WHERE expires_at IS NOT NULL;
                    CREATE INDEX registry_end ON registry_record (expires_at) WHERE expires_at IS NOT NULL;
                    """)
        }
    }

    static func hostRestarted(_ connection: Connection) throws(StoreError) {
        for statement in [
            Self.drawNumber, Self.reviseGroups, Self.deleteEphemeral, Self.noteDrop, Self.deleteEmptyGroups,
        ] {
            try connection.run(statement)
        }
    }

    private static let drawNumber = SQL("UPDATE colony SET number = number + 1 WHERE id = 1")
    private static let reviseGroups = SQL(
        """
        UPDATE registry_group SET
            revision = (SELECT number FROM colony WHERE id = 1),
            records = records - (
                SELECT count(*) FROM registry_record
                WHERE group_name = registry_group.name AND expires_at IS NOT NULL)
        WHERE name IN (SELECT group_name FROM registry_record WHERE expires_at IS NOT NULL)
        """)
    private static let deleteEphemeral = SQL("DELETE FROM registry_record WHERE expires_at IS NOT NULL")
    private static let noteDrop = SQL(
        """
        UPDATE registry_state SET last_drop = (SELECT number FROM colony WHERE id = 1)
        WHERE EXISTS (SELECT 1 FROM registry_group WHERE records <= 0)
        """)
    private static let deleteEmptyGroups = SQL("DELETE FROM registry_group WHERE records <= 0")
}
