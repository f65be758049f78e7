import ColonyCore

extension TransactionCoordinator {
    /// Has participants prepare, decides, and has them commit.
    ///
    /// If `body` throws or the calling task is cancelled before the decision, everything is aborted before this throws; a participant that
    /// cannot be reached meanwhile is left to an ``OrphanSweeper``. After the decision nothing stops it any more.
    ///
    /// - Parameters:
    ///   - limit: How long this waits for the commits once it is decided. It returns afterwards in any case, because the decision stands;
    ///     what it decided may not be visible everywhere then.
    ///   - body: Asks participants to prepare. What it has done by other means is not undone. If it has not returned within
    ///     ``TwoPhaseCommit/prepareLimit`` it is cancelled and left behind: nothing that it asks for then is done.
    /// - Returns: What `body` returned: it is decided that everything commits.
    /// - Throws: What `body` throws; ``TwoPhaseError``: `aborted` with its reason, and `inDoubt` if the journal did not answer in time;
    ///   `CancellationError`.
    public func execute<Value: Sendable>(
        _ commit: TwoPhaseCommit, waitingUpTo limit: Duration = .seconds(10),
        _ body: @escaping @Sendable (TwoPhaseWork) async throws -> Value
    ) async throws -> Value {
        let work = TwoPhaseWork(.unique(), commit)
        let start = self.services.clock.now
        let value: Value
        let asked: [StepName]
        do {
            let late = TwoPhaseError(.aborted, "to prepare took longer than it may: \(commit.prepareLimit)")
            value = try await BoundedCall.run(
                upTo: commit.prepareLimit, on: self.services.clock, timeOut: late as any Error
            ) { () async throws(any Error) -> Value in
                try await body(work)
            }
            let end = work.close()
            asked = end.asked
            if let failure = end.failure { throw failure }
            try Task.checkCancellation()
            let passed = start.duration(to: self.services.clock.now)
            if passed > commit.prepareLimit {
                throw TwoPhaseError(.aborted, "to prepare took \(passed), and may take \(commit.prepareLimit)")
            }
        } catch {
            let asked = work.close().asked
            // A body that was left behind may still be preparing; what is prepared after the abort would be an orphan.
            await work.settle(until: self.services.clock.now.advanced(by: .seconds(1)), on: self.services.clock)
            await self.abort(work.id, commit, asked)
            throw error
        }
        if asked.isEmpty { return value }
        // The decision, and the wait for it, do not end with the task of the caller.
        let deciding = self.spawn { await self.decide(work.id, commit, asked, limit) }
        try await deciding.value.get()
        return value
    }

    /// Writes the decision, until it is known whether it is written.
    private func decide(
        _ id: TransactionID, _ commit: TwoPhaseCommit, _ asked: [StepName], _ limit: Duration
    ) async -> Result<Void, any Error> {
        let clock = self.services.clock
        let deadline = clock.now.advanced(by: commit.prepareLimit)
        var failures = 0
        var mayBeWritten = false
        while true {
            do throws(TransactionError) {
                let input = try Self.input(asked)
                let run = try await self.start(id, commit.key, label: commit.key.name, input: input)
                if let run {
                    _ = try? await run.wait(until: clock.now.advanced(by: limit), on: clock)
                }
                return .success(())
            } catch {
                switch error.code {
                case .conflict:
                    // Who sweeps orphans was faster, and has decided otherwise.
                    await self.abort(id, commit, asked)
                    return .failure(
                        TwoPhaseError(.aborted, "it was taken for an orphan, and aborted", cause: error))
                case .closed, .notRunning, .invalidRequest, .tooLarge, .overloaded, .unknownDefinition, .undecodable:
                    // Refused before anything was written.
                    break
                default:
                    // A disk that fails in the middle of a commit may have it all the same.
                    mayBeWritten = true
                }
                if !mayBeWritten {
                    await self.abort(id, commit, asked)
                    return .failure(TwoPhaseError(.aborted, "the decision cannot be written", cause: error))
                }
                failures += 1
                let pause = self.services.pause(after: failures)
                guard error.code != .closed, clock.now.advanced(by: pause) < deadline else {
                    return .failure(
                        TwoPhaseError(
                            .inDoubt,
                            "it is not known whether the decision about \(id) is written; an orphan sweeper ends it",
                            cause: error))
                }
                try? await clock.sleep(for: pause)
            }
        }
    }

    private static func input(_ asked: [StepName]) throws(TransactionError) -> [UInt8] {
        do {
            return try JSONCoding.encode(asked)
        } catch {
            throw TransactionError(
                .invalidRequest, "the names of the participants cannot be written: \(error)", cause: error)
        }
    }

    /// Aborts at all that were asked, a few times if need be. What cannot be reached is an orphan from here on.
    private func abort(_ id: TransactionID, _ commit: TwoPhaseCommit, _ asked: [StepName]) async {
        let participants = asked.compactMap { commit.participants[$0] }
        // Not cancelled with the caller: others wait for the locks.
        await self.spawn {
            await withTaskGroup(of: Void.self) { group in
                for participant in participants {
                    group.addTask {
                        for attempt in 1...3 {
                            do throws(TwoPhaseError) {
                                return try await participant.abort(id)
                            } catch {
                                if error.code == .closed { return }
                                try? await self.services.clock.sleep(for: self.services.pause(after: attempt))
                            }
                        }
                    }
                }
            }
        }.value
    }
}
