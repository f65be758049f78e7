import ColonyCore
import Synchronization

extension TransactionCoordinator {
    /// Begins a saga, and returns when it is durable that it will come to its end.
    ///
    /// - Parameters:
    ///   - input: What it is worked on with.
    ///   - id: Its name. With one of your own, starting again finds what was begun before; one that was begun with another input or
    ///     definition is a conflict. Without, a name is made. Inputs are the same if their JSON is, in which the fields of each object
    ///     are sorted and arrays are as they were encoded: a `Set`, or a dictionary whose keys are neither text nor integers, is
    ///     written in any order, so encode such a one sorted.
    /// - Returns: What tells how it ended.
    /// - Throws: ``TransactionError``: `unknownDefinition`, `tooLarge`, `conflict`, `overloaded`, `notRunning`; after `unavailable`
    ///   or `cancelled` it may or may not have begun: start it again with the same name.
    public func start<Input, Output>(
        _ saga: Saga<Input, Output>, _ input: Input, id: TransactionID? = nil
    ) async throws(TransactionError) -> TransactionHandle<Output> {
        try await self.begin(saga.key, saga.output, input, id)
    }

    /// Begins a saga, and waits for its result. If the calling task is cancelled, the saga is cancelled with it, and what was done
    /// is undone before this returns.
    ///
    /// - Returns: What the saga gives.
    /// - Throws: ``TransactionFailure`` if it was compensated or is stuck, ``TransactionError`` if it was not begun; with code `closed`
    ///   also if the coordinator ends first: then the saga goes on elsewhere.
    public func execute<Input, Output>(
        _ saga: Saga<Input, Output>, _ input: Input, id: TransactionID? = nil
    ) async throws -> Output {
        try await self.result(of: self.start(saga, input, id: id))
    }

    /// Cancels a transaction that is worked on here: what was done is undone, unless the pivot was begun.
    ///
    /// - Returns: Whether it is worked on here. ``requestCancellation(of:)`` reaches its coordinator wherever that is.
    @discardableResult
    public func cancel(_ id: TransactionID) -> Bool {
        self.turnBack(id, .cancelled, reason: "it was cancelled")
    }

    @discardableResult
    func turnBack(_ id: TransactionID, _ cause: JournalEvent.TurnBack, reason: String) -> Bool {
        let run = self.state.withLock { $0.runs[id] }
        run?.mailbox.send(.turnBack(cause, reason: reason))
        return run != nil
    }

    // MARK: Beginning

    /// Begins a transaction whose input and result are JSON.
    func begin<Input: Encodable & Sendable, Output: Decodable & Sendable>(
        _ key: DefinitionKey, _ output: StepOutput<Output>, _ input: Input, _ id: TransactionID?
    ) async throws(TransactionError) -> TransactionHandle<Output> {
        let bytes: [UInt8]
        do {
            bytes = try JSONCoding.encode(input)
        } catch {
            throw TransactionError(.invalidRequest, "the input of \(key) cannot be written: \(error)", cause: error)
        }
        let id = id ?? .unique()
        let run = try await self.start(id, key, label: key.name, input: bytes, value: input)
        return TransactionHandle(id: id, key: key, coordinator: self, run: run, output: output) { bytes in
            try JSONCoding.decode(Output.self, from: bytes)
        }
    }

    /// Waits for the result; a cancellation of the calling task cancels the transaction, whose end is waited for nevertheless.
    func result<Output>(of handle: TransactionHandle<Output>) async throws -> Output {
        try await withTaskCancellationHandler {
            // The end is waited for also after a cancellation.
            let waiting = self.spawn { () -> Result<Output, any Error> in
                do { return .success(try await handle.result()) } catch { return .failure(error) }
            }
            return try await waiting.value.get()
        } onCancel: {
            if !self.turnBack(handle.id, .cancelled, reason: "its caller was cancelled") {
                // Whoever works on it hears of it with the next renewal of its lease.
                _ = self.spawn { _ = try? await self.journal.requestCancellation(of: handle.id) }
            }
        }
    }

