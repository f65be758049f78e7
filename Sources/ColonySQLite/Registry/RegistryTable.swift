import ColonyCoordination
import ColonyCore

/// Registries in the file: each function is one atomic decision inside a transaction of the caller.
///
/// A record that has run out is left out by every decision, and removed with the next change of its group, by a snapshot of it,
/// or by a write to any other group: each write removes the dead of two groups, so that they do not pile up.
enum RegistryTable {
    /// What those who wait for a group look at.
    struct Standing: Sendable {
        let revision: RegistryRevision
        /// The earliest end of a record, which may have passed.
        let earliestEnd: MonotonicInstant?
    }

    private static let selectGroup = SQL("SELECT revision, records FROM registry_group WHERE name = ?")
    private static let selectDrop = SQL("SELECT last_drop FROM registry_state WHERE id = 1")
    private static let selectEnd = SQL(
        """
        SELECT expires_at FROM registry_record WHERE group_name = ? AND expires_at IS NOT NULL
        ORDER BY expires_at LIMIT 1
        """)

    static func standing(of group: LeaseName, on connection: Connection) throws(StoreError) -> Standing {
        let revision: Int64
        if let row = try Self.row(of: group, on: connection) {
            revision = row.revision
        } else {
            let statement = try connection.prepared(Self.selectDrop)
            defer { statement.reset() }
            revision = try statement.step() ? statement.integer(0) : 0
        }
        let statement = try connection.prepared(Self.selectEnd)
        defer { statement.reset() }
        statement.bind(group.rawValue, at: 1)
        let end = try statement.step() ? MonotonicInstant(nanoseconds: statement.integer(0)) : nil
        return Standing(revision: Self.revision(revision), earliestEnd: end)
    }

    private static let selectRecord = SQL(
        """
        SELECT key, version, owner, value FROM registry_record
        WHERE group_name = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)
        """)
    private static let selectRecords = SQL(
        """
        SELECT key, version, owner, value FROM registry_record
        WHERE group_name = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key
        """)

