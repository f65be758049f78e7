import ColonyCore
import Synchronization

/// What all calls to a shared cache go through: a deadline, and rests while it fails.
final class TierGate: Sendable {
    fileprivate struct State {
        var rest: TierRest
        var generator: any RandomNumberGenerator & Sendable
        var failures: UInt64 = 0
        var skippedCalls: UInt64 = 0
    }

    private let deadline: Duration
    private let backoff: Backoff
    private let clock: any MonotonicClock
    private let onProblem: (@Sendable (TierProblem) -> Void)?
    private let state: Mutex<State>

    init(_ options: TieredCacheOptions, generator: any RandomNumberGenerator & Sendable) {
        self.deadline = options.deadline
        self.backoff = options.rest
        self.clock = options.clock
        self.onProblem = options.onProblem
        self.state = Mutex(State(rest: TierRest(after: options.failuresBeforeRest), generator: generator))
    }

    /// Makes a call, unless the shared cache is being left alone.
    ///
    /// - Throws: What the call throws; `unavailable` also after the deadline and during a rest.
    func call<Answer: Sendable>(
        _ request: @escaping @Sendable () async throws(CacheError) -> Answer
    ) async throws(CacheError) -> Answer {
        let admission = self.state.withLock { state in
            let admission = state.rest.admit(at: self.clock.now)
            if admission != .go { state.skippedCalls += 1 }
            return admission
        }
        if case .refused = admission {
            throw CacheError(
                .unavailable, "the shared cache failed several times in a row and is left alone for a while")
        }
        do throws(CacheError) {
            let answer = try await BoundedCall.run(
                upTo: self.deadline, on: self.clock,
                timeOut: CacheError(.unavailable, "the shared cache did not answer within \(self.deadline)"), request)
            self.ended(.success, nil)
            return answer
        } catch {
            switch error.code {
            case .unavailable: self.ended(.failure, error)
            case .cancelled, .closed: self.ended(.unknown, nil)
            // Every other error is an answer.
            default: self.ended(.success, nil)
            }
            throw error
        }
    }

    private func ended(_ outcome: TierRest.Outcome, _ error: CacheError?) {
        let problem = self.state.withLock { state -> TierProblem? in
            let wasResting = state.rest.isResting
            let (rests, failures) = (state.rest.restAfterFailure, state.rest.failures)
            var rest = Duration.zero
            if case .failure = outcome {
                state.failures += 1
                if let rests { rest = state.drawRest(after: rests, self.backoff) }
            }
            state.rest.ended(outcome, at: self.clock.now, rest: rest)
            if let error, state.rest.isResting, state.rest.failures > failures { return .resting(rest, error) }
            return wasResting && !state.rest.isResting ? .recovered : nil
        }
        if let problem { self.onProblem?(problem) }
    }

    /// How long to wait before something is tried again that failed so often.
    func pause(after failures: Int) -> Duration {
        self.state.withLock { $0.drawRest(after: failures, self.backoff) }
    }

    /// Failures, calls that were not made, and whether the shared cache is left alone.
    var counts: (failures: UInt64, skippedCalls: UInt64, isResting: Bool) {
        self.state.withLock { ($0.failures, $0.skippedCalls, $0.rest.isResting) }
    }
}

extension TierGate.State {
    /// Half of the greatest wait, and a random share of the other half: full jitter alone may wait for no time at all.
    fileprivate mutating func drawRest(after failures: Int, _ backoff: Backoff) -> Duration {
        let half = Backoff(
            initial: max(.nanoseconds(1), backoff.initial / 2), maximum: max(.nanoseconds(1), backoff.maximum / 2),
            multiplier: backoff.multiplier)
        var generator = DrawnGenerator(base: self.generator)
        defer { self.generator = generator.base }
        let drawn = half.delay(after: failures, using: &generator)
        var greatest = HighestNumbers()
        return half.delay(after: failures, using: &greatest) + drawn
    }
}

/// A generator behind a protocol, for functions that take one of a type.
private struct DrawnGenerator: RandomNumberGenerator {
    var base: any RandomNumberGenerator & Sendable
    mutating func next() -> UInt64 { self.base.next() }
}

/// Draws the end of every range.
private struct HighestNumbers: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
}