    /// - Parameter value: The input, if it need not be read from its bytes.
    func start(
        _ id: TransactionID, _ key: DefinitionKey, label: DefinitionName, input: [UInt8], value: (any Sendable)? = nil
    ) async throws(TransactionError) -> TransactionRun? {
        guard let definition = self.definitions[key] else {
            throw TransactionError(
                .unknownDefinition, "this coordinator has no \(key): name it when you make the coordinator")
        }
        guard input.count <= TransactionLimits.payloadBytes else {
            throw TransactionError(
                .tooLarge,
                "an input of \(input.count) bytes is too large: \(TransactionLimits.payloadBytes) at the most")
        }
        let token = try await self.token()
        do throws(TransactionError) {
            return try await self.start(id, definition, label: label, input: input, value: value, by: token)
        } catch {
            // Nothing was stored. The process may have been stopped for longer than its lease, which nobody had noticed yet.
            guard error.code == .notRunning else { throw error }
        }
        self.doubtLease()
        let next = try await self.token(otherThan: token)
        return try await self.start(id, definition, label: label, input: input, value: value, by: next)
    }

    private func start(
        _ id: TransactionID, _ definition: TransactionDefinition, label: DefinitionName, input: [UInt8],
        value: (any Sendable)?, by token: FencingToken
    ) async throws(TransactionError) -> TransactionRun? {
        let key = definition.key
        let (plan, present) = try Self.prepare(definition, input, value)
        let run = TransactionRun(id, key, input)
        while let other = try self.enter(run, token) {
            // Two that begin the same at once would both work on it.
            let isWorkedOn: Bool
            do {
                isWorkedOn = try await other.isWorkedOn()
            } catch {
                throw TransactionError(
                    .cancelled, "the task was cancelled while \(id) was begun by another", cause: error)
            }
            if !isWorkedOn { continue }
            guard other.key == key, other.input == input else {
                throw Self.conflict(id, other.key)
            }
            return other
        }
        var work = RunWork(
            id: id, key: key, plan: plan, coordinator: token, services: self.services, mailbox: run.mailbox,
            startedAt: self.services.wall.now)
        work.values[0] = present
        work.decide()
        let new = NewTransaction(
            id: id, kind: definition.kind, label: label, definition: key, outline: plan.shape.steps,
            input: input, timeout: plan.timeout, startedAt: work.startedAt,
            entries: work.decisions.map { JournalEntry(at: work.startedAt, $0) }, state: work.progress.state)
        let outcome: BeginOutcome
        do throws(TransactionError) {
            outcome = try await self.journal.begin(new, by: token)
        } catch {
            self.dismiss(run, .lost)
            self.mayHaveBeenGivenMore(after: error)
            throw error
        }
        switch outcome {
        case .begun:
            work.written = work.decisions.count
            work.decisions = []
            work.deadline = plan.timeout.map { self.services.clock.now.advanced(by: $0) }
            self.services.statistics.withLock { $0.begun += 1 }
            self.services.hub.send(.began(id, key))
            self.launch(run, work)
            return run
        case .exists(let record):
            guard record.definition == key, record.input == input else {
                self.dismiss(run, .lost)
                throw Self.conflict(id, record.definition)
            }
            return try await self.join(run, definition, token)
        }
    }

    private static func conflict(_ id: TransactionID, _ key: DefinitionKey) -> TransactionError {
        TransactionError(
            .conflict, "there is a transaction \(id) of \(key) already, which was begun with something else")
    }

    /// Works on a transaction that was begun before, if it belongs to this coordinator and nobody does: then the answer to an earlier attempt
    /// to begin it was lost, and no other coordinator would ever claim it.
    private func join(
        _ run: TransactionRun, _ definition: TransactionDefinition, _ token: FencingToken
    ) async throws(TransactionError) -> TransactionRun? {
        do throws(TransactionError) {
            if let record = try await self.journal.read(run.id), record.summary.coordinator == token,
                record.summary.state == .running || record.summary.state == .compensating
            {
                self.launch(run, self.work(on: record, by: definition, token, run.mailbox))
                return run
            }
        } catch {
            self.dismiss(run, .lost)
            self.mayHaveBeenGivenMore(after: error)
            throw error
        }
        self.dismiss(run, .lost)
        return nil
    }

