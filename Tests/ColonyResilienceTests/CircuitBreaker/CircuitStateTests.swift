import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("The states of a circuit breaker")
struct CircuitStateTests {
    enum Event: CaseIterable {
        case success, failure, ignoredError, lateFailure, timeBeforeWait, waitPasses, probeIsLost, forceOpen, disable,
            reset
    }

    /// Every state × every event. One failure opens the breaker, one probe closes it.
    static let table: [CircuitBreakerState: [Event: CircuitBreakerState]] = [
        .closed: [
            .success: .closed, .failure: .open, .ignoredError: .closed, .lateFailure: .closed, .timeBeforeWait: .closed,
            .waitPasses: .closed, .probeIsLost: .closed, .forceOpen: .forcedOpen, .disable: .disabled, .reset: .closed,
        ],
        .open: [
            .success: .open, .failure: .open, .ignoredError: .open, .lateFailure: .open, .timeBeforeWait: .open,
            .waitPasses: .halfOpen, .probeIsLost: .halfOpen, .forceOpen: .forcedOpen, .disable: .disabled,
            .reset: .closed,
        ],
        .halfOpen: [
            .success: .closed, .failure: .open, .ignoredError: .halfOpen, .lateFailure: .halfOpen,
            .timeBeforeWait: .halfOpen, .waitPasses: .halfOpen, .probeIsLost: .open, .forceOpen: .forcedOpen,
            .disable: .disabled, .reset: .closed,
        ],
        .forcedOpen: [
            .success: .forcedOpen, .failure: .forcedOpen, .ignoredError: .forcedOpen, .lateFailure: .forcedOpen,
            .timeBeforeWait: .forcedOpen, .waitPasses: .forcedOpen, .probeIsLost: .forcedOpen, .forceOpen: .forcedOpen,
            .disable: .disabled, .reset: .closed,
        ],
        .disabled: [
            .success: .disabled, .failure: .disabled, .ignoredError: .disabled, .lateFailure: .disabled,
            .timeBeforeWait: .disabled, .waitPasses: .disabled, .probeIsLost: .disabled, .forceOpen: .forcedOpen,
            .disable: .disabled, .reset: .closed,
        ],
    ]

    let clock = ManualClock()

    /// A breaker in a state, and a call that was admitted before it got there.
    func makeBreaker(in state: CircuitBreakerState) throws -> (CircuitBreaker, late: HeldPermit) {
        let options = try CircuitBreakerOptions(
            window: .calls(1), failureRate: 1, wait: .init(.seconds(10)), probes: 1, probeTimeout: .seconds(60))
        let breaker = CircuitBreaker(options, clock: self.clock)
        let late = try #require(HeldPermit(of: breaker))
        switch state {
        case .closed: breaker.reset()
        case .open: try breaker.acquire().fail()
        case .halfOpen:
            try breaker.acquire().fail()
            self.clock.advance(by: .seconds(10))
        case .forcedOpen: breaker.forceOpen()
        case .disabled: breaker.disable()
        }
        #expect(breaker.state == state)
        return (breaker, late)
    }

    @Test(arguments: CircuitBreakerState.allCases, Event.allCases)
    func `every event in every state leads where the table says`(state: CircuitBreakerState, event: Event) throws {
        let (breaker, late) = try self.makeBreaker(in: state)
        switch event {
        case .success: if let permit = breaker.tryAcquire() { permit.succeed() }
        case .failure: if let permit = breaker.tryAcquire() { permit.fail() }
        case .ignoredError: if let permit = breaker.tryAcquire() { permit.fail(CancellationError()) }
        case .lateFailure: if let permit = late.take() { permit.fail() }
        case .timeBeforeWait: self.clock.advance(by: .nanoseconds(9_999_999_999))
        case .waitPasses: self.clock.advance(by: .seconds(10))
        case .probeIsLost:
            let lost = HeldPermit(of: breaker)
            self.clock.advance(by: .seconds(60))
            #expect(breaker.state == Self.table[state]?[event])
            withExtendedLifetime(lost) {}
        case .forceOpen: breaker.forceOpen()
        case .disable: breaker.disable()
        case .reset: breaker.reset()
        }
        #expect(breaker.state == Self.table[state]?[event])
    }

    @Test func `it agrees with a naive model over random schedules`() throws {
        var visited: Set<CircuitBreakerState> = []
        for seed in Seed(rawValue: 4_000).followed(by: 200) {
            var run = try CircuitModelRun(seed: seed)
            for step in 0..<1_000 {
                let complaint = run.step()
                visited.insert(run.state)
                if let complaint {
                    Issue.record("seed \(seed), step \(step): \(complaint)")
                    return
                }
            }
        }
        #expect(visited.count == CircuitBreakerState.allCases.count)
    }
}
