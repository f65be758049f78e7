import ColonyCore

/// Leases in the file: each function is one atomic decision inside a transaction of the caller.
///
/// `now` is read once per operation, inside the transaction and therefore after the lock of writers was obtained. All
/// processes of a boot read the same monotonic clock, so a lease that one of them sees as over stays over for all.
enum LeaseTable {
    struct Row {
        var owner: String
        var token: Int64
        var grantedAt: Int64
        var expiresAt: Int64
        var duration: Int64
        var renewals: Int64
    }

    private static let select = SQL(
        "SELECT owner, token, granted_at, expires_at, duration, renewals FROM lease WHERE name = ?")
    private static let replace = SQL(
        """
        INSERT OR REPLACE INTO lease (name, owner, token, granted_at, expires_at, duration, renewals)
        VALUES (?, ?, ?, ?, ?, ?, 0)
        """)
    private static let extend = SQL(
        """
        UPDATE lease SET expires_at = ?, duration = ?, renewals = renewals + 1
        WHERE name = ? AND owner = ? AND token = ? AND expires_at > ?
        """)
    private static let deleteGrant = SQL(
        "DELETE FROM lease WHERE name = ? AND owner = ? AND token = ? AND expires_at > ?")
    private static let deleteOwned = SQL("DELETE FROM lease WHERE name = ? AND owner = ? AND expires_at > ?")
    private static let deleteName = SQL("DELETE FROM lease WHERE name = ?")

    /// The lease of `name` that has not run out.
    static func live(_ name: LeaseName, at now: Int64, on connection: Connection) throws(StoreError) -> Row? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        guard try statement.step(), statement.integer(3) > now else { return nil }
        return Row(
            owner: statement.text(0), token: statement.integer(1), grantedAt: statement.integer(2),
            expiresAt: statement.integer(3), duration: statement.integer(4), renewals: statement.integer(5))
    }

    /// Grants the name, which the caller has found free, with a new token.
    static func grant(
        _ name: LeaseName, to owner: OwnerID, for duration: Int64, at now: Int64, in transaction: WriteTransaction
    ) throws(StoreError) -> Lease {
        let token = transaction.nextNumber()
        let (expiresAt, _) = now.addingReportingOverflow(duration)
        let statement = try transaction.connection.prepared(Self.replace)
        statement.bind(name.rawValue, at: 1)
        statement.bind(owner.rawValue, at: 2)
        statement.bind(token, at: 3)
        statement.bind(now, at: 4)
        statement.bind(expiresAt, at: 5)
        statement.bind(duration, at: 6)
        try statement.run()
        transaction.ring()
        return Self.lease(name, owner, token: token, duration: duration, expiresAt: expiresAt)
    }

    /// Extends exactly this grant if it has not run out.
    static func extend(
        _ name: LeaseName, of owner: OwnerID, token: Int64, for duration: Int64, at now: Int64,
        on connection: Connection
    ) throws(StoreError) -> Lease? {
        let (expiresAt, _) = now.addingReportingOverflow(duration)
        let statement = try connection.prepared(Self.extend)
        statement.bind(expiresAt, at: 1)
        statement.bind(duration, at: 2)
        statement.bind(name.rawValue, at: 3)
        statement.bind(owner.rawValue, at: 4)
        statement.bind(token, at: 5)
        statement.bind(now, at: 6)
        try statement.run()
        guard connection.changes == 1 else { return nil }
        return Self.lease(name, owner, token: token, duration: duration, expiresAt: expiresAt)
    }

    /// Ends the grant `token`, or with `nil` whatever the owner holds; `false` if there was nothing to end.
    static func end(
        _ name: LeaseName, of owner: OwnerID, token: Int64?, at now: Int64, in transaction: WriteTransaction
    ) throws(StoreError) -> Bool {
        let statement = try transaction.connection.prepared(token == nil ? Self.deleteOwned : Self.deleteGrant)
        statement.bind(name.rawValue, at: 1)
        statement.bind(owner.rawValue, at: 2)
        if let token {
            statement.bind(token, at: 3)
            statement.bind(now, at: 4)
        } else {
            statement.bind(now, at: 3)
        }
        try statement.run()
        guard transaction.connection.changes == 1 else { return false }
        transaction.ring()
        return true
    }

    /// Ends the lease of `name`, whoever holds it.
    static func end(_ name: LeaseName, in transaction: WriteTransaction) throws(StoreError) {
        let statement = try transaction.connection.prepared(Self.deleteName)
        statement.bind(name.rawValue, at: 1)
        try statement.run()
        transaction.ring()
    }

    static func lease(
        _ name: LeaseName, _ owner: OwnerID, token: Int64, duration: Int64, expiresAt: Int64
    ) -> Lease {
        Lease(
            name: name, owner: owner, token: FencingToken(rawValue: UInt64(bitPattern: token)),
            duration: .nanoseconds(duration), expiry: MonotonicInstant(nanoseconds: expiresAt))
    }
}