    /// The records that have not run out. SQLite compares the bytes of texts, as names do.
    static func records(
        of group: LeaseName, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [RegistryRecord] {
        let statement = try connection.prepared(Self.selectRecords)
        defer { statement.reset() }
        statement.bind(group.rawValue, at: 1)
        statement.bind(now, at: 2)
        var records: [RegistryRecord] = []
        while try statement.step() { records.append(try Self.record(statement, connection)) }
        return records
    }

    static func put(
        _ write: RegistryWrite, in group: LeaseName, at now: Int64, in transaction: WriteTransaction, news: News
    ) throws(StoreError) -> Result<RegistryAnswer, LeaseError> {
        let connection = transaction.connection
        let present = try Self.record(write.key, in: group, at: now, on: connection)
        guard write.condition.isMet(by: present) else { return .success(.conflict(present)) }
        let count = try Self.row(of: group, on: connection)?.records ?? 0
        if present == nil {
            let live = count - (try Self.deadCount(of: group, at: now, on: connection))
            guard live < RegistryLimits.records else {
                return .failure(
                    LeaseError(.invalidRequest, "the group \(group) has \(live) records, which is the most"))
            }
        }
        let buried = try Self.bury(group, at: now, on: connection)
        let version = transaction.nextNumber()
        let record = try Self.insert(write, in: group, version: version, at: now, on: connection)
        let records = count - buried + (present == nil ? 1 : 0)
        try Self.changed(group, records: records, revision: version, in: transaction, news: news)
        try Self.sweep(at: now, in: transaction, news: news)
        return .success(.written(record))
    }

    private static let extend = SQL(
        """
        UPDATE registry_record SET expires_at = max(expires_at, ?1)
        WHERE group_name = ?2 AND key = ?3 AND owner = ?4 AND expires_at > ?5
        """)

    static func renew(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration, at now: Int64,
        on connection: Connection
    ) throws(StoreError) -> Bool {
        let statement = try connection.prepared(Self.extend)
        statement.bind(MonotonicInstant(nanoseconds: now).advanced(by: duration).nanoseconds, at: 1)
        statement.bind(group.rawValue, at: 2)
        statement.bind(key.rawValue, at: 3)
        statement.bind(owner.rawValue, at: 4)
        statement.bind(now, at: 5)
        try statement.run()
        return connection.changes == 1
    }

    private static let deleteRecord = SQL("DELETE FROM registry_record WHERE group_name = ? AND key = ?")

    static func remove(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition, at now: Int64,
        in transaction: WriteTransaction, news: News
    ) throws(StoreError) -> Bool {
        let connection = transaction.connection
        guard let present = try Self.record(key, in: group, at: now, on: connection), condition.isMet(by: present)
        else {
            return false
        }
        let count = try Self.row(of: group, on: connection)?.records ?? 0
        let buried = try Self.bury(group, at: now, on: connection)
        let statement = try connection.prepared(Self.deleteRecord)
        statement.bind(group.rawValue, at: 1)
        statement.bind(key.rawValue, at: 2)
        try statement.run()
        try Self.changed(
            group, records: count - buried - 1, revision: transaction.nextNumber(), in: transaction, news: news)
        return true
    }

    /// Removes what has run out of a group, which is a change of it.
    static func buryAndTell(
        _ group: LeaseName, at now: Int64, in transaction: WriteTransaction, news: News
    ) throws(StoreError) {
        let count = try Self.row(of: group, on: transaction.connection)?.records ?? 0
        let buried = try Self.bury(group, at: now, on: transaction.connection)
        if buried == 0 { return }
        try Self.changed(
            group, records: count - buried, revision: transaction.nextNumber(), in: transaction, news: news)
    }
}

// MARK: - The steps

extension RegistryTable {
    typealias News = StateNews<Standing>

    private static func row(
        of group: LeaseName, on connection: Connection
    ) throws(StoreError) -> (revision: Int64, records: Int64)? {
        let statement = try connection.prepared(Self.selectGroup)
        defer { statement.reset() }
        statement.bind(group.rawValue, at: 1)
        guard try statement.step() else { return nil }
        return (statement.integer(0), statement.integer(1))
    }

    private static func record(
        _ key: LeaseName, in group: LeaseName, at now: Int64, on connection: Connection
    ) throws(StoreError) -> RegistryRecord? {
        let statement = try connection.prepared(Self.selectRecord)
        defer { statement.reset() }
        statement.bind(group.rawValue, at: 1)
        statement.bind(key.rawValue, at: 2)
        statement.bind(now, at: 3)
        return try statement.step() ? try Self.record(statement, connection) : nil
    }

    private static func record(
        _ statement: PreparedStatement, _ connection: Connection
    ) throws(StoreError) -> RegistryRecord {
        let key = try Self.name(statement.text(0), connection)
        let owner: OwnerID? =
            if let text = statement.optionalText(2) { try LeaseTable.owner(text, connection) } else { nil }
        return RegistryRecord(
            key: key, value: statement.bytes(3), version: Self.revision(statement.integer(1)), owner: owner)
    }

    private static func name(_ text: String, _ connection: Connection) throws(StoreError) -> LeaseName {
        do {
            return try LeaseName(text)
        } catch {
            throw StoreError.damaged("\(error)", in: connection)
        }
    }

    private static func revision(_ number: Int64) -> RegistryRevision {
        RegistryRevision(rawValue: UInt64(bitPattern: number))
    }

    private static let insertRecord = SQL(
        """
        INSERT INTO registry_record (group_name, key, version, owner, expires_at, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (group_name, key) DO UPDATE SET version = ?3, owner = ?4, expires_at = ?5, value = ?6
        """)

