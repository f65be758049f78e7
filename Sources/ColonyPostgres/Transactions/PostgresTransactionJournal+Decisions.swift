#if Postgres
public import ColonyCore
public import ColonyTransactions

extension PostgresTransactionJournal {
    private static func number(_ token: FencingToken) -> String { String(Int64(clamping: token.rawValue)) }

    /// Enlists a coordinator: one statement.
    public func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        try TransactionRequests.check(lease: lease)
        let rows = try await self.query(
            self.statements.enlist, [owner.rawValue, String(lease.clampedNanoseconds)])
        guard let row = rows.first else { throw self.malformed }
        return try await self.reporting { () throws(PostgresFailure) in try LeaseRows.token(row, 0) }
    }

    /// Keeps a coordinator enlisted: one statement, which does not wait for the disk, because a renewal need not outlive the server.
    public func renew(
        _ coordinator: FencingToken, for lease: Duration
    ) async throws(TransactionError) -> [TransactionID]? {
        if lease != .zero { try TransactionRequests.check(lease: lease) }
        let rows = try await self.query(
            self.statements.renew, [Self.number(coordinator), String(lease.clampedNanoseconds)])
        guard !rows.isEmpty else { return nil }
        return try await self.reporting { () throws(PostgresFailure) in
            var ids: [TransactionID] = []
            for row in rows where row.first != .some(nil) { ids.append(try TransactionRows.id(row, 0)) }
            return ids
        }
    }

    /// Stores a transaction in one statement, or reads the one that is there.
    public func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        try TransactionRequests.check(transaction)
        let changed = transaction.entries.last?.at ?? transaction.startedAt
        let parameters: [String?] = [
            transaction.id.rawValue, transaction.kind.rawValue, transaction.label.rawValue,
            transaction.definition.name.rawValue, String(transaction.definition.version),
            PostgresBytes.text(JournalEntryCoding.encode(transaction.outline)),
            PostgresBytes.text(transaction.input),
            transaction.timeout.map { String($0.clampedNanoseconds) },
            String(transaction.startedAt.millisecondsSince1970),
            PostgresBytes.text(JournalEntryCoding.encode(transaction.entries)), String(transaction.entries.count),
            String(TransactionStateCode.code(transaction.state)), String(changed.millisecondsSince1970),
            Self.number(coordinator), String(self.retention.clampedNanoseconds),
        ]
        while true {
            let rows = try await self.query(self.statements.begin, parameters)
            switch rows.first?.first ?? nil {
            case "begun": return .begun
            case "stranger": throw TransactionRequests.notEnlisted(coordinator)
            case "exists":
                if let record = try await self.read(transaction.id) { return .exists(record) }
            // Its time of retention was just over, so there is room for this one.
            default: throw self.malformed
            }
        }
    }

    /// Adds decisions in one statement, if the coordinator still has the transaction.
    ///
    /// A statement that has left cannot be called back, so a cancellation counts only before it.
    public func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try TransactionRequests.check(entries)
        if Task.isCancelled {
            throw TransactionError(.cancelled, "the task was cancelled before anything was added to \(transaction)")
        }
        let work = Task { () -> Result<Bool, TransactionError> in
            do throws(TransactionError) {
                return .success(
                    try await self.appendNow(
                        entries, to: transaction, state: state, isSynced: durability > .written, by: coordinator))
            } catch {
                return .failure(error)
            }
        }
        return try await work.value.get()
    }

    private func appendNow(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, isSynced: Bool,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        try await self.settle(transaction)
        var isDone = try await self.send(entries, to: transaction, state: state, isSynced: isSynced, by: coordinator)
        // It may have been raised by a look that this engine has not heard of, such as one of a claim without an answer.
        if !isDone, let epoch = try await self.raise(transaction, of: coordinator) {
            self.epochs.set(epoch, of: transaction, for: coordinator)
            isDone = try await self.send(entries, to: transaction, state: state, isSynced: isSynced, by: coordinator)
        }
        if !isDone || TransactionStateCode.code(state) > 1 { self.epochs.forget(transaction, of: coordinator) }
        return isDone
    }

    private func send(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, isSynced: Bool,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        let epoch = self.epochs.epoch(of: transaction, for: coordinator)
        let rows: [[String?]]
        do throws(TransactionError) {
            rows = try await self.query(
                self.statements.append,
                [
                    transaction.rawValue, Self.number(coordinator), String(epoch),
                    String(TransactionStateCode.code(state)),
                    String(entries.last?.at.millisecondsSince1970 ?? 0), String(entries.count),
                    PostgresBytes.text(JournalEntryCoding.encode(entries)), isSynced ? "t" : "f",
                ])
        } catch {
            if error.code == .unavailable { self.epochs.lose(transaction, of: coordinator) }
            throw error
        }
        return rows.first?.first == "t"
    }

    /// Begins another epoch of a transaction; `nil` if the coordinator does not have it.
    private func raise(
        _ transaction: TransactionID, of coordinator: FencingToken
    ) async throws(TransactionError) -> Int64? {
        let rows = try await self.query(self.statements.fence, [transaction.rawValue, Self.number(coordinator)])
        return try await self.reporting { () throws(PostgresFailure) -> Int64? in
            guard let row = rows.first else { return nil }
            return try LeaseRows.number(row, 0)
        }
    }

    /// Sees to it that no decision of this process about a transaction is written down any more that is not by now.
    private func settle(_ transaction: TransactionID) async throws(TransactionError) {
        guard let holder = self.epochs.unsettled(transaction) else { return }
        self.epochs.settle(transaction, of: holder, at: try await self.raise(transaction, of: holder))
    }

    /// Gives what belongs to nobody to the coordinator, in one statement, and reads it with another.
    ///
    /// What somebody is writing to at that moment is passed over.
    public func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        try TransactionRequests.check(batch: limit)
        let keys = Array(definitions)
        let rows = try await self.query(
            self.statements.claim,
            [
                Self.number(coordinator), String(limit), PostgresArray.text(keys.map(\.name.rawValue)),
                PostgresArray.numbers(keys.map { Int64($0.version) }),
            ])
        guard !rows.isEmpty else { throw TransactionRequests.notEnlisted(coordinator) }
        var outcome = ClaimOutcome(claimed: [], unknown: [])
        let numbers = try await self.reporting { () throws(PostgresFailure) -> [Int64] in
            var numbers: [Int64] = []
            for row in rows.dropFirst() {
                guard row.count == 3 else { throw LeaseRows.malformed }
                if row[2] == nil {
                    outcome.unknown.insert(try TransactionRows.key(row, name: 0, version: 1))
                } else {
                    numbers.append(try LeaseRows.number(row, 1))
                    self.epochs.set(
                        try LeaseRows.number(row, 2), of: try TransactionRows.id(row, 0), for: coordinator)
                }
            }
            return numbers
        }
        if !numbers.isEmpty {
            let records = try await self.query(self.statements.readMany, [PostgresArray.numbers(numbers)])
            // One that cannot be read keeps nobody from the others. It belongs to this coordinator with them, so it is told of once and
            // not with every look.
            for row in records {
                do throws(PostgresFailure) {
                    outcome.claimed.append(try TransactionRows.record(row))
                } catch {
                    let id = try await self.reporting { () throws(PostgresFailure) in try TransactionRows.id(row, 1) }
                    outcome.unreadable.append(UnreadableTransaction(id: id, reason: error.message))
                }
            }
        }
        return outcome
    }

    /// What is known of a transaction: one statement, which reads without a lock.
    public func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        try await self.settle(transaction)
        let rows = try await self.query(self.statements.read, [transaction.rawValue])
        guard let row = rows.first else { return nil }
        return try await self.reporting { () throws(PostgresFailure) in try TransactionRows.record(row) }
    }
}

