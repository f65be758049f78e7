import ColonyCore
import ColonyTransactions

extension TransactionTable {
    private static let select = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder, definition, version, outline, input, timeout,
            beginning, cancels, ending FROM distributed_transaction WHERE id = ?
        """)
    private static let selectByNumber = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder, definition, version, outline, input, timeout,
            beginning, cancels, ending FROM distributed_transaction WHERE number = ?
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
            if !statement.isNull(15) { record.entries += try JournalEntryCoding.decode(statement.bytes(15)) }
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

    private static let openStates = [TransactionState.running, .compensating].map(TransactionStateCode.code)
    /// How many that cannot be read may lie before the others without keeping those from being claimed.
    private static let unreadableRoom = 100

    private static let selectLive = SQL("SELECT token FROM coordinator WHERE expires_at > ?")
    private static let selectNextHolder = SQL(
        """
        SELECT holder FROM distributed_transaction INDEXED BY distributed_transaction_open
        WHERE state < 2 AND holder > ? ORDER BY holder LIMIT 1
        """)
    private static let selectHeld = SQL(
        """
        SELECT number, definition, version FROM distributed_transaction INDEXED BY distributed_transaction_open
        WHERE state < 2 AND holder = ? AND state = ? ORDER BY number
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
            for state in Self.openStates {
                var found = 0
                let statement = try connection.prepared(Self.selectHeld)
                defer { statement.reset() }
                statement.bind(holder, at: 1)
                statement.bind(state, at: 2)
                while found < limit + Self.unreadableRoom, try statement.step() {
                    let key = try Self.key(statement, at: 1, connection)
                    guard definitions.contains(key) else {
                        unknown.insert(key)
                        continue
                    }
                    numbers.append(statement.integer(0))
                    found += 1
                }
            }
        }
        numbers.sort()
        var outcome = ClaimOutcome(claimed: [], unknown: numbers.count >= limit ? [] : unknown)
        for number in numbers where outcome.claimed.count < limit {
            var record: TransactionRecord
            do throws(StoreError) {
                guard let found = try Self.record(number, on: connection) else { continue }
                record = found
            } catch {
                // One that cannot be read stays where it is, and keeps nobody from the others.
                guard error.sqliteCode == nil, let id = try Self.identifier(of: number, on: connection) else {
                    throw error
                }
                outcome.unreadable.append(UnreadableTransaction(id: id, reason: error.message))
                continue
            }
            let statement = try connection.prepared(Self.take)
            statement.bind(Int64(clamping: coordinator.rawValue), at: 1)
            statement.bind(number, at: 2)
            try statement.run()
            record.summary.coordinator = coordinator
            outcome.claimed.append(record)
        }
        return outcome
    }

    private static let selectIdentifier = SQL("SELECT id FROM distributed_transaction WHERE number = ?")

    private static func identifier(
        of number: Int64, on connection: Connection
    ) throws(StoreError) -> TransactionID? {
        let statement = try connection.prepared(Self.selectIdentifier)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        return try statement.step() ? try? TransactionID(statement.text(0)) : nil
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
        return try Self.holders(on: connection).filter { !live.contains($0) }
    }

    /// Who has something that is open; 0 for nobody.
    ///
    /// - Complexity: O(log *n*) for each.
    private static func holders(on connection: Connection) throws(StoreError) -> [Int64] {
        var holders: [Int64] = []
        while true {
            let statement = try connection.prepared(Self.selectNextHolder)
            defer { statement.reset() }
            statement.bind(holders.last ?? -1, at: 1)
            guard try statement.step() else { return holders }
            holders.append(statement.integer(0))
        }
    }

    // MARK: Listing

    private static let selectOpenPage = SQL(
        """
        SELECT number, id, kind, label, state, started_ms,
            coalesce((SELECT at_ms FROM transaction_decision AS d WHERE d.number = t.number ORDER BY position DESC LIMIT 1),
                changed_ms), holder
        FROM distributed_transaction AS t INDEXED BY distributed_transaction_open
        WHERE state < 2 AND holder = ? AND state = ? AND number > ? ORDER BY number LIMIT ?
        """)
    private static let selectStuckPage = SQL(
        """
        SELECT number, id, kind, label, state, started_ms,
            coalesce((SELECT at_ms FROM transaction_decision AS d WHERE d.number = t.number ORDER BY position DESC LIMIT 1),
                changed_ms), holder
        FROM distributed_transaction AS t INDEXED BY distributed_transaction_stuck
        WHERE state = 2 AND number > ? ORDER BY number LIMIT ?
        """)
    // Nearly all of them have ended so, hence in the order of the table.
    private static let selectCompletedPage = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder
        FROM distributed_transaction NOT INDEXED
        WHERE state = 3 AND number < ? ORDER BY number DESC LIMIT ?
        """)
    private static let selectCompensatedPage = SQL(
        """
        SELECT number, id, kind, label, state, started_ms, changed_ms, holder
        FROM distributed_transaction INDEXED BY distributed_transaction_compensated
        WHERE state = 4 AND number < ? ORDER BY number DESC LIMIT ?
        """)

    /// - Complexity: O(log *n*) for each coordinator, and O(1) for each that is given; of those that are completed, for each that was
    ///   begun since.
    static func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?, on connection: Connection
    ) throws(StoreError) -> [TransactionSummary] {
        var summaries: [TransactionSummary] = []
        func read(_ sql: SQL, _ edges: [Int64]) throws(StoreError) {
            let statement = try connection.prepared(sql)
            defer { statement.reset() }
            for (index, edge) in (edges + [Int64(limit)]).enumerated() { statement.bind(edge, at: Int32(index + 1)) }
            while try statement.step() { summaries.append(try Self.summary(statement, connection)) }
        }
        for state in states {
            // Those of a rank before that of the last one were all shown.
            var edge: Int64 = state.isFinal ? .max : .min
            if let last {
                let (rank, shown) = (TransactionOrder.rank(state), TransactionOrder.rank(last.state))
                if rank < shown { continue }
                if rank == shown { edge = last.number }
            }
            switch state {
            case .running, .compensating:
                for holder in try Self.holders(on: connection) {
                    try read(Self.selectOpenPage, [holder, TransactionStateCode.code(state), edge])
                }
            case .stuck: try read(Self.selectStuckPage, [edge])
            case .completed: try read(Self.selectCompletedPage, [edge])
            case .compensated: try read(Self.selectCompensatedPage, [edge])
            }
        }
        return Array(summaries.sorted { TransactionOrder.comes($0, before: $1) }.prefix(limit))
    }

    // Each from an index, which is read and the table is not.
    private static let countStates = SQL(
        """
        SELECT state, count(*) FROM distributed_transaction INDEXED BY distributed_transaction_open
            WHERE state < 2 GROUP BY state
        UNION ALL SELECT 2, count(*) FROM distributed_transaction INDEXED BY distributed_transaction_stuck WHERE state = 2
        UNION ALL SELECT 3, (SELECT count(*) FROM distributed_transaction INDEXED BY distributed_transaction_end
            WHERE state > 2) - (SELECT count(*) FROM distributed_transaction INDEXED BY distributed_transaction_compensated
            WHERE state = 4)
        UNION ALL SELECT 4, count(*) FROM distributed_transaction INDEXED BY distributed_transaction_compensated
            WHERE state = 4
        """)

    static func counts(on connection: Connection) throws(StoreError) -> [TransactionState: Int] {
        let statement = try connection.prepared(Self.countStates)
        defer { statement.reset() }
        var counts: [TransactionState: Int] = [:]
        while try statement.step() {
            if let state = TransactionStateCode.state(statement.integer(0)), statement.integer(1) > 0 {
                counts[state] = Int(statement.integer(1))
            }
        }
        return counts
    }
}
