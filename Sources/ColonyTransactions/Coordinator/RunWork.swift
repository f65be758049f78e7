import ColonyCore
import ColonyResilience
import Synchronization

/// One transaction at work: decides by ``TransactionProgress``, writes down, and only then calls.
///
/// Lives in the task of its ``TransactionRun``. Everything that happens comes through the mailbox, so nothing here is concurrent.
struct RunWork {
    struct Call {
        let direction: StepDirection
        let attempt: Int
        let deadline: MonotonicInstant
        let task: Task<Void, Never>
    }

    /// How often a step was called in vain in its present direction, and when it may be called again.
    struct Failures {
        var count = 0
        var rest: Duration = .zero
        var restsUntil: MonotonicInstant?
    }

    let id: TransactionID
    let key: DefinitionKey
    let plan: TransactionPlan
    let coordinator: FencingToken
    let services: RunServices
    let mailbox: RunMailbox
    let startedAt: WallTime

    var progress: TransactionProgress
    /// The input, and what the steps gave.
    var values: [(any Sendable)?]
    /// How many entries the journal has.
    var written = 0
    /// What is decided and not yet written down.
    var decisions: [JournalEvent] = []

    var calls: [Int: Call] = [:]
    var failures: [Int: Failures] = [:]
    /// The steps that an earlier coordinator had begun, and may have called.
    var inherited: Set<Int> = []
    var attempts = 0
    /// Why the transaction is to turn back as soon as it can.
    var wish: (cause: JournalEvent.TurnBack, reason: String)?
    /// What stops it once nothing is under way any more.
    var trouble: TransactionProgress.Trouble?
    var deadline: MonotonicInstant?
    var isReleased = false

    init(
        id: TransactionID, key: DefinitionKey, plan: TransactionPlan, coordinator: FencingToken,
        services: RunServices, mailbox: RunMailbox, startedAt: WallTime
    ) {
        self.id = id
        self.key = key
        self.plan = plan
        self.coordinator = coordinator
        self.services = services
        self.mailbox = mailbox
        self.startedAt = startedAt
        self.progress = TransactionProgress(plan.shape)
        self.values = Array(repeating: nil, count: plan.steps.count + 1)
    }

    // MARK: Deciding

    /// Adds what follows from what is known to the decisions.
    mutating func decide() {
        if self.progress.end != nil || self.progress.trouble != nil { return }
        if let wish, self.progress.mayTurnBack {
            self.turnBack(wish.cause, wish.reason)
        }
        if self.trouble == nil, !self.isReleased { self.startSteps() }
        if let end = self.progress.reachedEnd {
            self.record(.finished(end))
        } else if let trouble, self.calls.isEmpty {
            self.record(.stuck(step: trouble.step, direction: trouble.direction, reason: trouble.reason))
        }
    }

    private mutating func startSteps() {
        while true {
            let startable = self.progress.startable
            let computed = startable.filter { self.plan.steps[$0].shape.kind == .computed }
            if computed.isEmpty {
                for step in startable { self.record(.started(step: step)) }
                return
            }
            for step in computed where self.trouble == nil { self.compute(step) }
            if self.trouble != nil { return }
        }
    }

    /// Makes a value that follows from others. It calls nobody, so it is not written down before.
    private mutating func compute(_ step: Int) {
        do {
            let result = try self.plan.steps[step].computed(self.rawCall(step, .action, attempt: 1))
            self.complete(step, result)
        } catch {
            self.trouble = TransactionProgress.Trouble(
                step: step, direction: .action, reason: Self.reason("its value cannot be made: \(error)"))
        }
    }

    mutating func complete(_ step: Int, _ result: StepResult) {
        guard result.bytes.count <= TransactionLimits.payloadBytes else {
            self.trouble = TransactionProgress.Trouble(
                step: step, direction: .action,
                reason: "it was done, and gave \(result.bytes.count) bytes, which is more than is kept: "
                    + "\(TransactionLimits.payloadBytes)")
            return
        }
        self.values[step + 1] = result.value
        self.failures[step] = nil
        self.record(.completed(step: step, output: result.bytes))
    }

    mutating func turnBack(_ cause: JournalEvent.TurnBack, _ reason: String) {
        self.record(.turnedBack(cause, reason: reason))
        self.services.hub.send(.turnedBack(self.id, cause, reason: reason))
        // What is under way is not wanted any more. Its compensation comes when it has ended.
        for (step, call) in self.calls where call.direction == .action {
            call.task.cancel()
            if !self.plan.steps[step].shape.hasCompensation { self.calls[step] = nil }
        }
        self.failures = [:]
        self.trouble = nil
    }

    mutating func record(_ event: JournalEvent) {
        do {
            try self.progress.apply(event)
        } catch {
            preconditionFailure("the transaction \(self.id) contradicts itself: \(error)")
        }
        self.decisions.append(event)
    }

    // MARK: Calling

    /// Calls whom it is time to call.
    mutating func launch() {
        if self.trouble != nil || self.isReleased || self.progress.end != nil || self.progress.trouble != nil { return }
        let now = self.services.clock.now
        for (steps, direction) in [
            (self.progress.unanswered, StepDirection.action), (self.progress.compensable, .compensation),
        ] {
            for step in steps where self.calls[step] == nil {
                if let until = self.failures[step]?.restsUntil, until > now { continue }
                self.failures[step]?.restsUntil = nil
                self.call(step, direction, at: now)
            }
        }
    }

    private mutating func call(_ step: Int, _ direction: StepDirection, at now: MonotonicInstant) {
        self.attempts += 1
        let attempt = self.attempts
        let raw = self.rawCall(step, direction, attempt: (self.failures[step]?.count ?? 0) + 1, at: now)
        let planned = self.plan.steps[step]
        let mailbox = self.mailbox
        self.services.statistics.withLock { $0.calls += 1 }
        let task = CallTask.start {
            let result: Result<StepResult, any Error>
            do {
                let value = try await Deadline.$current.withValue(Deadline(raw.deadline)) {
                    switch direction {
                    case .action:
                        return try await planned.action(raw)
                    case .compensation:
                        try await planned.compensation?(raw)
                        return StepResult((), bytes: [])
                    }
                }
                result = .success(value)
            } catch {
                result = .failure(error)
            }
            mailbox.send(.answered(step: step, direction: direction, attempt: attempt, result))
        }
        self.calls[step] = Call(direction: direction, attempt: attempt, deadline: raw.deadline, task: task)
    }

    private func rawCall(
        _ step: Int, _ direction: StepDirection, attempt: Int, at now: MonotonicInstant? = nil
    ) -> RawCall {
        let planned = self.plan.steps[step]
        return RawCall(
            transaction: self.id, step: planned.shape.name, direction: direction, attempt: attempt,
            deadline: (now ?? self.services.clock.now).advanced(by: planned.policy.timeout), values: self.values,
            frame: planned.frame, origin: planned.origin, place: step + 1)
    }

    static func reason(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(TransactionLimits.reasonLength)))
    }
}

extension PlannedStep {
    /// What a computed step gives.
    fileprivate func computed(_ call: RawCall) throws -> StepResult {
        guard let compute else {
            preconditionFailure("the step \"\(self.shape.name)\" is computed, and has nothing to be computed with")
        }
        return try compute(call)
    }
}

/// The task of a call: it begins here and now, so that one that does not suspend costs no change of threads.
private enum CallTask {
    static func start(_ operation: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        if #available(macOS 26, iOS 26, watchOS 26, tvOS 26, visionOS 26, *) {
            return Task.immediate(executorPreference: executor) { await operation() }
        }
        return Task(executorPreference: executor) { await operation() }
    }
}