extension PostgresTransactionJournal: TransactionAdministration {
    /// What there is, in the order in which an operator wants to see it: up to three statements.
    public func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary] {
        try TransactionRequests.check(batch: limit)
        var summaries: [TransactionSummary] = []
        for rank in 0...2 where summaries.count < limit {
            let asked = states.filter { TransactionOrder.rank($0) == rank }
            // Those of a rank before that of the last one were all shown.
            let shown = last.map { TransactionOrder.rank($0.state) } ?? -1
            if asked.isEmpty || rank < shown { continue }
            let isEnded = asked.contains(where: \.isFinal)
            let edge = rank == shown ? last?.number : nil
            let rows = try await self.query(
                isEnded ? self.statements.endedPage : self.statements.openPage,
                [
                    PostgresArray.numbers(asked.map(TransactionStateCode.code)),
                    String(edge ?? (isEnded ? Int64.max : Int64.min)), String(limit - summaries.count),
                ])
            summaries += try await self.reporting { () throws(PostgresFailure) in
                var page: [TransactionSummary] = []
                for row in rows { page.append(try TransactionRows.summary(row)) }
                return page
            }
        }
        return summaries
    }

    /// How many there are in each state.
    ///
    /// - Complexity: O(*n*) in how many there are.
    public func counts() async throws(TransactionError) -> [TransactionState: Int] {
        let rows = try await self.query(self.statements.counts, [])
        return try await self.reporting { () throws(PostgresFailure) in
            var counts: [TransactionState: Int] = [:]
            for row in rows {
                guard let state = TransactionStateCode.state(try LeaseRows.number(row, 0)) else { continue }
                counts[state] = Int(try LeaseRows.number(row, 1))
            }
            return counts
        }
    }

    /// Notes that a transaction is to turn back: one statement.
    public func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        !(try await self.query(self.statements.cancel, [transaction.rawValue])).isEmpty
    }

    /// Writes down what a person has decided: one statement under a lock of the row.
    public func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        try TransactionRequests.check(entries)
        let rows = try await self.query(
            self.statements.intervene,
            [
                transaction.rawValue, String(count), String(TransactionStateCode.code(state)),
                String(entries.last?.at.millisecondsSince1970 ?? 0), String(entries.count),
                PostgresBytes.text(JournalEntryCoding.encode(entries)),
            ])
        return rows.first?.first == "t"
    }
}
#endif
