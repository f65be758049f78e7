import ColonyCore

/// A transaction that was begun, and how to learn of its end.
public struct TransactionHandle<Output: Sendable>: Sendable {
    /// Which one.
    public let id: TransactionID

    let key: DefinitionKey
    let coordinator: TransactionCoordinator
    /// The work in this process, if it was done here.
    let run: TransactionRun?
    let output: StepOutput<Output>
    let decode: @Sendable ([UInt8]) throws -> Output

    /// Waits for the end.
    ///
    /// - Parameter limit: The longest wait; `nil` for as long as it takes.
    /// - Throws: ``TransactionFailure`` if it is stuck; ``TransactionError`` with code `timedOut` if it had not ended in time, and others
    ///   if the journal cannot be read; `CancellationError`. It goes on in each case.
    public func outcome(upTo limit: Duration? = nil) async throws -> TransactionOutcome<Output> {
        let clock = self.coordinator.services.clock
        let deadline = limit.map { clock.now.advanced(by: $0) }
        if let run {
            guard let end = try await run.wait(until: deadline, on: clock) else { throw self.tooLate(limit) }
            switch end {
            case .final(let progress, let values):
                if progress.state == .completed, let value = values[self.output.step + 1] as? Output {
                    return .completed(value)
                }
                return try self.outcome(of: progress.state, progress.turnBack, progress.outputs[self.output.step])
            case .stuck, .lost, .released:
                // Somebody may have gone on with it since.
                break
            }
        }
        return try await self.outcomeInJournal(until: deadline, limit)
    }

    /// Waits for what it gives.
    ///
    /// - Throws: What ``outcome(upTo:)`` throws, and ``TransactionFailure`` if it was compensated.
    public func result(upTo limit: Duration? = nil) async throws -> Output {
        switch try await self.outcome(upTo: limit) {
        case .completed(let output): return output
        case .compensated(let cause, let reason):
            throw TransactionFailure(self.id, .compensated, turnBack: cause, reason: reason)
        }
    }

    private func tooLate(_ limit: Duration?) -> TransactionError {
        TransactionError(.timedOut, "the transaction \(self.id) had not ended within \(limit ?? .zero); it goes on")
    }

    /// It ends in another process, or has ended before.
    private func outcomeInJournal(
        until deadline: MonotonicInstant?, _ limit: Duration?
    ) async throws -> TransactionOutcome<Output> {
        let (clock, journal) = (self.coordinator.services.clock, self.coordinator.journal)
        while true {
            guard let record = try await journal.read(self.id) else {
                throw TransactionError(
                    .unknownTransaction, "there is no transaction \(self.id), or it ended too long ago")
            }
            guard record.definition == self.key else {
                throw TransactionError(
                    .conflict,
                    "the transaction \(self.id) is one of \(record.definition), whose result is not that of \(self.key)"
                )
            }
            switch record.summary.state {
            case .completed, .compensated:
                var turnBack: (cause: JournalEvent.TurnBack, reason: String)?
                var output: [UInt8]?
                for entry in record.entries {
                    switch entry.event {
                    case .turnedBack(let cause, let reason): turnBack = (cause, reason)
                    case .completed(self.output.step, let bytes): output = bytes
                    default: break
                    }
                }
                return try self.outcome(of: record.summary.state, turnBack, output)
            case .stuck:
                var reason = "a person has to decide"
                for case .stuck(_, _, let why) in record.entries.map(\.event) { reason = why }
                throw TransactionFailure(self.id, .stuck, turnBack: nil, reason: reason)
            case .running, .compensating:
                break
            }
            if self.coordinator.isEnding {
                throw TransactionError(
                    .closed, "the coordinator ends, and the transaction \(self.id) goes on elsewhere")
            }
            var wait: Duration = .seconds(5)
            if let deadline {
                let rest = clock.now.duration(to: deadline)
                if rest <= .zero { throw self.tooLate(limit) }
                wait = min(wait, rest)
            }
            try await journal.waitForChange(of: self.id, since: record.entries.count, upTo: wait)
        }
    }

    private func outcome(
        of state: TransactionState, _ turnBack: (cause: JournalEvent.TurnBack, reason: String)?, _ output: [UInt8]?
    ) throws -> TransactionOutcome<Output> {
        if state == .completed {
            guard let output else {
                throw TransactionFailure(
                    self.id, .completed, turnBack: nil, reason: "a person has closed it, without a result")
            }
            return .completed(try self.decode(output))
        }
        return .compensated(turnBack?.cause ?? .decided, reason: turnBack?.reason ?? "a person has closed it")
    }
}
