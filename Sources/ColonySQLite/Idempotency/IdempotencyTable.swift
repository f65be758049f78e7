import ColonyCore
import ColonyResilience

/// Keys in the file. What a request is answered is decided by ``IdempotencyRecord``, as in every store; here the record is read and
/// written, inside a transaction of the caller.
enum IdempotencyTable {
    /// How many rows whose time is over a new key removes: more than it adds, so that the table follows what is alive.
    private static let sweptRows: Int64 = 8

    static func begin(
        _ request: IdempotencyRequest, at now: MonotonicInstant, in transaction: WriteTransaction
    ) throws(StoreError) -> IdempotencyAnswer {
        let present = try Self.record(request.key, on: transaction.connection)
        let decision = IdempotencyRecord.begin(request, present, at: now)
        if let record = decision.record {
            try Self.sweep(at: now, in: transaction)
            try Self.write(record, under: request.key, keeping: .zero, in: transaction)
        }
        return decision.answer
    }

    static func complete(
        _ request: IdempotencyRequest, with outcome: IdempotencyOutcome, keeping retention: Duration,
        at now: MonotonicInstant, in transaction: WriteTransaction
    ) throws(StoreError) -> Bool {
        let present = try Self.record(request.key, on: transaction.connection)
        let decision = IdempotencyRecord.complete(request, with: outcome, keeping: retention, present, at: now)
        if let record = decision.record {
            try Self.write(record, under: request.key, keeping: retention, in: transaction)
        }
        return decision.isAccepted
    }

    private static let delete = SQL(
        "DELETE FROM idempotency WHERE key = ? AND owner = ? AND kind IS NULL AND expires_at > ?")

    static func abandon(
        _ request: IdempotencyRequest, at now: MonotonicInstant, in transaction: WriteTransaction
    ) throws(StoreError) -> Bool {
        let statement = try transaction.connection.prepared(Self.delete)
        statement.bind(request.key.rawValue, at: 1)
        statement.bind(request.owner.rawValue, at: 2)
        statement.bind(now.nanoseconds, at: 3)
        try statement.run()
        return transaction.connection.changes > 0
    }

    private static let select = SQL(
        "SELECT fingerprint, owner, kind, outcome, expires_at FROM idempotency WHERE key = ?")

    static func record(_ key: IdempotencyKey, on connection: Connection) throws(StoreError) -> IdempotencyRecord? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(key.rawValue, at: 1)
        guard try statement.step() else { return nil }
        var outcome: IdempotencyOutcome?
        if let number = statement.optionalInteger(2) {
            guard let kind = IdempotencyOutcome.Kind(rawValue: Int(number)) else {
                throw StoreError.damaged(
                    "the key \(NameRules.quoted(key.rawValue)) has an outcome of kind \(number)", in: connection)
            }
            outcome = IdempotencyOutcome(kind, statement.bytes(3))
        }
        let fingerprint: IdempotencyFingerprint
        do {
            fingerprint = try IdempotencyFingerprint(statement.bytes(0))
        } catch {
            throw StoreError.damaged(
                "\(error.message), under the key \(NameRules.quoted(key.rawValue))", in: connection)
        }
        return IdempotencyRecord(
            fingerprint: fingerprint, owner: try LeaseTable.owner(statement.text(1), connection), outcome: outcome,
            end: MonotonicInstant(nanoseconds: statement.integer(4)))
    }

    private static let replace = SQL(
        """
        INSERT OR REPLACE INTO idempotency (key, fingerprint, owner, kind, outcome, retention, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)
    private static let insertRunning = SQL(
        """
        INSERT OR REPLACE INTO idempotency (key, fingerprint, owner, kind, outcome, retention, expires_at)
        VALUES (?, ?, ?, NULL, NULL, ?, ?)
        """)

    private static func write(
        _ record: IdempotencyRecord, under key: IdempotencyKey, keeping retention: Duration,
        in transaction: WriteTransaction
    ) throws(StoreError) {
        let statement = try transaction.connection.prepared(record.outcome == nil ? Self.insertRunning : Self.replace)
        statement.bind(key.rawValue, at: 1)
        statement.bind(record.fingerprint.bytes, at: 2)
        statement.bind(record.owner.rawValue, at: 3)
        var next: Int32 = 4
        if let outcome = record.outcome {
            statement.bind(Int64(outcome.kind.rawValue), at: 4)
            statement.bind(outcome.bytes, at: 5)
            next = 6
        }
        statement.bind(retention.clampedNanoseconds, at: next)
        statement.bind(record.end.nanoseconds, at: next + 1)
        try statement.run()
    }

    private static let sweepRows = SQL(
        """
        DELETE FROM idempotency WHERE key IN
            (SELECT key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
        """)

    /// Removes some rows whose time is over. Nobody sees a difference: every decision leaves them out.
    private static func sweep(at now: MonotonicInstant, in transaction: WriteTransaction) throws(StoreError) {
        let statement = try transaction.connection.prepared(Self.sweepRows)
        statement.bind(now.nanoseconds, at: 1)
        statement.bind(Self.sweptRows, at: 2)
        try statement.run()
    }
}
