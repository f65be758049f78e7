import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

@Suite("Memory engine", .timeLimit(.minutes(5)))
struct MemoryLeaseEngineTests {
    /// A thread that reads the clock and is then held up must not act on what it read: between, others may have been told
    /// that the lease is over.
    @Test func `a renewal that was held up does not revive a lease that others saw end`() async throws {
        let clock = InterruptedClock()
        let engine = MemoryLeaseEngine(clock: clock)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(10)).lease)
        clock.advance(by: .seconds(9))
        let seen = clock.interruptNextReading {
            clock.advance(by: .seconds(2))
            return try await engine.inspect("job")
        }
        let renewed = try await engine.renew(lease, for: .seconds(10))
        let record = try await seen.value
        #expect(renewed == nil || record != nil, "the lease was over for one, and then renewed for another")
    }

    @Test func `leases that have run out do not pile up`() async throws {
        let clock = ManualClock()
        let engine = MemoryLeaseEngine(clock: clock)
        for number in 1...20_000 {
            _ = try await engine.tryAcquire(LeaseName("job-\(number)"), owner: "a", for: .milliseconds(10))
            clock.advance(by: .milliseconds(1))
        }
        // The engine sweeps at 1,024 grants, and about ten of them are alive at any time.
        #expect(engine.retainedGrantCount <= 1_024)
    }
}

/// A clock that, right after a reading, lets something else happen before the reader goes on.
private final class InterruptedClock: MonotonicClock {
    private let clock = ManualClock()
    private let interruption = Mutex<(@Sendable () -> Void)?>(nil)

    var now: MonotonicInstant {
        let now = self.clock.now
        let interruption = self.interruption.withLock { interruption in
            defer { interruption = nil }
            return interruption
        }
        interruption?()
        return now
    }

    var minimumResolution: Duration { self.clock.minimumResolution }

    func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
        try await self.clock.sleep(until: deadline, tolerance: tolerance)
    }

    func advance(by duration: Duration) { self.clock.advance(by: duration) }

    /// Runs `body` in a task of its own when the clock is next read. The reader goes on when it is done; or, if it cannot
    /// be done because the reader is in its way, after a fifth of a second.
    func interruptNextReading<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> Task<Value, any Error> {
        let start = OneShotSignal()
        let done = ThreadCondition(false)
        let task = Task {
            defer {
                done.withLock { $0 = true }
                done.signal()
            }
            try await start.wait()
            return try await body()
        }
        self.interruption.withLock { interruption in
            interruption = {
                start.fire()
                let end = HostClock().now.advanced(by: .milliseconds(200))
                done.waitLoop { isDone in
                    isDone || HostClock().now >= end ? .done(()) : .wait(atMost: .milliseconds(20))
                }
            }
        }
        return task
    }
}
