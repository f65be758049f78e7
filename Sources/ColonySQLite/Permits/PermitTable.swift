import ColonyCoordination
import ColonyCore

/// Permits in the file. What a request is given is decided by ``PermitBook``, as in memory; here the rows of its name are read and
/// those that change are written, inside a transaction of the caller.
///
/// - Complexity: O(*h* + *c*) in the holders and claims of the name.
enum PermitTable {
    /// How many rows that have run out, of whichever names, a grant or a claim removes.
    private static let sweptRows: Int64 = 8

    private static let selectHolders = SQL(
        """
        SELECT token, owner, permits, granted_at, expires_at, duration FROM permit_holder
        WHERE name = ? AND expires_at > ? ORDER BY token
        """)
    private static let selectClaims = SQL(
        """
        SELECT owner, permits, since, expires_at FROM permit_claim
        WHERE name = ? AND expires_at > ? ORDER BY ticket
        """)

    /// Who holds and who claims a name and has not run out.
    static func book(_ name: LeaseName, at now: Int64, on connection: Connection) throws(StoreError) -> PermitBook {
        let selectHolders = try connection.prepared(Self.selectHolders)
        defer { selectHolders.reset() }
        selectHolders.bind(name.rawValue, at: 1)
        selectHolders.bind(now, at: 2)
        var holders: [PermitBook.Holder] = []
        while try selectHolders.step() {
            holders.append(
                PermitBook.Holder(
                    owner: try LeaseTable.owner(selectHolders.text(1), connection),
                    permits: Int(selectHolders.integer(2)),
                    token: FencingToken(rawValue: UInt64(bitPattern: selectHolders.integer(0))),
                    granted: MonotonicInstant(nanoseconds: selectHolders.integer(3)),
                    duration: .nanoseconds(selectHolders.integer(5)),
                    expiry: MonotonicInstant(nanoseconds: selectHolders.integer(4))))
        }
        let selectClaims = try connection.prepared(Self.selectClaims)
        defer { selectClaims.reset() }
        selectClaims.bind(name.rawValue, at: 1)
        selectClaims.bind(now, at: 2)
        var claims: [PermitBook.Claim] = []
        while try selectClaims.step() {
            claims.append(
                PermitBook.Claim(
                    owner: try LeaseTable.owner(selectClaims.text(0), connection),
                    permits: Int(selectClaims.integer(1)),
                    since: MonotonicInstant(nanoseconds: selectClaims.integer(2)),
                    expiry: MonotonicInstant(nanoseconds: selectClaims.integer(3))))
        }
        return PermitBook(holders: holders, claims: claims)
    }

    /// Grants permits or keeps the place of a refused request.
    ///
    /// A request that is refused and has no place changes nothing in the file.
    static func take(
        _ request: PermitRequest, at now: Int64, in transaction: WriteTransaction, news: StateNews<PermitBook>
    ) throws(StoreError) -> Result<PermitAcquisition, LeaseError> {
        let instant = MonotonicInstant(nanoseconds: now)
        var book = try Self.book(request.name, at: now, on: transaction.connection)
        let held: PermitBook.Holder?
        do throws(LeaseError) {
            held = try book.present(request)
        } catch {
            return .failure(error)
        }
        if let held {
            let renewed = book.renew(held.owner, held.token, for: request.duration, at: instant) ?? held
            _ = try Self.extend(renewed.lease(of: request.name), for: request.duration, at: now, in: transaction)
            return .success(.granted(renewed.lease(of: request.name)))
        }
        if let refusal = book.obstacle(to: request, at: instant) {
            if let claim = request.claim { try Self.claim(request, for: claim, at: now, in: transaction) }
            return .success(.refused(refusal))
        }
        let hadClaims = !book.claims.isEmpty
        let token = transaction.nextNumber()
        let holder = book.grant(request, FencingToken(rawValue: UInt64(bitPattern: token)), at: instant)
        try Self.insert(holder, of: request.name, in: transaction)
        if hadClaims {
            try Self.deleteClaims(of: request.owner, request.name, in: transaction)
            // The place of this owner was before those of others.
            Self.announce(request.name, book, in: transaction, news: news)
        }
        try Self.sweep(at: now, in: transaction)
        return .success(.granted(holder.lease(of: request.name)))
    }

    private static let extendHolder = SQL(
        """
        UPDATE permit_holder SET expires_at = max(expires_at, ?1), duration = ?2
        WHERE name = ?3 AND token = ?4 AND owner = ?5 AND expires_at > ?6
        """)

    /// Extends exactly this grant if it has not run out.
    static func extend(
        _ lease: Lease, for duration: Duration, at now: Int64, in transaction: WriteTransaction
    ) throws(StoreError) -> Lease? {
        let end = MonotonicInstant(nanoseconds: now).advanced(by: duration)
        let statement = try transaction.connection.prepared(Self.extendHolder)
        statement.bind(end.nanoseconds, at: 1)
        statement.bind(duration.clampedNanoseconds, at: 2)
        statement.bind(lease.name.rawValue, at: 3)
        statement.bind(Int64(bitPattern: lease.token.rawValue), at: 4)
        statement.bind(lease.owner.rawValue, at: 5)
        statement.bind(now, at: 6)
        try statement.run()
        guard transaction.connection.changes == 1 else { return nil }
        return Lease(name: lease.name, owner: lease.owner, token: lease.token, duration: duration, expiry: end)
    }

