import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Failover")
struct FailoverTests {
    private func failover(
        _ targets: [String] = ["a", "b", "c"], failures: Int = 1, unknown: Bool = false,
        clock: ManualClock = ManualClock()
    ) throws -> Failover<String> {
        try Failover(
            over: targets,
            FailoverOptions(
                failuresToOpen: failures, firstRest: .seconds(10), longestRest: .seconds(60), returnAfter: .zero,
                retriesUnknownOutcomes: unknown), name: "test",
            clock: clock)
    }

    @Test func `a call that a target refused goes on to the next`() async throws {
        let failover = try self.failover()
        let target = try await failover.execute { target in
            if target != "c" { throw ResilienceError.refused }
            return target
        }
        #expect(target == "c")
        #expect(failover.presentTarget == 2)
        #expect(try await failover.execute { $0 } == "c", "and the next call goes there at once")
    }

    @Test func `an unknown outcome goes on only if that was asked for`() async throws {
        let careful = try self.failover()
        await #expect(throws: Failure(number: 1)) { try await careful.execute { _ in throw Failure(number: 1) } }
        #expect(try await careful.execute { $0 } == "b")
        let asked = try self.failover(unknown: true)
        #expect(
            try await asked.execute { target in
                if target == "a" { throw Failure() }
                return target
            } == "b")
    }

    @Test func `an answer that is an error speaks for the target`() async throws {
        let failover = try self.failover()
        for _ in 1...5 {
            await #expect(throws: ResilienceError.self) {
                try await failover.execute { _ in throw ResilienceError(.invalidRequest, "bad") }
            }
        }
        #expect(failover.presentTarget == 0)
    }

    @Test func `a budget that is used up is judged by its cause, and a layer that is gone as not done`() async throws {
        for (code, cause) in [
            (ResilienceError.Code.budgetExhausted, ResilienceError.refused), (.closed, nil), (.disabled, nil),
        ] {
            let failover = try self.failover(["a", "b"])
            let target = try await failover.execute { target in
                if target == "a" { throw ResilienceError(code, "gone", cause: cause) }
                return target
            }
            #expect(target == "b")
            #expect(failover.presentTarget == 1)
        }
        // Without a cause, or with an unknown one, the outcome is unknown; a final cause is an answer.
        for (cause, isHealthy) in [
            (nil, false), (Failure(), false), (ResilienceError(.invalidRequest, "bad"), true),
        ] as [((any Error)?, Bool)] {
            let failover = try self.failover(["a", "b"])
            await #expect(throws: ResilienceError.self) {
                try await failover.execute { _ in throw ResilienceError(.budgetExhausted, "no more", cause: cause) }
            }
            #expect((failover.health[0] == .healthy) == isHealthy)
        }
    }

    @Test func `when all are out it says so, with the last error and the time of the next try`() async throws {
        let clock = ManualClock()
        let failover = try self.failover(unknown: true, clock: clock)
        let first = await #expect(throws: ResilienceError.self) {
            try await failover.execute { _ in throw Failure(number: 4) }
        }
        #expect(first?.code == .noneAvailable)
        #expect(first?.cause as? Failure == Failure(number: 4))
        clock.advance(by: .seconds(3))
        let second = await #expect(throws: ResilienceError.self) { try await failover.execute { $0 } }
        #expect(second?.code == .noneAvailable)
        #expect(second?.retryAfter == .seconds(7))
        #expect(second?.cause == nil)
        clock.advance(by: .seconds(7))
        #expect(try await failover.execute { $0 } == "a")
    }

    @Test func `no further target is tried after the deadline`() async throws {
        let clock = ManualClock()
        let failover = try self.failover(clock: clock)
        let script = Script([ResilienceError.refused])
        let error = await #expect(throws: ResilienceError.self) {
            try await Deadline.within(.seconds(1), on: clock) {
                try await failover.execute { _ in
                    clock.advance(by: .seconds(2))
                    _ = try script.run()
                }
            }
        }
        #expect(error?.code == .bulkheadFull)
        #expect(script.runs == 1)
    }

    @Test func `a cancellation is not held against the target, and ends the call`() async throws {
        let clock = ManualClock()
        let failover = try self.failover(unknown: true, clock: clock)
        let call = Task {
            try await failover.execute { _ in
                do { try await clock.sleep(for: .seconds(1)) } catch { throw Failure(number: 5) }
            }
        }
        try await clock.waitForSleepers()
        call.cancel()
        await #expect(throws: Failure(number: 5)) { try await call.value }
        #expect(failover.health == [.healthy, .healthy, .healthy])
    }

    @Test func `changes are told`() async throws {
        let clock = ManualClock()
        let failover = try self.failover(["a", "b"], clock: clock)
        let changes = failover.changes()
        _ = try? await failover.execute { _ in throw Failure() }
        clock.advance(by: .seconds(10))
        _ = try await failover.execute { $0 }
        _ = try await failover.execute { $0 }
        var iterator = changes.makeAsyncIterator()
        #expect(await iterator.next() == .out(target: 0, for: .seconds(10)))
        #expect(failover.presentTarget == 0)
    }

    @Test func `settings that cannot work are refused with their value`() throws {
        func message(_ body: () throws -> FailoverOptions) -> String? {
            let error = #expect(throws: ResilienceError.self) { _ = try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try FailoverOptions(failuresToOpen: 0) }?.contains("0 failures") == true)
        #expect(message { try FailoverOptions(failuresToOpen: -2) }?.contains("-2") == true)
        #expect(message { try FailoverOptions(firstRest: .zero) }?.contains("0.0 seconds") == true)
        #expect(message { try FailoverOptions(longestRest: .seconds(1)) }?.contains("1.0 seconds") == true)
        #expect(message { try FailoverOptions(longestRest: .seconds(Int64.max)) }?.contains("9.22") == true)
        #expect(message { try FailoverOptions(returnAfter: .seconds(-1)) }?.contains("-1") == true)
        let options = try FailoverOptions()
        let none = #expect(throws: ResilienceError.self) { try Failover(over: [Int](), options, name: "empty") }
        #expect(none?.message.contains("0 targets") == true)
    }
}
