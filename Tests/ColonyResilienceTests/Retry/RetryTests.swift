import ColonyCore
import ColonyResilience
import ColonySimulation
import Dispatch
import Testing

@Suite("Retry")
struct RetryTests {
    /// For what holds its thread up, which must not be one of the pool.
    private static let executor = DedicatedExecutor(named: "colony-retry-test")

    private func retry(
        attempts: Int = 3, delays: RetryDelays = .none, unknown: Bool = false,
        classification: RetryClassification = .standard, longestAdvice: Duration = .seconds(30),
        budget: RetryBudget? = nil, multiplies: Bool = false, clock: any MonotonicClock = ManualClock()
    ) throws -> Retry {
        try Retry(
            RetryOptions(
                attempts: attempts, delays: delays, retriesUnknownOutcomes: unknown, classification: classification,
                longestAdvice: longestAdvice, budget: budget, multipliesNestedRetries: multiplies), name: "test",
            clock: clock, generator: SeededGenerator(seed: 1))
    }

    @Test func `what was not done is repeated until it succeeds`() async throws {
        let script = Script([ResilienceError.refused, ResilienceError.refused, nil])
        let retry = try self.retry()
        #expect(try await retry.execute { try script.run() } == 3)
        #expect(retry.statistics.calls == 1)
        #expect(retry.statistics.retries == 2)
        #expect(retry.statistics.recoveries == 1)
    }

    @Test func `after the last attempt its error is thrown as it is`() async throws {
        let script = Script([Failure(number: 1), Failure(number: 2), Failure(number: 3)])
        let retry = try self.retry(classification: .allNotDone)
        await #expect(throws: Failure(number: 3)) { try await retry.execute { try script.run() } }
        #expect(script.runs == 3)
        #expect(retry.statistics.surrenders == [.attempts: 1])
    }

    @Test func `one attempt never repeats`() async throws {
        let script = Script([ResilienceError.refused])
        let retry = try self.retry(attempts: 1)
        await #expect(throws: ResilienceError.self) { try await retry.execute { try script.run() } }
        #expect(script.runs == 1)
    }

    @Test func `an unknown outcome is repeated only if that was asked for`() async throws {
        for error in [Failure() as any Error, ResilienceError.lost] {
            let careful = Script([error, nil])
            let retry = try self.retry()
            await #expect(throws: (any Error).self) { try await retry.execute { try careful.run() } }
            #expect(careful.runs == 1)
            #expect(retry.statistics.surrenders == [.unknownOutcome: 1])
            let asked = Script([error, nil])
            #expect(try await self.retry(unknown: true).execute { try asked.run() } == 2)
        }
    }

    @Test func `each code of this module has its verdict`() {
        func verdict(_ code: ResilienceError.Code, cause: (any Error)? = nil) -> RetryVerdict {
            RetryClassification.standard.verdict(ResilienceError(code, "", cause: cause))
        }
        for code in [ResilienceError.Code.circuitOpen, .rateLimited, .bulkheadFull, .shed, .noneAvailable] {
            #expect(verdict(code) == .notDone)
        }
        for code in [ResilienceError.Code.deadlineExceeded, .unavailable, .inFlight] {
            #expect(verdict(code) == .unknown)
        }
        #expect(verdict(.noneAvailable, cause: Failure()) == .unknown)
        let unstarted = ResilienceError(.deadlineExceeded, "", isNotStarted: true)
        #expect(RetryClassification.standard.verdict(unstarted) == .notDone)
        for code in [
            ResilienceError.Code.budgetExhausted, .keyReused, .disabled, .invalidConfiguration, .invalidRequest,
            .cancelled, .closed,
        ] {
            #expect(verdict(code) == .final)
        }
        let greedy = RetryClassification { _ in .notDone }
        #expect(greedy.verdict(CancellationError()) == .final)
        #expect(greedy.verdict(Failure()) == .notDone)
    }