    private static func insert(
        _ write: RegistryWrite, in group: LeaseName, version: Int64, at now: Int64, on connection: Connection
    ) throws(StoreError) -> RegistryRecord {
        var owner: OwnerID?
        var end: Int64?
        if case .ephemeral(let holder, let duration) = write.lifetime {
            owner = holder
            end = MonotonicInstant(nanoseconds: now).advanced(by: duration).nanoseconds
        }
        let statement = try connection.prepared(Self.insertRecord)
        statement.bind(group.rawValue, at: 1)
        statement.bind(write.key.rawValue, at: 2)
        statement.bind(version, at: 3)
        statement.bind(optional: owner?.rawValue, at: 4)
        statement.bind(optional: end, at: 5)
        statement.bind(write.value, at: 6)
        try statement.run()
        return RegistryRecord(key: write.key, value: write.value, version: Self.revision(version), owner: owner)
    }

    private static let countDead = SQL(
        "SELECT count(*) FROM registry_record WHERE group_name = ? AND expires_at IS NOT NULL AND expires_at <= ?")
    private static let deleteDead = SQL(
        "DELETE FROM registry_record WHERE group_name = ? AND expires_at IS NOT NULL AND expires_at <= ?")

    private static func deadCount(
        of group: LeaseName, at now: Int64, on connection: Connection
    ) throws(StoreError) -> Int64 {
        let statement = try connection.prepared(Self.countDead)
        defer { statement.reset() }
        statement.bind(group.rawValue, at: 1)
        statement.bind(now, at: 2)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// Removes what has run out; the caller notes it in the row of the group.
    private static func bury(
        _ group: LeaseName, at now: Int64, on connection: Connection
    ) throws(StoreError) -> Int64 {
        let statement = try connection.prepared(Self.deleteDead)
        statement.bind(group.rawValue, at: 1)
        statement.bind(now, at: 2)
        try statement.run()
        return Int64(connection.changes)
    }

    private static let upsertGroup = SQL(
        """
        INSERT INTO registry_group (name, revision, records) VALUES (?1, ?2, ?3)
        ON CONFLICT (name) DO UPDATE SET revision = ?2, records = ?3
        """)
    private static let deleteGroup = SQL("DELETE FROM registry_group WHERE name = ?")
    private static let noteDrop = SQL("UPDATE registry_state SET last_drop = ? WHERE id = 1")

    /// Notes a change of a group and has those who wait look.
    private static func changed(
        _ group: LeaseName, records: Int64, revision: Int64, in transaction: WriteTransaction, news: News
    ) throws(StoreError) {
        if records > 0 {
            let statement = try transaction.connection.prepared(Self.upsertGroup)
            statement.bind(group.rawValue, at: 1)
            statement.bind(revision, at: 2)
            statement.bind(records, at: 3)
            try statement.run()
        } else {
            let delete = try transaction.connection.prepared(Self.deleteGroup)
            delete.bind(group.rawValue, at: 1)
            try delete.run()
            let note = try transaction.connection.prepared(Self.noteDrop)
            note.bind(revision, at: 1)
            try note.run()
        }
        transaction.ring()
        guard news.isAwaited(group) else { return }
        let standing = try Self.standing(of: group, on: transaction.connection)
        transaction.afterCommit { news.announce(group, standing) }
    }

    private static let selectDeadGroup = SQL(
        "SELECT group_name FROM registry_record WHERE expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT 1"
    )

    /// Removes what has run out of groups that nobody may ask about any more.
    private static func sweep(at now: Int64, in transaction: WriteTransaction, news: News) throws(StoreError) {
        for _ in 0..<2 {
            let statement = try transaction.connection.prepared(Self.selectDeadGroup)
            statement.bind(now, at: 1)
            let text = try statement.step() ? statement.text(0) : nil
            statement.reset()
            guard let text else { return }
            try Self.buryAndTell(try Self.name(text, transaction.connection), at: now, in: transaction, news: news)
        }
    }
}
