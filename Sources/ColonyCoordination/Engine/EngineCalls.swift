import ColonyCore
import Synchronization

/// How an engine is asked that may be away: each request has a limit, and what could not be reached is asked again after
/// growing, jittered pauses.
final class EngineCalls: Sendable {
    let clock: any MonotonicClock
    let requestLimit: Duration
    private let backoff: Backoff
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    init(
        clock: any MonotonicClock, backoff: Backoff, requestLimit: Duration,
        generator: any RandomNumberGenerator & Sendable
    ) {
        self.clock = clock
        self.backoff = backoff
        self.requestLimit = requestLimit
        self.generator = Mutex(generator)
    }

    /// One request, given up as `unavailable` when the request limit has passed.
    func once<Answer: Sendable>(
        isShielded: Bool = false, _ request: @escaping @Sendable () async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        try await BoundedCall.run(upTo: self.requestLimit, on: self.clock, isShielded: isShielded, request)
    }

    /// One request that waits at the engine for up to `limit`.
    func waiting<Answer: Sendable>(
        upTo limit: Duration, _ request: @escaping @Sendable () async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        try await BoundedCall.run(upTo: max(.zero, limit) + self.requestLimit, on: self.clock, request)
    }

    /// Repeats what the engine could not be reached for, with growing pauses, until the deadline.
    func retrying<Answer>(
        until deadline: MonotonicInstant, _ operation: (_ remaining: Duration) async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        var failures = 0
        while true {
            do throws(LeaseError) {
                return try await operation(self.clock.now.duration(to: deadline))
            } catch {
                guard error.code == .unavailable else { throw error }
                failures += 1
                let resumption = self.clock.now.advanced(by: self.pause(after: failures))
                guard resumption < deadline else { throw error }
                try await self.sleep(until: resumption)
            }
        }
    }

    /// How long to leave an engine alone that has failed so often in a row.
    func pause(after failures: Int) -> Duration { self.pause(after: failures, self.backoff) }

    func pause(after failures: Int, _ backoff: Backoff) -> Duration {
        self.generator.withLock { backoff.delay(after: max(1, failures), using: &$0) }
    }

    /// A duration drawn evenly from the second half of `duration`, so that many who began together do not go on together.
    func jittered(_ duration: Duration) -> Duration {
        let nanoseconds = max(2, duration.clampedNanoseconds)
        return .nanoseconds(self.generator.withLock { Int64.random(in: nanoseconds / 2...nanoseconds, using: &$0) })
    }

    func sleep(until instant: MonotonicInstant) async throws(LeaseError) {
        do {
            try await self.clock.sleep(until: instant, tolerance: nil)
        } catch {
            throw LeaseError(.cancelled, "the wait for the engine was cancelled", cause: error)
        }
    }
}