    /// The pitfall: total time at most the deadline, no retry after a cancellation, advice obeyed, and jitter spreads.
    @Test func retryHonoursDeadline() async throws {
        let clock = ManualClock()
        let start = clock.now
        let delays = try RetryDelays(.constant, from: .seconds(1), upTo: .seconds(1), jitter: .none)
        let retry = try self.retry(attempts: 100, delays: delays, clock: clock)
        let script = Script([ResilienceError.refused])
        let call = Task {
            try await Deadline.within(.milliseconds(3_500), on: clock) { try await retry.execute { try script.run() } }
        }
        for _ in 1...3 {
            try await clock.waitForSleepers()
            clock.advanceToNextDeadline()
        }
        // The fourth wait would end at 4 s, so the call ends at once, with the error of its last attempt.
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        #expect(error?.code == .bulkheadFull)
        #expect(start.duration(to: clock.now) == .seconds(3))
        #expect(clock.sleeperCount == 0)
        #expect(script.runs == 4)
        #expect(retry.statistics.surrenders == [.deadline: 1])
    }

    @Test func `a wait that ended after the deadline is followed by no attempt`() async throws {
        let clock = ManualClock()
        let delays = try RetryDelays(.constant, from: .seconds(1), upTo: .seconds(1), jitter: .none)
        let retry = try self.retry(delays: delays, clock: clock)
        let script = Script([ResilienceError.refused])
        let call = Task {
            try await Deadline.within(.seconds(2), on: clock) { try await retry.execute { try script.run() } }
        }
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(3))
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        #expect(error?.code == .bulkheadFull)
        #expect(script.runs == 1)
        #expect(retry.statistics.surrenders == [.deadline: 1])
    }

    @Test func `a classification that waits for another call of the layer does not stop it`() async throws {
        let (entered, released) = (OneShotSignal(), DispatchSemaphore(value: 0))
        let classification = RetryClassification { error in
            guard (error as? Failure)?.number == 1 else { return .notDone }
            entered.fire()
            return released.wait(timeout: .now() + 30) == .success ? .notDone : .final
        }
        let delays = try RetryDelays(from: .nanoseconds(1), upTo: .nanoseconds(2), jitter: .full)
        let retry = try self.retry(delays: delays, classification: classification, clock: HostClock())
        let (slow, quick) = (Script([Failure(number: 1), nil]), Script([Failure(number: 2), nil]))
        let slowCall = Task(executorPreference: Self.executor) { try await retry.execute { try slow.run() } }
        try await entered.wait()
        #expect(try await retry.execute { try quick.run() } == 2)
        released.signal()
        #expect(try await slowCall.value == 2)
    }

    @Test func `an outer deadline that is nearer counts, whatever an inner one says`() async throws {
        let clock = ManualClock()
        let delays = try RetryDelays(.constant, from: .seconds(2), upTo: .seconds(2), jitter: .none)
        let retry = try self.retry(delays: delays, clock: clock)
        let script = Script([ResilienceError.refused])
        await #expect(throws: ResilienceError.self) {
            try await Deadline.within(.seconds(1), on: clock) {
                try await Deadline.within(.seconds(3_600), on: clock) { try await retry.execute { try script.run() } }
            }
        }
        #expect(script.runs == 1)
        let passed = await #expect(throws: ResilienceError.self) {
            try await Deadline.within(.seconds(-1), on: clock) { try await retry.execute { try script.run() } }
        }
        #expect(passed?.code == .deadlineExceeded)
        #expect(script.runs == 1, "nothing is started after the deadline")
    }

    @Test func `advice is waited for, spread by jitter and never sooner`() async throws {
        for seed in Seed(rawValue: 1).followed(by: 20) {
            let clock = ManualClock()
            let start = clock.now
            let delays = try RetryDelays(.constant, from: .seconds(1), upTo: .seconds(1), jitter: .full)
            let options = try RetryOptions(attempts: 2, delays: delays, classification: .allNotDone, budget: nil)
            let retry = Retry(options, name: "test", clock: clock, generator: SeededGenerator(seed: seed))
            let script = Script([Advice(retryAfter: .seconds(5)), nil])
            let call = Task { try await retry.execute { try script.run() } }
            try await clock.waitForSleepers()
            let wait = start.duration(to: try #require(clock.nextDeadline))
            #expect(wait >= .seconds(5) && wait <= .seconds(6))
            clock.advanceToNextDeadline()
            #expect(try await call.value == 2)
        }
    }

    @Test func `advice that is too long, or beyond the deadline, ends the call at once`() async throws {
        let clock = ManualClock()
        let retry = try self.retry(classification: .allNotDone, longestAdvice: .seconds(10), clock: clock)
        for (advice, limit) in [(Duration.seconds(11), Duration.seconds(60)), (.seconds(5), .seconds(5))] {
            let script = Script([Advice(retryAfter: advice)])
            await #expect(throws: Advice.self) {
                try await Deadline.within(limit, on: clock) { try await retry.execute { try script.run() } }
            }
            #expect(script.runs == 1)
        }
        #expect(retry.statistics.surrenders == [.advice: 1, .deadline: 1])
        // Advice from a clock that is behind means at once.
        let script = Script([Advice(retryAfter: .seconds(-5)), nil])
        #expect(try await retry.execute { try script.run() } == 2)
    }

    @Test func `a cancellation during the wait ends it, and nothing runs again`() async throws {
        let clock = ManualClock()
        let retry = try self.retry(delays: .standard, clock: clock)
        let script = Script([ResilienceError.refused])
        let call = Task { try await retry.execute { try script.run() } }
        try await clock.waitForSleepers()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(clock.sleeperCount == 0)
        #expect(script.runs == 1)
        #expect(retry.statistics.surrenders == [.cancelled: 1])
    }

    @Test func `a cancellation during an attempt is not followed by another one`() async throws {
        let clock = ManualClock()
        let retry = try self.retry(unknown: true, clock: clock)
        let script = Script([nil])
        // The operation turns its cancellation into an error of its own, as clients do.
        let call = Task {
            try await retry.execute {
                _ = try script.run()
                do { try await clock.sleep(for: .seconds(1)) } catch { throw Failure(number: 7) }
            }
        }
        try await clock.waitForSleepers()
        call.cancel()
        await #expect(throws: Failure(number: 7)) { try await call.value }
        #expect(script.runs == 1)
        await #expect(throws: CancellationError.self) { try await retry.execute { throw CancellationError() } }
        #expect(retry.statistics.surrenders == [.cancelled: 2])
    }

    @Test func `an empty budget ends the call and names the last error`() async throws {
        let budget = try RetryBudget(ratio: 0.5, minimumPerSecond: 0, clock: ManualClock())
        let retry = try self.retry(attempts: 5, classification: .allNotDone, budget: budget)
        var codes: [ResilienceError.Code?] = []
        var causes: [Failure?] = []
        for number in 1...4 {
            do {
                try await retry.execute { throw Failure(number: number) }
            } catch {
                codes.append((error as? ResilienceError)?.code)
                causes.append((error as? ResilienceError)?.cause as? Failure)
            }
        }
        #expect(codes.allSatisfy { $0 == .budgetExhausted })
        #expect(causes == (1...4).map { Failure(number: $0) })
        #expect(retry.statistics.retries == 2, "four calls give two retries")
    }

    @Test func `settings that cannot work are refused with their value`() {
        func message(_ body: () throws -> RetryOptions) -> String? {
            let error = #expect(throws: ResilienceError.self) { _ = try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try RetryOptions(attempts: 0) }?.contains("0 attempts") == true)
        #expect(message { try RetryOptions(attempts: -3) }?.contains("-3") == true)
        #expect(message { try RetryOptions(attempts: .max) }?.contains("9223372036854775807") == true)
        #expect(message { try RetryOptions(longestAdvice: .seconds(-2)) }?.contains("-2") == true)
    }

    @Test func `events tell each step, and a slow reader loses the oldest`() async throws {
        let retry = try self.retry()
        let events = retry.events(buffering: 2)
        let script = Script([ResilienceError.refused, ResilienceError.refused, nil])
        _ = try await retry.execute { try script.run() }
        var iterator = events.makeAsyncIterator()
        guard case .retrying(attempt: 2, _, _) = await iterator.next() else {
            Issue.record("the second event is not there")
            return
        }
        guard case .recovered(attempts: 3) = await iterator.next() else {
            Issue.record("the last event is not there")
            return
        }
    }
}

