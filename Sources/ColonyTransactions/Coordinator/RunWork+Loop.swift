import ColonyCore
import Synchronization

/// How the work on a transaction ended in this process.
enum RunEnd: Sendable {
    /// The transaction has ended.
    case final(TransactionProgress, values: [(any Sendable)?])
    /// It waits for a person.
    case stuck(TransactionProgress.Trouble)
    /// It belongs to another coordinator, or the journal was closed.
    case lost
    /// It was handed back.
    case released
}

extension RunWork {
    /// Works until there is nothing more to do here.
    mutating func run() async -> RunEnd {
        while true {
            for event in self.mailbox.take() {
                if let end = self.handle(event) { return self.abandon(end) }
            }
            self.passTime()
            self.decide()
            if !self.decisions.isEmpty, !self.mayWriteLater {
                guard await self.write() else { return self.abandon(.lost) }
            }
            if self.progress.end != nil { return .final(self.progress, values: self.values) }
            if let trouble = self.progress.trouble { return .stuck(trouble) }
            self.launch()
            if self.isReleased, self.calls.isEmpty { return .released }
            if self.mailbox.isEmpty { await self.waitForEvents() }
        }
    }

    private func abandon(_ end: RunEnd) -> RunEnd {
        for call in self.calls.values { call.task.cancel() }
        return end
    }

    private func waitForEvents() async {
        var next = self.progress.isTurnedBack || self.wish != nil ? nil : self.deadline
        for call in self.calls.values { next = min(next ?? call.deadline, call.deadline) }
        // While it is about to stop nobody is called again.
        if self.trouble == nil, !self.isReleased {
            for failures in self.failures.values {
                if let until = failures.restsUntil { next = min(next ?? until, until) }
            }
        }
        guard let next else { return await self.mailbox.wait() }
        let (clock, mailbox) = (self.services.clock, self.mailbox)
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let timer = Task(executorPreference: executor) {
            guard (try? await clock.sleep(until: next, tolerance: nil)) != nil else { return }
            mailbox.send(.tick)
        }
        await self.mailbox.wait()
        timer.cancel()
    }

    // MARK: What happens

    private mutating func handle(_ event: RunEvent) -> RunEnd? {
        switch event {
        case .answered(let step, let direction, let attempt, let result):
            let isCurrent = self.calls[step].map { $0.attempt == attempt } ?? false
            if isCurrent { self.calls[step] = nil }
            self.answered(step, direction, result, isCurrent: isCurrent)
        case .turnBack(let cause, let reason):
            if self.wish == nil { self.wish = (cause, reason) }
        case .lost:
            return .lost
        case .release:
            if self.isReleased { return .released }
            self.isReleased = true
        case .tick:
            break
        }
        return nil
    }

    /// An answer to a call that was given up counts as well if it says that the step was done, because all calls of a step are one.
    private mutating func answered(
        _ step: Int, _ direction: StepDirection, _ result: Result<StepResult, any Error>, isCurrent: Bool
    ) {
        switch (direction, result) {
        case (.action, .success(let result)):
            guard !self.progress.isTurnedBack else {
                // Too late, but its compensation can use it.
                self.values[step + 1] = result.value
                return
            }
            guard self.progress.steps[step] == .started else { return }
            self.giveUpCall(of: step)
            self.complete(step, result)
        case (.compensation, .success):
            guard self.progress.isTurnedBack, self.progress.steps[step] != .compensated else { return }
            self.giveUpCall(of: step)
            self.failures[step] = nil
            self.record(.compensated(step: step))
        case (_, .failure(let error)):
            guard isCurrent else { return }
            if direction == .action, self.progress.isTurnedBack { return }
            if let refusal = error as? Refusal {
                self.refused(step, direction, refusal)
            } else if let error = error as? TransactionError, [.undecodable, .invalidDefinition].contains(error.code) {
                // Another call would fail in the same way.
                self.trouble = TransactionProgress.Trouble(
                    step: step, direction: direction, reason: Self.reason(error.message))
            } else {
                let unknown = error as? UnknownOutcome
                self.failed(
                    step, direction, Self.reason(unknown?.reason ?? "\(error)"), resting: unknown?.retryAfter ?? .zero)
            }
        }
    }

    private mutating func giveUpCall(of step: Int) {
        self.calls.removeValue(forKey: step)?.task.cancel()
    }

    private mutating func refused(_ step: Int, _ direction: StepDirection, _ refusal: Refusal) {
        let reason = Self.reason(refusal.reason)
        if direction == .action {
            // An earlier call that nobody has answered may still be under way when this one is refused.
            let mayBeDone = self.failures[step] != nil || self.inherited.contains(step)
            let leavesEffects = refusal.leavesEffects || (mayBeDone && self.plan.steps[step].shape.hasCompensation)
            self.record(.refused(step: step, reason: reason, leavesEffects: leavesEffects))
            self.failures[step] = nil
            if self.progress.mayTurnBack {
                return self.turnBack(.refused, "\(self.plan.steps[step].shape.name): \(reason)")
            }
        }
        // A compensation must not be refused, and neither must a step after the pivot.
        self.trouble = TransactionProgress.Trouble(step: step, direction: direction, reason: "refused: \(reason)")
    }