// MARK: - What operators see

extension LeaseTable {
    private static let pageFrom = SQL(
        """
        SELECT name, owner, token, granted_at, expires_at, duration, renewals FROM lease
        WHERE name >= ? AND expires_at > ? ORDER BY name
        """)
    private static let pageAfter = SQL(
        """
        SELECT name, owner, token, granted_at, expires_at, duration, renewals FROM lease
        WHERE name > ? AND expires_at > ? ORDER BY name
        """)

    private static let countLive = SQL("SELECT count(*) FROM lease WHERE expires_at > ?")

    static func count(at now: Int64, on connection: Connection) throws(StoreError) -> Int {
        let statement = try connection.prepared(Self.countLive)
        defer { statement.reset() }
        statement.bind(now, at: 1)
        return try statement.step() ? Int(statement.integer(0)) : 0
    }

    static func record(_ name: LeaseName, at now: Int64, on connection: Connection) throws(StoreError) -> LeaseRecord? {
        guard let row = try Self.live(name, at: now, on: connection) else { return nil }
        let waiters = try WaiterTable.waiters(for: name, at: now, on: connection)
        return try Self.record(name, row, waiters, at: now, connection)
    }

    /// The live leases whose names start with `prefix`, in byte order, after `name`.
    static func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [LeaseRecord] {
        // SQLite compares the bytes of texts, as names do. Those with the prefix stand together, so the walk begins at
        // the later of the two bounds and ends with the first name that lacks the prefix.
        let startsAfter = name.map { !$0.rawValue.utf8.lexicographicallyPrecedes(prefix.utf8) } ?? false
        let statement = try connection.prepared(startsAfter ? Self.pageAfter : Self.pageFrom)
        defer { statement.reset() }
        statement.bind(startsAfter ? name?.rawValue ?? "" : prefix, at: 1)
        statement.bind(now, at: 2)
        var records: [LeaseRecord] = []
        while records.count < limit, try statement.step() {
            let text = statement.text(0)
            guard text.utf8.starts(with: prefix.utf8) else { break }
            let name = try Self.name(text, connection)
            let row = Row(
                owner: statement.text(1), token: statement.integer(2), grantedAt: statement.integer(3),
                expiresAt: statement.integer(4), duration: statement.integer(5), renewals: statement.integer(6))
            let waiters = try WaiterTable.waiters(for: name, at: now, on: connection)
            records.append(try Self.record(name, row, waiters, at: now, connection))
        }
        return records
    }

    private static func record(
        _ name: LeaseName, _ row: Row, _ waiters: [LeaseWaiter], at now: Int64, _ connection: Connection
    ) throws(StoreError) -> LeaseRecord {
        LeaseRecord(
            name: name, owner: try Self.owner(row.owner, connection),
            token: FencingToken(rawValue: UInt64(bitPattern: row.token)), duration: .nanoseconds(row.duration),
            remaining: .nanoseconds(row.expiresAt - now), age: .nanoseconds(max(0, now - row.grantedAt)),
            renewals: UInt64(clamping: row.renewals), waiters: waiters)
    }

    static func owner(_ text: String, _ connection: Connection) throws(StoreError) -> OwnerID {
        do {
            return try OwnerID(text)
        } catch {
            throw StoreError.damaged("\(error)", in: connection)
        }
    }

    static func name(_ text: String, _ connection: Connection) throws(StoreError) -> LeaseName {
        do {
            return try LeaseName(text)
        } catch {
            throw StoreError.damaged("\(error)", in: connection)
        }
    }
}
