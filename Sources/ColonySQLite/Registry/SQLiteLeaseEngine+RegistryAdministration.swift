public import ColonyCoordination
public import ColonyCore

extension SQLiteLeaseEngine: RegistryAdministration {
    /// Groups that have records, from what was committed last.
    public func groups(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [RegistryGroupSummary] {
        try Self.check(page: limit)
        return try await self.read { connection, now throws(StoreError) in
            try RegistryTable.groups(withPrefix: prefix, after: name, limit: limit, at: now, on: connection)
        }
    }

    /// The records of a group, and what is left of those that run out.
    public func standing(of group: LeaseName) async throws(LeaseError) -> RegistryStanding {
        let snapshot = try await self.snapshot(of: group)
        // Ends are no part of the revision; those of records that went meanwhile are left out.
        let ends = try await self.read { connection, now throws(StoreError) in
            try RegistryTable.remaining(in: group, at: now, on: connection)
        }
        let present = Set(snapshot.records.map(\.key))
        return RegistryStanding(snapshot: snapshot, remaining: ends.filter { present.contains($0.key) })
    }
}

extension RegistryTable {
    private static let groupsFrom = SQL(
        """
        SELECT name, (
            SELECT count(*) FROM registry_record
            WHERE group_name = registry_group.name AND (expires_at IS NULL OR expires_at > ?2))
        FROM registry_group WHERE name >= ?1 ORDER BY name
        """)
    private static let groupsAfter = SQL(
        """
        SELECT name, (
            SELECT count(*) FROM registry_record
            WHERE group_name = registry_group.name AND (expires_at IS NULL OR expires_at > ?2))
        FROM registry_group WHERE name > ?1 ORDER BY name
        """)

    /// The groups with a prefix that have records which have not run out, in byte order, after `name`.
    static func groups(
        withPrefix prefix: String, after name: LeaseName?, limit: Int, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [RegistryGroupSummary] {
        // SQLite compares the bytes of texts, as names do: those with the prefix stand together.
        let startsAfter = name.map { !$0.rawValue.utf8.lexicographicallyPrecedes(prefix.utf8) } ?? false
        let statement = try connection.prepared(startsAfter ? Self.groupsAfter : Self.groupsFrom)
        defer { statement.reset() }
        statement.bind(startsAfter ? name?.rawValue ?? "" : prefix, at: 1)
        statement.bind(now, at: 2)
        var groups: [RegistryGroupSummary] = []
        while groups.count < limit, try statement.step() {
            let text = statement.text(0)
            guard text.utf8.starts(with: prefix.utf8) else { break }
            let records = Int(statement.integer(1))
            if records == 0 { continue }
            groups.append(RegistryGroupSummary(name: try LeaseTable.name(text, connection), records: records))
        }
        return groups
    }

    private static let selectEnds = SQL(
        "SELECT key, expires_at FROM registry_record WHERE group_name = ? AND expires_at > ?")

    /// How much longer the ephemeral records of a group stay.
    static func remaining(
        in group: LeaseName, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [LeaseName: Duration] {
        let statement = try connection.prepared(Self.selectEnds)
        defer { statement.reset() }
        statement.bind(group.rawValue, at: 1)
        statement.bind(now, at: 2)
        var remaining: [LeaseName: Duration] = [:]
        while try statement.step() {
            remaining[try LeaseTable.name(statement.text(0), connection)] = .nanoseconds(statement.integer(1) - now)
        }
        return remaining
    }
}
