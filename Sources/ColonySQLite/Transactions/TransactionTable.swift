import ColonyCore
import ColonyTransactions

/// Transactions in the file, inside a transaction of the caller.
enum TransactionTable {
    /// How many that ended long ago a new one removes: more than it adds, so that the file follows what is kept.
    private static let sweptRows: Int64 = 4

    // MARK: Coordinators

    private static let insertCoordinator = SQL("INSERT INTO coordinator (token, owner, expires_at) VALUES (?, ?, ?)")
    private static let countCoordinator = SQL("UPDATE coordinator_number SET last = last + 1")
    private static let selectCount = SQL("SELECT last FROM coordinator_number")
    private static let deleteExpired = SQL("DELETE FROM coordinator WHERE expires_at <= ?")

    static func enlist(
        _ owner: OwnerID, until end: MonotonicInstant, at now: MonotonicInstant, in transaction: WriteTransaction
    ) throws(StoreError) -> FencingToken {
        let expired = try transaction.connection.prepared(Self.deleteExpired)
        expired.bind(now.nanoseconds, at: 1)
        try expired.run()
        try transaction.connection.prepared(Self.countCoordinator).run()
        let token = try Self.lastCoordinator(transaction.connection)
        let statement = try transaction.connection.prepared(Self.insertCoordinator)
        statement.bind(token, at: 1)
        statement.bind(owner.rawValue, at: 2)
        statement.bind(end.nanoseconds, at: 3)
        try statement.run()
        return FencingToken(rawValue: UInt64(token))
    }

    private static func lastCoordinator(_ connection: Connection) throws(StoreError) -> Int64 {
        let last = try connection.prepared(Self.selectCount)
        defer { last.reset() }
        guard try last.step() else { throw StoreError(.failed, "the number of the last coordinator is missing") }
        return last.integer(0)
    }

    private static let extend = SQL("UPDATE coordinator SET expires_at = ? WHERE token = ? AND expires_at > ?")
    private static let resign = SQL("DELETE FROM coordinator WHERE token = ?")
    private static let selectCancelled = SQL(
        """
        SELECT id FROM distributed_transaction INDEXED BY distributed_transaction_cancel
        WHERE holder = ? AND cancels = 1 AND state < 2
        """)

    static func renew(
        _ coordinator: FencingToken, for lease: Duration, at now: MonotonicInstant, in transaction: WriteTransaction
    ) throws(StoreError) -> [TransactionID]? {
        let token = Int64(clamping: coordinator.rawValue)
        let statement = try transaction.connection.prepared(Self.extend)
        statement.bind(now.advanced(by: lease).nanoseconds, at: 1)
        statement.bind(token, at: 2)
        statement.bind(now.nanoseconds, at: 3)
        try statement.run()
        guard transaction.connection.changes > 0 else { return nil }
        if lease == .zero {
            let statement = try transaction.connection.prepared(Self.resign)
            statement.bind(token, at: 1)
            try statement.run()
            // Others need not wait for their next look.
            transaction.ring()
        }
        let cancelled = try transaction.connection.prepared(Self.selectCancelled)
        defer { cancelled.reset() }
        cancelled.bind(token, at: 1)
        var ids: [TransactionID] = []
        while try cancelled.step() { ids.append(try Self.id(cancelled.text(0), transaction.connection)) }
        return ids
    }

    private static let selectEnd = SQL("SELECT expires_at FROM coordinator WHERE token = ?")

    static func isEnlisted(
        _ coordinator: FencingToken, at now: MonotonicInstant, on connection: Connection
    ) throws(StoreError) -> Bool {
        let statement = try connection.prepared(Self.selectEnd)
        defer { statement.reset() }
        statement.bind(Int64(clamping: coordinator.rawValue), at: 1)
        return try statement.step() && statement.integer(0) > now.nanoseconds
    }

    // MARK: Writing

    private static let insert = SQL(
        """
        INSERT INTO distributed_transaction (id, holder, state, cancels, kind, label, definition, version, timeout, started_ms,
            changed_ms, ended_at, beginning, outline, input)
        VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO NOTHING
        """)

    /// - Returns: Whether it was stored; `false` if there is one of its identifier.
    static func begin(
        _ new: NewTransaction, by coordinator: FencingToken, keeping retention: Duration, at now: MonotonicInstant,
        in transaction: WriteTransaction
    ) throws(StoreError) -> Bool {
        let connection = transaction.connection
        let isOpen = new.state == .running || new.state == .compensating
        let statement = try connection.prepared(Self.insert)
        statement.bind(new.id.rawValue, at: 1)
        statement.bind(isOpen ? Int64(clamping: coordinator.rawValue) : 0, at: 2)
        statement.bind(TransactionStateCode.code(new.state), at: 3)
        statement.bind(new.kind.rawValue, at: 4)
        statement.bind(new.label.rawValue, at: 5)
        statement.bind(new.definition.name.rawValue, at: 6)
        statement.bind(Int64(new.definition.version), at: 7)
        statement.bind(optional: new.timeout?.clampedNanoseconds, at: 8)
        statement.bind(new.startedAt.millisecondsSince1970, at: 9)
        statement.bind((new.entries.last?.at ?? new.startedAt).millisecondsSince1970, at: 10)
        statement.bind(optional: new.state.isFinal ? now.nanoseconds : nil, at: 11)
        statement.bind(JournalEntryCoding.encode(new.entries), at: 12)
        statement.bind(JournalEntryCoding.encode(new.outline), at: 13)
        statement.bind(new.input, at: 14)
        try statement.run()
        guard connection.changes > 0 else { return false }
        try Self.sweep(before: now.advanced(by: .zero - retention), on: connection)
        return true
    }

