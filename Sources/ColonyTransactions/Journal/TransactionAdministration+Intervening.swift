public import ColonyCore

extension TransactionAdministration {
    /// Writes a person's decision about a transaction that is stuck into its journal, and lets it go on.
    ///
    /// - Parameters:
    ///   - intervention: What was decided.
    ///   - transaction: About which one.
    ///   - person: Who decided, for the journal: 1 to 255 bytes.
    ///   - note: Why, for those who read it later.
    ///   - wall: What dates the entry.
    /// - Throws: ``TransactionError``: `unknownTransaction`, `notStuck` also if somebody else has decided first,
    ///   `decisionNotPossible` for one such as turning back after the pivot, and `invalidRequest`.
    public func intervene(
        _ intervention: Intervention, in transaction: TransactionID, by person: OwnerID, note: String = "",
        wall: any WallClock = SystemWallClock()
    ) async throws(TransactionError) {
        guard let record = try await self.read(transaction) else {
            throw TransactionError(.unknownTransaction, "there is no transaction \(transaction)")
        }
        guard record.summary.state == .stuck else {
            throw TransactionError(
                .notStuck, "the transaction \(transaction) is \(record.summary.state.rawValue), and needs no decision")
        }
        var progress = TransactionProgress(TransactionShape(record.outline))
        var events: [JournalEvent] = []
        if case .resolve(let state) = intervention, state.isFinal {
            // Also a journal that makes no sense can be closed.
            return try await self.intervene(
                [
                    .intervened(intervention, by: person.rawValue, note: RunWork.reason(note)), .finished(state),
                ], state, in: record, wall)
        }
        do {
            for entry in record.entries { try progress.apply(entry.event) }
            events = try progress.decisions(of: intervention, by: person, RunWork.reason(note))
            for event in events { try progress.apply(event) }
        } catch let error as TransactionError {
            throw error
        } catch {
            throw TransactionError(
                .decisionNotPossible, "this is not possible for \(transaction): \(error)", cause: error)
        }
        try await self.intervene(events, progress.state, in: record, wall)
    }

    private func intervene(
        _ events: [JournalEvent], _ state: TransactionState, in record: TransactionRecord, _ wall: any WallClock
    ) async throws(TransactionError) {
        let now = wall.now
        let isDone = try await self.intervene(
            events.map { JournalEntry(at: now, $0) }, in: record.summary.id, state: state, after: record.entries.count)
        if !isDone {
            throw TransactionError(
                .notStuck, "somebody else has decided about the transaction \(record.summary.id) first")
        }
    }
}

extension TransactionProgress {
    /// What a person's decision comes to.
    fileprivate func decisions(
        of intervention: Intervention, by person: OwnerID, _ note: String
    ) throws(TransactionError) -> [JournalEvent] {
        guard let trouble else {
            throw TransactionError(.notStuck, "it is not told where it stopped")
        }
        let decision = JournalEvent.intervened(intervention, by: person.rawValue, note: note)
        let name = self.shape.steps[trouble.step].name
        switch intervention {
        case .retry:
            return [decision]
        case .turnBack:
            guard self.mayTurnBack else {
                throw TransactionError(
                    .decisionNotPossible,
                    self.isTurnedBack
                        ? "it has turned back already; retry or skip the compensation of \"\(name)\""
                        : "it cannot turn back: a step was begun that cannot be undone")
            }
            return [decision, .turnedBack(.decided, reason: note.isEmpty ? "\(person) decided so" : note)]
        case .skip(let output):
            if trouble.direction == .compensation {
                guard output == nil else {
                    throw TransactionError(.decisionNotPossible, "the compensation of \"\(name)\" gives nothing")
                }
                return [decision, .compensated(step: trouble.step)]
            }
            return [decision, .completed(step: trouble.step, output: output ?? [])]
        case .resolve(let state):
            guard state.isFinal else {
                throw TransactionError(
                    .invalidRequest, "a transaction is closed as completed or compensated, not as \(state.rawValue)")
            }
            return [decision, .finished(state)]
        }
    }
}