    /// - Parameter least: How long the participant wants to be left alone.
    private mutating func failed(
        _ step: Int, _ direction: StepDirection, _ reason: String, resting least: Duration = .zero
    ) {
        let policy = self.plan.steps[step].policy
        var failures = self.failures[step] ?? Failures()
        failures.count += 1
        failures.rest = self.services.rest(after: failures.count, by: policy, previous: failures.rest)
        failures.restsUntil = self.services.clock.now.advanced(by: max(failures.rest, least))
        self.failures[step] = failures
        self.services.statistics.withLock { $0.unknownOutcomes += 1 }
        // What is undone is undone however often it takes.
        if direction == .action, let attempts = policy.attempts, failures.count >= attempts {
            let sentence = "it has failed \(failures.count) times, at last: \(reason)"
            if policy.exhaustion == .turnBack, self.progress.mayTurnBack {
                self.wish = (.exhausted, Self.reason("\(self.plan.steps[step].shape.name): \(sentence)"))
            } else {
                self.trouble = TransactionProgress.Trouble(
                    step: step, direction: direction, reason: Self.reason(sentence))
            }
            return
        }
        // So that a call that fails for days does not fill the journal.
        if failures.count & (failures.count - 1) == 0 {
            self.record(.failed(step: step, direction: direction, attempt: failures.count, reason: reason))
        }
        self.services.hub.send(
            .retrying(
                self.id, self.plan.steps[step].shape.name, direction, attempt: failures.count, reason: reason))
    }

    /// Gives up calls whose time is over, and the whole if its time is.
    private mutating func passTime() {
        let now = self.services.clock.now
        for (step, call) in self.calls where call.deadline <= now {
            call.task.cancel()
            self.calls[step] = nil
            if call.direction == .action, self.progress.isTurnedBack { continue }
            let limit = self.plan.steps[step].policy.timeout
            self.failed(step, call.direction, "there was no answer within \(limit)")
        }
        if let deadline, deadline <= now, self.wish == nil, !self.progress.isTurnedBack {
            self.wish = (.timedOut, "it was not done within \(self.plan.timeout ?? .zero)")
        }
    }
}

// MARK: - The journal

extension RunWork {
    /// Whether what is decided can wait for the answers of other steps, and be written down with them.
    private var mayWriteLater: Bool {
        self.plan.isDecidedAtOnce && !self.calls.isEmpty
            && self.decisions.allSatisfy { if case .completed = $0 { true } else { false } }
    }

    /// Whether the decisions are worth no sync of their own: notes about calls that failed, and what a plan would find out again.
    private var areNotes: Bool {
        self.decisions.allSatisfy { decision in
            switch decision {
            case .failed: true
            case .completed, .finished: self.plan.isDecidedAtOnce
            default: false
            }
        }
    }

    /// Writes the decisions down.
    ///
    /// - Returns: `false` if the transaction is not this coordinator's any more.
    private mutating func write() async -> Bool {
        let now = self.services.wall.now
        let entries = self.decisions.map { JournalEntry(at: now, $0) }
        let durability: Durability = self.areNotes ? .written : .synced
        var failures = 0
        while true {
            do throws(TransactionError) {
                guard
                    try await self.services.journal.append(
                        entries, to: self.id, state: self.progress.state,
                        durability: durability, by: self.coordinator)
                else { return false }
                break
            } catch {
                if error.code == .closed { return false }
                failures += 1
                self.services.hub.send(.journalFailed(error))
                switch await self.lookAfter(failures: failures, adding: entries) {
                case .append: continue
                case .isThere: break
                case .lost: return false
                }
                break
            }
        }
        self.written += entries.count
        self.decisions = []
        return true
    }

    private enum Finding { case append, isThere, lost }

    /// Finds out whether the entries are in the journal after all, which an error may leave open.
    private mutating func lookAfter(failures: Int, adding entries: [JournalEntry]) async -> Finding {
        var failures = failures
        while true {
            let pause = self.services.pause(after: failures)
            try? await self.services.clock.sleep(for: pause)
            if self.mailbox.isOver { return .lost }
            do throws(TransactionError) {
                guard let record = try await self.services.journal.read(self.id) else { return .lost }
                let present = record.entries
                if present.count <= self.written, record.summary.coordinator == self.coordinator {
                    // A note that was not synced is gone with its server.
                    self.written = present.count
                    return .append
                }
                // As many of somebody who has taken over are not these.
                return present.dropFirst(self.written).elementsEqual(entries) ? .isThere : .lost
            } catch {
                if error.code == .closed { return .lost }
                failures += 1
                self.services.hub.send(.journalFailed(error))
            }
        }
    }
}