    private static let deleteHolder = SQL(
        "DELETE FROM permit_holder WHERE name = ?1 AND owner = ?2 AND expires_at > ?3 AND (?4 IS NULL OR token = ?4)")

    /// Ends what an owner holds, and without a token also what it claims.
    static func end(
        _ name: LeaseName, of owner: OwnerID, token: FencingToken?, at now: Int64, in transaction: WriteTransaction,
        news: StateNews<PermitBook>
    ) throws(StoreError) -> Bool {
        let statement = try transaction.connection.prepared(Self.deleteHolder)
        statement.bind(name.rawValue, at: 1)
        statement.bind(owner.rawValue, at: 2)
        statement.bind(now, at: 3)
        statement.bind(optional: token.map { Int64(bitPattern: $0.rawValue) }, at: 4)
        try statement.run()
        let isEnded = transaction.connection.changes > 0
        var hasLeft = false
        if token == nil { hasLeft = try Self.deleteClaims(of: owner, name, in: transaction) }
        if isEnded || hasLeft {
            let book = news.isAwaited(name) ? try Self.book(name, at: now, on: transaction.connection) : nil
            Self.announce(name, book, in: transaction, news: news)
        }
        return isEnded
    }

    /// Has those who wait look, here after the commit and in other processes through the doorbell.
    private static func announce(
        _ name: LeaseName, _ book: PermitBook?, in transaction: WriteTransaction, news: StateNews<PermitBook>
    ) {
        transaction.ring()
        guard let book else { return }
        transaction.afterCommit { news.announce(name, book) }
    }
}

// MARK: - The steps

extension PermitTable {
    private static let insertHolder = SQL(
        """
        INSERT INTO permit_holder (name, token, owner, permits, granted_at, expires_at, duration)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)

    private static func insert(
        _ holder: PermitBook.Holder, of name: LeaseName, in transaction: WriteTransaction
    ) throws(StoreError) {
        let statement = try transaction.connection.prepared(Self.insertHolder)
        statement.bind(name.rawValue, at: 1)
        statement.bind(Int64(bitPattern: holder.token.rawValue), at: 2)
        statement.bind(holder.owner.rawValue, at: 3)
        statement.bind(Int64(holder.permits), at: 4)
        statement.bind(holder.granted.nanoseconds, at: 5)
        statement.bind(holder.expiry.nanoseconds, at: 6)
        statement.bind(holder.duration.clampedNanoseconds, at: 7)
        try statement.run()
    }

    private static let extendClaim = SQL(
        "UPDATE permit_claim SET permits = ?1, expires_at = ?2 WHERE name = ?3 AND owner = ?4 AND expires_at > ?5")
    private static let insertClaim = SQL(
        "INSERT INTO permit_claim (name, ticket, owner, permits, since, expires_at) VALUES (?, ?, ?, ?, ?, ?)")
    private static let deleteClaim = SQL("DELETE FROM permit_claim WHERE name = ? AND owner = ?")

    /// Keeps or renews a place. It wakes nobody, for a claim more can only stand in the way.
    private static func claim(
        _ request: PermitRequest, for duration: Duration, at now: Int64, in transaction: WriteTransaction
    ) throws(StoreError) {
        let end = MonotonicInstant(nanoseconds: now).advanced(by: duration).nanoseconds
        let extend = try transaction.connection.prepared(Self.extendClaim)
        extend.bind(Int64(request.permits), at: 1)
        extend.bind(end, at: 2)
        extend.bind(request.name.rawValue, at: 3)
        extend.bind(request.owner.rawValue, at: 4)
        extend.bind(now, at: 5)
        try extend.run()
        if transaction.connection.changes > 0 { return }
        // A place of this owner that has run out must not come back with the new one.
        try Self.deleteClaims(of: request.owner, request.name, in: transaction)
        let insert = try transaction.connection.prepared(Self.insertClaim)
        insert.bind(request.name.rawValue, at: 1)
        insert.bind(transaction.nextNumber(), at: 2)
        insert.bind(request.owner.rawValue, at: 3)
        insert.bind(Int64(request.permits), at: 4)
        insert.bind(now, at: 5)
        insert.bind(end, at: 6)
        try insert.run()
        try Self.sweep(at: now, in: transaction)
    }

    @discardableResult
    private static func deleteClaims(
        of owner: OwnerID, _ name: LeaseName, in transaction: WriteTransaction
    ) throws(StoreError) -> Bool {
        let statement = try transaction.connection.prepared(Self.deleteClaim)
        statement.bind(name.rawValue, at: 1)
        statement.bind(owner.rawValue, at: 2)
        try statement.run()
        return transaction.connection.changes > 0
    }

    private static let sweepHolders = SQL(
        """
        DELETE FROM permit_holder WHERE (name, token) IN
            (SELECT name, token FROM permit_holder WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
        """)
    private static let sweepClaims = SQL(
        """
        DELETE FROM permit_claim WHERE (name, ticket) IN
            (SELECT name, ticket FROM permit_claim WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
        """)

    /// Removes some rows that have run out. Nobody sees a difference: every decision leaves them out.
    private static func sweep(at now: Int64, in transaction: WriteTransaction) throws(StoreError) {
        for sql in [Self.sweepHolders, Self.sweepClaims] {
            let statement = try transaction.connection.prepared(sql)
            statement.bind(now, at: 1)
            statement.bind(Self.sweptRows, at: 2)
            try statement.run()
        }
    }
}
