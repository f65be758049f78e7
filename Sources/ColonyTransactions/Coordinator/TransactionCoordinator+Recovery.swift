import ColonyCore
import Synchronization

extension TransactionCoordinator {
    /// Takes over transactions that belong to nobody, as many at a time as there is room for.
    func claimWhatIsLeft() async {
        let clock = self.services.clock
        while !Task.isCancelled {
            let isMore = await self.claim()
            if isMore { continue }
            guard (try? await clock.sleep(for: self.options.pollInterval)) != nil else { return }
        }
    }

    /// - Returns: Whether there may be more.
    private func claim() async -> Bool {
        let (token, room) = self.state.withLock { state -> (FencingToken?, Int) in
            guard case .running(let token) = state.phase else { return (nil, 0) }
            return (token, self.options.maximumInFlight - state.runs.count)
        }
        guard let token else {
            // Not for a whole interval: those who wait for a takeover should not wait for the look as well.
            try? await self.services.clock.sleep(for: min(self.options.pollInterval, .milliseconds(10)))
            return !Task.isCancelled
        }
        guard room > 0 else { return false }
        let limit = min(room, TransactionLimits.batch)
        let outcome: ClaimOutcome
        do throws(TransactionError) {
            outcome = try await self.journal.claim(upTo: limit, of: Set(self.definitions.keys), by: token)
        } catch {
            if error.code != .cancelled { self.services.hub.send(.journalFailed(error)) }
            self.mayHaveBeenGivenMore(after: error)
            return false
        }
        for record in outcome.claimed { self.resume(record, token) }
        self.report(outcome.unknown)
        var unreadable = outcome.unreadable
        do throws(TransactionError) {
            try await self.resumeUnheard(of: token, &unreadable)
        } catch {
            // It is looked again: the time for that is not over.
            if error.code != .cancelled { self.services.hub.send(.journalFailed(error)) }
        }
        self.report(unreadable)
        return outcome.claimed.count == limit
    }

    /// A beginning or a claim has failed. If it may be that only the answer was lost, what was stored belongs to this coordinator.
    func mayHaveBeenGivenMore(after error: TransactionError) {
        guard error.code == .unavailable || error.code == .cancelled else { return }
        self.mayHaveBeenGivenMore()
    }

    /// There may be transactions that belong to this coordinator without its knowledge, and that nobody else would take therefore.
    func mayHaveBeenGivenMore() {
        // A request that is still under way has come to its end by then.
        let end = self.services.clock.now.advanced(by: max(self.options.lease, .seconds(30)))
        self.state.withLock { $0.looksUntil = end }
    }

    /// Goes on with transactions that belong to this coordinator and that it has not heard of.
    ///
    /// One that cannot be read is told of like those that a claim meets, and keeps nobody from the others.
    ///
    /// - Complexity: O(*n*) in how many are open, for some time after an answer was lost.
    private func resumeUnheard(
        of token: FencingToken, _ unreadable: inout [UnreadableTransaction]
    ) async throws(TransactionError) {
        guard let until = self.state.withLock({ $0.looksUntil }) else { return }
        let isLast = self.services.clock.now >= until
        do throws(TransactionError) {
            try await self.resumeAllUnheard(of: token, &unreadable)
        } catch {
            // What is damaged is not mended by looking for ever; a journal that is out of reach comes back.
            if isLast, error.isAboutDamage { self.lookedUntil(until) }
            throw error
        }
        if isLast { self.lookedUntil(until) }
    }

    private func lookedUntil(_ end: MonotonicInstant) {
        self.state.withLock { if $0.looksUntil == end { $0.looksUntil = nil } }
    }

    private func resumeAllUnheard(
        of token: FencingToken, _ unreadable: inout [UnreadableTransaction]
    ) async throws(TransactionError) {
        let journal = self.journal
        var last: TransactionSummary?
        while true {
            let page = try await journal.list([.running, .compensating], limit: TransactionLimits.batch, after: last)
            for summary in page where summary.coordinator == token {
                if self.state.withLock({ $0.runs[summary.id] != nil }) { continue }
                let present: TransactionRecord?
                do throws(TransactionError) {
                    present = try await journal.read(summary.id)
                } catch {
                    guard error.isAboutDamage else { throw error }
                    unreadable.append(UnreadableTransaction(id: summary.id, reason: error.message))
                    continue
                }
                // It may have ended since.
                guard let record = present, record.summary.coordinator == token,
                    self.definitions[record.definition] != nil
                else { continue }
                self.resume(record, token)
            }
            if page.count < TransactionLimits.batch { return }
            last = page.last
        }
    }

    private func report(_ unknown: Set<DefinitionKey>) {
        let new = self.state.withLock { state in
            defer { state.unknown = unknown }
            return unknown.subtracting(state.unknown)
        }
        for key in new { self.services.hub.send(.unknownDefinition(key)) }
    }

