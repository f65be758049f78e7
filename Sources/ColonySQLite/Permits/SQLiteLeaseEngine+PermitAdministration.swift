public import ColonyCoordination
public import ColonyCore

extension SQLiteLeaseEngine: PermitAdministration {
    /// Names of which permits are held or claimed, from what was committed last.
    public func permitRecords(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [PermitRecord] {
        try Self.check(page: limit)
        return try await self.read { connection, now throws(StoreError) in
            var records: [PermitRecord] = []
            for name in try PermitTable.names(
                withPrefix: prefix, after: name, limit: limit, at: now, on: connection)
            {
                let book = try PermitTable.book(name, at: now, on: connection)
                records.append(book.record(name, at: MonotonicInstant(nanoseconds: now)))
            }
            return records
        }
    }

    /// Refuses a page that is out of range.
    static func check(page limit: Int) throws(LeaseError) {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) names, not \(limit)")
        }
    }
}

extension PermitTable {
    private static let namesFrom = SQL(
        """
        SELECT name FROM permit_holder WHERE name >= ?1 AND expires_at > ?2
        UNION SELECT name FROM permit_claim WHERE name >= ?1 AND expires_at > ?2 ORDER BY name
        """)
    private static let namesAfter = SQL(
        """
        SELECT name FROM permit_holder WHERE name > ?1 AND expires_at > ?2
        UNION SELECT name FROM permit_claim WHERE name > ?1 AND expires_at > ?2 ORDER BY name
        """)

    /// The names with a prefix of which anything is held or claimed, in byte order, after `name`.
    static func names(
        withPrefix prefix: String, after name: LeaseName?, limit: Int, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [LeaseName] {
        // SQLite compares the bytes of texts, as names do: those with the prefix stand together.
        let startsAfter = name.map { !$0.rawValue.utf8.lexicographicallyPrecedes(prefix.utf8) } ?? false
        let statement = try connection.prepared(startsAfter ? Self.namesAfter : Self.namesFrom)
        defer { statement.reset() }
        statement.bind(startsAfter ? name?.rawValue ?? "" : prefix, at: 1)
        statement.bind(now, at: 2)
        var names: [LeaseName] = []
        while names.count < limit, try statement.step() {
            let text = statement.text(0)
            guard text.utf8.starts(with: prefix.utf8) else { break }
            names.append(try LeaseTable.name(text, connection))
        }
        return names
    }
}