    static func prepare(
        _ definition: TransactionDefinition, _ input: [UInt8], _ value: (any Sendable)?
    ) throws(TransactionError) -> (TransactionPlan, any Sendable) {
        do {
            let plan = try definition.plan(input)
            return (plan, try value ?? plan.decodeInput(input))
        } catch let error as TransactionError {
            throw error
        } catch {
            throw TransactionError(
                .undecodable, "the input of \(definition.key) is not what it takes: \(error)", cause: error)
        }
    }

    /// The token under which transactions are begun; waits for a coordinator that has only just been run.
    ///
    /// - Parameter former: One that does not count any more.
    private func token(otherThan former: FencingToken? = nil) async throws(TransactionError) -> FencingToken {
        let clock = self.services.clock
        let deadline = clock.now.advanced(by: self.options.lease)
        while true {
            let signal = OneShotSignal()
            let found = try self.state.withLock { state throws(TransactionError) -> FencingToken? in
                switch state.phase {
                case .running(let token) where token != former: return token
                case .idle, .enlisting, .running:
                    state.starters.append(signal)
                    return nil
                case .draining, .ended:
                    throw TransactionError(.closed, "the coordinator has been asked to end")
                }
            }
            if let found { return found }
            defer { self.state.withLock { $0.starters.removeAll { $0 === signal } } }
            let isThere: Bool
            do {
                isThere = try await signal.wait(until: deadline, on: clock)
            } catch {
                throw TransactionError(
                    .cancelled, "the task was cancelled before the transaction was begun", cause: error)
            }
            guard isThere else {
                throw TransactionError(
                    .notRunning,
                    "the coordinator was not running within \(self.options.lease): run it, or see why its journal "
                        + "cannot be reached")
            }
        }
    }

    /// Counts a transaction before it is begun, so that there are never more than the limit, and none of a name twice.
    ///
    /// - Returns: The one of the same name that is there.
    private func enter(_ run: TransactionRun, _ token: FencingToken) throws(TransactionError) -> TransactionRun? {
        let limit = self.options.maximumInFlight
        return try self.state.withLock { state throws(TransactionError) in
            switch state.phase {
            case .running(token): break
            case .draining, .ended:
                throw TransactionError(.closed, "the coordinator has been asked to end")
            case .idle, .enlisting, .running:
                throw TransactionError(
                    .notRunning, "the lease of the coordinator ran out before \(run.id) was begun; start it again")
            }
            if let present = state.runs[run.id] { return present }
            guard state.runs.count < limit else {
                throw TransactionError(
                    .overloaded, "\(limit) transactions are in flight, which is the limit; start it again later")
            }
            state.runs[run.id] = run
            return nil
        }
    }

    func dismiss(_ run: TransactionRun, _ end: RunEnd) {
        run.end(end)
        let emptied = self.state.withLock { state -> OneShotSignal? in
            if state.runs[run.id] === run { state.runs[run.id] = nil }
            return state.runs.isEmpty ? state.emptied : nil
        }
        emptied?.fire()
    }

    func launch(_ run: TransactionRun, _ work: RunWork) {
        run.settleBeginning(isWorkedOn: true)
        let start = self.services.clock.now
        _ = self.spawn {
            var work = work
            let end = await work.run()
            self.tell(end, of: work, after: start.duration(to: self.services.clock.now))
            self.dismiss(run, end)
            // It may be this coordinator's all the same.
            if case .lost = end { self.mayHaveBeenGivenMore() }
        }
    }

    private func tell(_ end: RunEnd, of work: RunWork, after duration: Duration) {
        let (id, services) = (work.id, self.services)
        switch end {
        case .final(let progress, _):
            services.statistics.withLock { statistics in
                if progress.state == .completed { statistics.completed += 1 } else { statistics.compensated += 1 }
            }
            services.hub.send(.finished(id, progress.state, after: duration))
        case .stuck(let trouble):
            services.statistics.withLock { $0.stuck += 1 }
            services.hub.send(
                .stuck(id, work.plan.steps[trouble.step].shape.name, trouble.direction, reason: trouble.reason))
        case .lost:
            services.hub.send(.lost(id))
        case .released:
            break
        }
    }
}