    /// How many transactions are told of by their names; nobody would look at more.
    private static let toldByName = 100

    /// Tells of each once, as long as each look finds it: one that was mended, and is damaged again, is told of again.
    ///
    /// - Parameter unreadable: What one look has found, in the order of the journal.
    private func report(_ unreadable: [UnreadableTransaction]) {
        let named = unreadable.prefix(Self.toldByName)
        let beyond = unreadable.count - named.count
        let (new, areMore) = self.state.withLock { state in
            let (known, knownBeyond) = (state.unreadable, state.unreadableBeyond)
            state.unreadable = Set(named.map(\.id))
            state.unreadableBeyond = beyond
            return (named.filter { !known.contains($0.id) }, beyond > knownBeyond)
        }
        for transaction in new { self.services.hub.send(.unreadable(transaction.id, reason: transaction.reason)) }
        if areMore { self.services.hub.send(.unreadableBeyond(count: beyond)) }
    }

    /// Goes on with a transaction where the journal says that it is.
    private func resume(_ record: TransactionRecord, _ token: FencingToken) {
        let id = record.summary.id
        guard let definition = self.definitions[record.definition] else { return }
        let run = TransactionRun(id, record.definition, record.input)
        let isNew = self.state.withLock { state in
            // Draining: it is handed back with everything else.
            guard case .running(token) = state.phase, state.runs[id] == nil else { return false }
            state.runs[id] = run
            return true
        }
        guard isNew else {
            // An attempt to begin it is there, or a run that is about to end.
            return self.mayHaveBeenGivenMore()
        }
        self.services.statistics.withLock { $0.claimed += 1 }
        self.services.hub.send(.claimed(id, record.definition))
        self.launch(run, self.work(on: record, by: definition, token, run.mailbox))
    }

    /// The work on a transaction from where its journal says that it is.
    func work(
        on record: TransactionRecord, by definition: TransactionDefinition, _ token: FencingToken,
        _ mailbox: RunMailbox
    ) -> RunWork {
        do {
            let (plan, input) = try Self.prepare(definition, record.input, nil)
            var work = RunWork(
                id: record.summary.id, key: record.definition, plan: plan, coordinator: token,
                services: self.services, mailbox: mailbox, startedAt: record.summary.startedAt)
            work.values[0] = input
            try work.replay(record)
            // What a person has decided is not undone because it took so long.
            let isDecided = record.entries.contains { if case .intervened = $0.event { true } else { false } }
            work.deadline = (isDecided ? nil : record.timeout).map {
                self.services.clock.now.advanced(by: self.rest(of: $0, record))
            }
            if record.isCancellationRequested { work.wish = (.cancelled, "somebody asked for it") }
            return work
        } catch {
            return self.unworkable(record, RunWork.reason("\(error)"), token, mailbox)
        }
    }

    /// What is left of the time of a transaction. The civil clock may have been stepped, so never more than the whole.
    private func rest(of timeout: Duration, _ record: TransactionRecord) -> Duration {
        let passed = self.services.wall.now.millisecondsSince1970 &- record.summary.startedAt.millisecondsSince1970
        return min(timeout, max(.zero, timeout - .milliseconds(max(0, passed))))
    }

    /// A transaction whose journal this definition cannot go on with: it is handed to a person.
    private func unworkable(
        _ record: TransactionRecord, _ reason: String, _ token: FencingToken, _ mailbox: RunMailbox
    ) -> RunWork {
        let steps = record.outline.map { outline in
            PlannedStep(
                shape: outline, policy: .standard, action: { _ in throw Refusal(reason) }, decodeOutput: { _ in () })
        }
        let plan = TransactionPlan(steps: steps, timeout: nil) { _ in () }
        var work = RunWork(
            id: record.summary.id, key: record.definition, plan: plan, coordinator: token, services: self.services,
            mailbox: mailbox, startedAt: record.summary.startedAt)
        work.written = record.entries.count
        work.trouble = TransactionProgress.Trouble(step: 0, direction: .action, reason: reason)
        return work
    }
}

extension RunWork {
    /// Brings a transaction to where the journal says that it is.
    mutating func replay(_ record: TransactionRecord) throws {
        guard record.outline == self.progress.shape.steps else {
            throw TransactionError(
                .definitionChanged,
                "\(record.definition) has other steps than when this was begun; bring those back, and give the new ones "
                    + "another version")
        }
        for entry in record.entries {
            do {
                try self.progress.apply(entry.event)
            } catch {
                throw TransactionError(.definitionChanged, "its journal does not fit \(record.definition): \(error)")
            }
            guard case .completed(let step, let output) = entry.event else { continue }
            // A step that was skipped has given nothing. Only who needs it fails, as what was done must be undone all the same.
            self.values[step + 1] = try? self.plan.steps[step].decodeOutput(output)
        }
        self.written = record.entries.count
        self.inherited = Set(self.progress.unanswered)
    }
}