    private static let selectHolder = SQL("SELECT number, holder, state FROM distributed_transaction WHERE id = ?")
    private static let insertDecision = SQL(
        """
        INSERT INTO transaction_decision (number, position, at_ms, entries)
        SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3 FROM transaction_decision WHERE number = ?1
        """)
    private static let updateState = SQL(
        "UPDATE distributed_transaction SET state = ?, changed_ms = ?, holder = ? WHERE number = ?")
    private static let updateEnd = SQL(
        """
        UPDATE distributed_transaction SET state = ?, changed_ms = ?, holder = 0, ended_at = ?, ending = ? WHERE number = ?
        """)

    /// Where a transaction stands, for a decision about whether it may be written to.
    struct Standing {
        let number: Int64
        let holder: Int64
        let state: Int64
    }

    static func standing(_ id: TransactionID, on connection: Connection) throws(StoreError) -> Standing? {
        let statement = try connection.prepared(Self.selectHolder)
        defer { statement.reset() }
        statement.bind(id.rawValue, at: 1)
        guard try statement.step() else { return nil }
        return Standing(number: statement.integer(0), holder: statement.integer(1), state: statement.integer(2))
    }

    static func add(
        _ entries: [JournalEntry], to standing: Standing, state: TransactionState, at now: MonotonicInstant,
        in transaction: WriteTransaction
    ) throws(StoreError) {
        let at = entries.last?.at.millisecondsSince1970 ?? 0
        let code = TransactionStateCode.code(state)
        if state.isFinal {
            let update = try transaction.connection.prepared(Self.updateEnd)
            update.bind(code, at: 1)
            update.bind(at, at: 2)
            update.bind(now.nanoseconds, at: 3)
            update.bind(JournalEntryCoding.encode(entries), at: 4)
            update.bind(standing.number, at: 5)
            try update.run()
            return
        }
        let statement = try transaction.connection.prepared(Self.insertDecision)
        statement.bind(standing.number, at: 1)
        statement.bind(at, at: 2)
        statement.bind(JournalEntryCoding.encode(entries), at: 3)
        try statement.run()
        if code == standing.state { return }
        let update = try transaction.connection.prepared(Self.updateState)
        update.bind(code, at: 1)
        update.bind(at, at: 2)
        update.bind(state == .stuck ? 0 : standing.holder, at: 3)
        update.bind(standing.number, at: 4)
        try update.run()
    }

    private static let cancel = SQL(
        "UPDATE distributed_transaction SET cancels = 1 WHERE id = ? AND state < 3")

    static func cancel(_ id: TransactionID, in transaction: WriteTransaction) throws(StoreError) -> Bool {
        let statement = try transaction.connection.prepared(Self.cancel)
        statement.bind(id.rawValue, at: 1)
        try statement.run()
        return transaction.connection.changes > 0
    }

    // MARK: Retention

    private static let selectEnded = SQL(
        """
        SELECT number FROM distributed_transaction INDEXED BY distributed_transaction_end
        WHERE state > 2 AND ended_at <= ? ORDER BY ended_at LIMIT ?
        """)
    private static let deleteDecisions = SQL("DELETE FROM transaction_decision WHERE number = ?")
    private static let deleteTransaction = SQL("DELETE FROM distributed_transaction WHERE number = ?")

    private static func sweep(before end: MonotonicInstant, on connection: Connection) throws(StoreError) {
        let ended = try connection.prepared(Self.selectEnded)
        ended.bind(end.nanoseconds, at: 1)
        ended.bind(Self.sweptRows, at: 2)
        var numbers: [Int64] = []
        while try ended.step() { numbers.append(ended.integer(0)) }
        ended.reset()
        for number in numbers {
            for statement in [Self.deleteDecisions, Self.deleteTransaction] {
                let statement = try connection.prepared(statement)
                statement.bind(number, at: 1)
                try statement.run()
            }
        }
    }

    static func id(_ text: String, _ connection: Connection) throws(StoreError) -> TransactionID {
        do {
            return try TransactionID(text)
        } catch {
            throw StoreError.damaged("\(error)", in: connection)
        }
    }
}
