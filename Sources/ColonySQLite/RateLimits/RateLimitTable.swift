import ColonyCore
import ColonyResilience

/// Limits in the file. What a request is answered is decided by `GenericCellRate`, as in every engine; here its one number is read
/// and written, inside a transaction of the caller and by a clock that is read there, so that time passes in the order of decisions.
enum RateLimitTable {
    /// How many rows of limits that are full a new row removes: more than it adds, so that the table holds no more rows than
    /// there were limits that were not full at once.
    private static let sweptRows: Int64 = 8
    /// How many limits of the former boot an operation lets go on at most.
    private static let thawedRows: Int64 = 1_000

    private static let select = SQL("SELECT arrival FROM rate_limit WHERE name = ?")
    private static let upsert = SQL(
        """
        INSERT INTO rate_limit (name, arrival, counted_at, permits, period, burst) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (name) DO UPDATE
            SET arrival = ?2, counted_at = ?3, permits = ?4, period = ?5, burst = ?6
        """)
    private static let setArrival = SQL("UPDATE rate_limit SET arrival = ?2, counted_at = ?3 WHERE name = ?1")

    /// Decides one request; changes the row of the limit with one statement, or not at all.
    static func take(
        _ request: RateLimitRequest, at now: Int64, in transaction: WriteTransaction
    ) throws(StoreError) -> RateLimitDecision {
        let connection = transaction.connection
        let stored = try Self.arrival(of: request.name, on: connection)
        let arrival = stored.map { Self.thawed($0, at: now) } ?? 0
        let outcome = GenericCellRate.decide(request.permits, under: request.rule, arrival: arrival, at: now)
        if outcome.decision.isAllowed, request.permits > 0 {
            let statement = try connection.prepared(Self.upsert)
            statement.bind(request.name.rawValue, at: 1)
            statement.bind(outcome.arrival, at: 2)
            statement.bind(now, at: 3)
            statement.bind(Int64(request.rule.permits), at: 4)
            statement.bind(request.rule.period.clampedNanoseconds, at: 5)
            statement.bind(Int64(request.rule.burst), at: 6)
            try statement.run()
            if stored == nil { try Self.sweep(at: now, on: connection) }
        } else if let stored, outcome.arrival != stored {
            // The rule has become narrower, and from here on the limit owes no more than its burst; or the row is still of the former
            // boot, and is paid off from here on.
            let statement = try connection.prepared(Self.setArrival)
            statement.bind(request.name.rawValue, at: 1)
            statement.bind(outcome.arrival, at: 2)
            statement.bind(now, at: 3)
            try statement.run()
        }
        return outcome.decision
    }

    private static let delete = SQL("DELETE FROM rate_limit WHERE name = ?")

    /// Forgets what a limit owes.
    ///
    /// - Returns: Whether it owed anything.
    static func reset(_ name: RateLimitName, at now: Int64, in transaction: WriteTransaction) throws(StoreError) -> Bool
    {
        guard let stored = try Self.arrival(of: name, on: transaction.connection) else { return false }
        let statement = try transaction.connection.prepared(Self.delete)
        statement.bind(name.rawValue, at: 1)
        try statement.run()
        return Self.thawed(stored, at: now) > now
    }

    private static let pageFrom = SQL(
        """
        SELECT name, arrival, permits, period, burst FROM rate_limit
        WHERE name >= ?1 AND (arrival < 0 OR arrival > ?2) ORDER BY name
        """)
    private static let pageAfter = SQL(
        """
        SELECT name, arrival, permits, period, burst FROM rate_limit
        WHERE name > ?1 AND (arrival < 0 OR arrival > ?2) ORDER BY name
        """)

    /// Limits that are not full, with a prefix and after a name, in byte order.
    static func records(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [RateLimitRecord] {
        // SQLite compares the bytes of texts, as names do: those with the prefix stand together.
        let startsAfter = name.map { !$0.rawValue.utf8.lexicographicallyPrecedes(prefix.utf8) } ?? false
        let statement = try connection.prepared(startsAfter ? Self.pageAfter : Self.pageFrom)
        defer { statement.reset() }
        statement.bind(startsAfter ? name?.rawValue ?? "" : prefix, at: 1)
        statement.bind(now, at: 2)
        var records: [RateLimitRecord] = []
        while records.count < limit, try statement.step() {
            let text = statement.text(0)
            guard text.utf8.starts(with: prefix.utf8) else { break }
            records.append(try Self.record(text, statement, at: now, connection))
        }
        return records
    }

    private static let thawRows = SQL(
        """
        UPDATE rate_limit SET arrival = ?1 - arrival, counted_at = ?1
        WHERE name IN (SELECT name FROM rate_limit WHERE arrival < 0 LIMIT ?2)
        """)

    /// Lets limits of the former boot be paid off from now on.
    ///
    /// - Returns: Whether there may be more.
    static func thaw(at now: Int64, in transaction: WriteTransaction) throws(StoreError) -> Bool {
        let statement = try transaction.connection.prepared(Self.thawRows)
        statement.bind(now, at: 1)
        statement.bind(Self.thawedRows, at: 2)
        try statement.run()
        return transaction.connection.changes == Self.thawedRows
    }
}

// MARK: - The steps

extension RateLimitTable {
    private static func arrival(of name: RateLimitName, on connection: Connection) throws(StoreError) -> Int64? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// The theoretical arrival time on the clock of this boot.
    private static func thawed(_ stored: Int64, at now: Int64) -> Int64 { stored < 0 ? now &- stored : stored }

    private static func record(
        _ text: String, _ statement: PreparedStatement, at now: Int64, _ connection: Connection
    ) throws(StoreError) -> RateLimitRecord {
        let name: RateLimitName
        let rule: RateLimitRule
        do {
            name = try RateLimitName(text)
            rule = try RateLimitRule(
                Int(statement.integer(2)), per: .nanoseconds(statement.integer(3)), burst: Int(statement.integer(4)))
        } catch {
            throw StoreError.damaged("the limit \(NameRules.quoted(text)) cannot be (\(error))", in: connection)
        }
        let arrival = Self.thawed(statement.integer(1), at: now)
        return RateLimitRecord(
            name: name, rule: rule, decision: GenericCellRate.decide(1, under: rule, arrival: arrival, at: now).decision
        )
    }

    private static let sweepRows = SQL(
        """
        DELETE FROM rate_limit WHERE name IN
            (SELECT name FROM rate_limit WHERE arrival BETWEEN 0 AND ?1 ORDER BY arrival LIMIT ?2)
        """)

    /// Removes some rows of limits that are full. Nobody sees a difference: such a limit needs no row.
    private static func sweep(at now: Int64, on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.sweepRows)
        statement.bind(now, at: 1)
        statement.bind(Self.sweptRows, at: 2)
        try statement.run()
    }
}