@Suite("Nested retries")
struct NestedRetryTests {
    private func retry(_ name: String, attempts: Int = 3, budget: RetryBudget? = nil, multiplies: Bool = false) throws
        -> Retry
    {
        try Retry(
            RetryOptions(
                attempts: attempts, delays: .none, classification: .allNotDone, budget: budget,
                multipliesNestedRetries: multiplies), name: name)
    }

    @Test func `three layers of three attempts make three attempts and not twenty-seven`() async throws {
        let (outer, middle, inner) = (try self.retry("outer"), try self.retry("middle"), try self.retry("inner"))
        let script = Script([Failure()])
        await #expect(throws: Failure.self) {
            try await outer.execute { try await middle.execute { try await inner.execute { try script.run() } } }
        }
        #expect(script.runs == 3)
        #expect(inner.statistics.retries == 2, "who is nearest to the failure retries")
        #expect(outer.statistics.surrenders == [.allowance: 1])
    }

    @Test func `a layer that was told to multiply does`() async throws {
        let (outer, inner) = (try self.retry("outer"), try self.retry("inner", multiplies: true))
        let script = Script([Failure()])
        await #expect(throws: Failure.self) {
            try await outer.execute { try await inner.execute { try script.run() } }
        }
        #expect(script.runs == 9)
    }

    @Test func `calls side by side within an attempt share its allowance`() async throws {
        let (outer, inner) = (try self.retry("outer"), try self.retry("inner"))
        let script = Script([Failure()])
        await #expect(throws: Failure.self) {
            try await outer.execute {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<10 { group.addTask { try await inner.execute { try script.run() } } }
                    try await group.waitForAll()
                }
            }
        }
        #expect(script.runs == 12)
    }

    @Test func `a call that passes several layers counts once in their budget`() async throws {
        let budget = try RetryBudget(ratio: 1, minimumPerSecond: 0, clock: ManualClock())
        let outer = try self.retry("outer", attempts: 5, budget: budget)
        let inner = try self.retry("inner", budget: budget)
        try await outer.execute { try await inner.execute {} }
        #expect(budget.balance < 1.5)
        // Also if a layer with another budget, or one that multiplies, lies between.
        let other = try RetryBudget(ratio: 1, minimumPerSecond: 0, clock: ManualClock())
        let between = try self.retry("between", budget: other)
        let greedy = try self.retry("greedy", budget: budget, multiplies: true)
        let before = budget.balance
        try await outer.execute { try await between.execute { try await inner.execute {} } }
        try await outer.execute { try await greedy.execute {} }
        let hedge = Hedge(try HedgeOptions(delay: .fixed(.seconds(60)), budget: budget), name: "hedge")
        try await outer.execute { try await hedge.execute {} }
        try await hedge.execute { try await hedge.execute { try await inner.execute {} } }
        #expect(budget.balance - before < 4.5 && budget.balance - before > 3.5)
        while budget.balance > 1.5 { _ = budget.withdraw() }
        let granted = budget.statistics.granted
        // A layer without a budget uses that of the layer around it.
        let bare = try self.retry("bare")
        let script = Script([Failure()])
        await #expect(throws: ResilienceError.self) {
            try await outer.execute { try await bare.execute { try script.run() } }
        }
        #expect(budget.statistics == (granted: granted + 2, refused: 1))
    }

    @Test func `the number of the attempt is there to be sent along`() async throws {
        #expect(RetryAttempt.current == nil)
        let retry = try self.retry("numbers")
        let script = Script([Failure(), Failure(), nil])
        let numbers = try await retry.execute {
            _ = try script.run()
            return RetryAttempt.current.map { [$0.number, $0.maximum] }
        }
        #expect(numbers == [3, 3])
        #expect(RetryAttempt.current == nil)
    }
}
