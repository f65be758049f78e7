import ColonyCore
import ColonyTransactions

extension TransactionTable {
    private static let select = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder, definition, version, outline, input, timeout,
            beginning, cancels FROM distributed_transaction WHERE id = ?
        """)
    private static let selectByNumber = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder, definition, version, outline, input, timeout,
            beginning, cancels FROM distributed_transaction WHERE number = ?
        """)
    private static let selectDecisions = SQL(
        "SELECT entries FROM transaction_decision WHERE number = ? ORDER BY position")

    static func record(_ id: TransactionID, on connection: Connection) throws(StoreError) -> TransactionRecord? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(id.rawValue, at: 1)
        return try Self.record(statement, on: connection)
    }

    private static func record(_ number: Int64, on connection: Connection) throws(StoreError) -> TransactionRecord? {
        let statement = try connection.prepared(Self.selectByNumber)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        return try Self.record(statement, on: connection)
    }

    private static func record(
        _ statement: PreparedStatement, on connection: Connection
    ) throws(StoreError) -> TransactionRecord? {
        guard try statement.step() else { return nil }
        var record = TransactionRecord(
            summary: try Self.summary(statement, connection),
            definition: try Self.key(statement, at: 8, connection), outline: [], input: statement.bytes(11),
            timeout: statement.optionalInteger(12).map { .nanoseconds($0) },
            isCancellationRequested: statement.integer(14) != 0, entries: [])
        do {
            record.outline = try JournalEntryCoding.outline(statement.bytes(10))
            record.entries = try JournalEntryCoding.decode(statement.bytes(13))
            let decisions = try connection.prepared(Self.selectDecisions)
            defer { decisions.reset() }
            decisions.bind(record.summary.number, at: 1)
            while try decisions.step() {
                record.entries += try JournalEntryCoding.decode(decisions.bytes(0))
            }
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError.damaged("the transaction \(record.summary.id) cannot be read: \(error)", in: connection)
        }
        if let last = record.entries.last { record.summary.changedAt = last.at }
        return record
    }

    private static func key(
        _ statement: PreparedStatement, at column: Int32, _ connection: Connection
    ) throws(StoreError) -> DefinitionKey {
        do {
            return DefinitionKey(
                try DefinitionName(statement.text(column)), version: Int(statement.integer(column + 1)))
        } catch {
            throw StoreError.damaged("\(error)", in: connection)
        }
    }

    /// The first eight columns of a row.
    private static func summary(
        _ statement: PreparedStatement, _ connection: Connection
    ) throws(StoreError) -> TransactionSummary {
        let id = try Self.id(statement.text(1), connection)
        guard let kind = TransactionKind(rawValue: statement.text(2)),
            let state = TransactionStateCode.state(statement.integer(4)),
            let label = try? DefinitionName(statement.text(3))
        else {
            throw StoreError.damaged(
                "the transaction \(id) is of kind \"\(statement.text(2))\" in state \(statement.integer(4))",
                in: connection)
        }
        let holder = statement.integer(7)
        return TransactionSummary(
            id: id, kind: kind, label: label, state: state,
            startedAt: WallTime(millisecondsSince1970: statement.integer(5)),
            changedAt: WallTime(millisecondsSince1970: statement.integer(6)),
            coordinator: holder == 0 ? nil : FencingToken(rawValue: UInt64(holder)), number: statement.integer(0))
    }

    // MARK: Claiming

    private static let selectLive = SQL("SELECT token FROM coordinator WHERE expires_at > ?")
    private static let selectNextHolder = SQL(
        """
        SELECT holder FROM distributed_transaction INDEXED BY distributed_transaction_open
        WHERE state < 2 AND holder > ? ORDER BY holder LIMIT 1
        """)
    private static let selectHeld = SQL(
        """
        SELECT number, definition, version FROM distributed_transaction INDEXED BY distributed_transaction_open
        WHERE state < 2 AND holder = ? ORDER BY number
        """)
    private static let take = SQL("UPDATE distributed_transaction SET holder = ? WHERE number = ?")

    /// - Complexity: O(log *n*) for each coordinator and each transaction that is taken or of an unknown definition.
    static func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken, at now: MonotonicInstant,
        in transaction: WriteTransaction
    ) throws(StoreError) -> ClaimOutcome {
        let connection = transaction.connection
        var unknown: Set<DefinitionKey> = []
        var numbers: [Int64] = []
        for holder in try Self.deadHolders(at: now, on: connection) {
            var found = 0
            let statement = try connection.prepared(Self.selectHeld)
            defer { statement.reset() }
            statement.bind(holder, at: 1)
            while found < limit, try statement.step() {
                let key = try Self.key(statement, at: 1, connection)
                guard definitions.contains(key) else {
                    unknown.insert(key)
                    continue
                }
                numbers.append(statement.integer(0))
                found += 1
            }
        }
        numbers.sort()
        var claimed: [TransactionRecord] = []
        for number in numbers.prefix(limit) {
            // One that cannot be read stays where it is, and keeps nobody from the others.
            guard var record = try? Self.record(number, on: connection) else { continue }
            let statement = try connection.prepared(Self.take)
            statement.bind(Int64(clamping: coordinator.rawValue), at: 1)
            statement.bind(number, at: 2)
            try statement.run()
            record.summary.coordinator = coordinator
            claimed.append(record)
        }
        return ClaimOutcome(claimed: claimed, unknown: numbers.count >= limit ? [] : unknown)
    }

    /// Whose transactions are to be had: nobody's, and those of coordinators that are gone.
    private static func deadHolders(
        at now: MonotonicInstant, on connection: Connection
    ) throws(StoreError) -> [Int64] {
        var live: Set<Int64> = []
        let tokens = try connection.prepared(Self.selectLive)
        tokens.bind(now.nanoseconds, at: 1)
        while try tokens.step() { live.insert(tokens.integer(0)) }
        tokens.reset()
        var holders: [Int64] = []
        var last: Int64 = -1
        while true {
            let statement = try connection.prepared(Self.selectNextHolder)
            defer { statement.reset() }
            statement.bind(last, at: 1)
            guard try statement.step() else { return holders }
            last = statement.integer(0)
            if !live.contains(last) { holders.append(last) }
        }
    }

    // MARK: Listing

    private static let selectOpenPage = SQL(
        """
        SELECT number, id, kind, label, state, started_ms,
            coalesce((SELECT at_ms FROM transaction_decision AS d WHERE d.number = t.number ORDER BY position DESC LIMIT 1),
                changed_ms), holder
        FROM distributed_transaction AS t INDEXED BY distributed_transaction_state
        WHERE state = ? AND number > ? ORDER BY number LIMIT ?
        """)
    private static let selectEndedPage = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder
        FROM distributed_transaction INDEXED BY distributed_transaction_state
        WHERE state = ? AND number < ? ORDER BY number DESC LIMIT ?
        """)

    /// - Complexity: O(log *n*), and O(1) for each that is given.
    static func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?, on connection: Connection
    ) throws(StoreError) -> [TransactionSummary] {
        var summaries: [TransactionSummary] = []
        for state in states {
            // Those of a rank before that of the last one were all shown.
            var edge: Int64 = state.isFinal ? .max : .min
            if let last {
                let (rank, shown) = (TransactionOrder.rank(state), TransactionOrder.rank(last.state))
                if rank < shown { continue }
                if rank == shown { edge = last.number }
            }
            let statement = try connection.prepared(state.isFinal ? Self.selectEndedPage : Self.selectOpenPage)
            defer { statement.reset() }
            statement.bind(TransactionStateCode.code(state), at: 1)
            statement.bind(edge, at: 2)
            statement.bind(Int64(limit), at: 3)
            while try statement.step() { summaries.append(try Self.summary(statement, connection)) }
        }
        return Array(summaries.sorted { TransactionOrder.comes($0, before: $1) }.prefix(limit))
    }

    private static let countStates = SQL("SELECT state, count(*) FROM distributed_transaction GROUP BY state")

    static func counts(on connection: Connection) throws(StoreError) -> [TransactionState: Int] {
        let statement = try connection.prepared(Self.countStates)
        defer { statement.reset() }
        var counts: [TransactionState: Int] = [:]
        while try statement.step() {
            if let state = TransactionStateCode.state(statement.integer(0)) {
                counts[state] = Int(statement.integer(1))
            }
        }
        return counts
    }
}
