import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

/// What broke in other lock services, by the name of what must hold instead.
@Suite struct LockPitfallTests {
    @Test func pausedHolderCannotWrite() throws {
        try Simulation(seed: 1).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let store = FaultyLeaseEngine(base, clock: simulation.clock)
            let register = FencedRegister(checksTokens: true)
            let stopped = Process(simulation).lock("job", on: store)
            let other = Process(simulation).lock("job", on: base)
            // Nothing of the stopped process runs: its renewals do not arrive, and its loss is not noticed.
            store.follow(.on(.renew, .hangBefore))
            let held = try #require(try await stopped.tryAcquire())
            try await simulation.clock.sleep(for: .milliseconds(30_001))
            let successor = try #require(try await other.tryAcquire())
            register.write(successor.token, by: 2)
            register.write(held.token, by: 1)
            #expect(register.state.withLock { $0.refused } == 1, "the stale write is refused before any signal")
            #expect(try await held.waitUntilLost() == .ranOut)
            #expect(!held.isHeld)
            try await successor.release()
        }
    }

    @Test func waiterChecksOwnLease() throws {
        try Simulation(seed: 2).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let store = FaultyLeaseEngine(
                base, clock: simulation.clock, plan: .on(.tryAcquire, .delayAfter(.seconds(4))))
            let lock = Process(simulation).lock("job", on: store, LockConfiguration(duration: .seconds(3)))
            let error = await #expect(throws: CoordinationError.self) { try await lock.acquire() }
            #expect(error?.code == .leaseLost, "the grant was over before its answer arrived")
        }
    }

    @Test func noRenewAfterUnlock() throws {
        try Simulation(seed: 3).run(limit: 10_000_000) { simulation in
            var generator = simulation.generator(for: "rounds")
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let store = FaultyLeaseEngine(
                base, clock: simulation.clock, seed: 4,
                plan: .random(.init(delayBefore: 0.5, delayAfter: 0.3, longestDelay: .milliseconds(300))))
            let lock = Process(simulation).lock("job", on: store, LockConfiguration(duration: .seconds(1)))
            var rounds = 0
            for round in 0..<10_000 {
                guard let held = try? await lock.tryAcquire() else { continue }
                rounds += 1
                // Around a third of the lease, so that renewals and the release are under way at the same time.
                try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 250...420, using: &generator)))
                _ = try? await held.release()
                let after = try await base.inspect("job")
                #expect(after == nil, "round \(round)")
                try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 0...400, using: &generator)))
                let later = try await base.inspect("job")
                #expect(later == nil, "round \(round): a renewal brought the lease back")
            }
            #expect(rounds > 9_900)
            #expect(store.callCount(of: .renew) > 3_000, "renewals were under way")
        }
    }

    @Test func renewalSurvivesReconnect() throws {
        try Simulation(seed: 5).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let store = FaultyLeaseEngine(base, clock: simulation.clock)
            let lock = Process(simulation).lock("job", on: store)
            let held = try #require(try await lock.tryAcquire())
            store.follow(.on(.renew, .errorBefore))
            try await simulation.clock.sleep(for: .seconds(25))
            store.follow(.none)
            try await simulation.clock.sleep(for: .seconds(100))
            #expect(held.isHeld, "renewal goes on after the connection is back")

            store.follow(.on(.renew, .errorBefore))
            #expect(try await held.waitUntilLost() == .ranOut)
            try await simulation.clock.sleep(for: .seconds(10))
            store.follow(.none)
            let again = try #require(try await lock.tryAcquire())
            try await simulation.clock.sleep(for: .seconds(100))
            #expect(again.isHeld, "a lock that had run out is renewed after it was taken again in the same process")
            try await again.release()
        }
    }

    @Test func onlyOwnerReleases() throws {
        try Simulation(seed: 6).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let store = FaultyLeaseEngine(base, clock: simulation.clock)
            let slow = Process(simulation).lock(
                "job", on: store, LockConfiguration(renewsAutomatically: false, releaseLimit: .seconds(60)))
            let held = try #require(try await slow.tryAcquire())
            store.follow(.on(.release, .delayBefore(.seconds(40))))
            let releasing = simulation.spawn { try await held.release() }
            try await simulation.clock.sleep(for: .seconds(31))
            let present = try #require(try await Process(simulation).lock("job", on: base).tryAcquire())
            let wasHeld = try await releasing.value
            #expect(!wasHeld)
            #expect(
                try await base.inspect("job")?.token == present.token, "the delayed release frees nobody else's lock")
            try await present.release()

            store.follow(.on(.release, .delayBefore(.seconds(1))))
            let second = try #require(try await slow.tryAcquire())
            let cancelled = simulation.spawn { try await second.release() }
            try await simulation.clock.sleep(for: .milliseconds(500))
            cancelled.cancel()
            _ = await cancelled.result
            #expect(try await base.inspect("job") == nil, "a cancelled release still releases")
        }
    }

    @Test func expiryUsesLocalObservation() throws {
        try Simulation(seed: 7).run { simulation in
            let store = MemoryLeaseEngine(clock: simulation.clock)
            // Their clocks are days apart, and each sees only durations of the other.
            let early = SkewedClock(simulation.clock, rate: 1, start: 0)
            let late = SkewedClock(simulation.clock, rate: 1, start: 1 << 50)
            @Sendable func lock(_ clock: SkewedClock, _ duration: Duration) -> DistributedLock {
                DistributedLock(
                    "job", on: SkewedClient(store, clock: clock),
                    configuration: LockConfiguration(duration: duration, renewsAutomatically: false),
                    keeper: LeaseKeeper(clock: clock, executor: simulation.executor), room: WaitingRoom(clock: clock))
            }
            let held = try #require(try await lock(early, .seconds(30)).tryAcquire())
            let start = simulation.clock.now
            // The observer's own setting is shorter than the holder's; the duration in the lease is what counts.
            let observer = simulation.spawn {
                try await lock(late, .seconds(5)).acquire(waiting: .seconds(100_000))
            }
            try await simulation.clock.sleep(for: .seconds(20))
            #expect(held.isHeld)
            late.jump(by: .seconds(36_000))
            try await simulation.clock.sleep(for: .seconds(6))
            #expect(held.isHeld, "a jump of another clock shortens nothing")
            let next = try #require(try await observer.value)
            #expect(start.duration(to: simulation.clock.now) >= .seconds(30))
            try await next.release()
        }
    }

    @Test func tokenMonotonicForever() throws {
        try Simulation(seed: 8).run { simulation in
            var generator = simulation.generator(for: "steps")
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            var highest = FencingToken(rawValue: 0)
            for _ in 0..<1_000 {
                let owner = OwnerID.unique()
                if case .granted(let lease) = try await engine.tryAcquire("job", owner: owner, for: .seconds(1)) {
                    #expect(lease.token > highest)
                    highest = lease.token
                }
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: try await engine.release("job", owner: owner, token: nil)
                case 1: _ = try await engine.breakLease("job")
                case 2: try await simulation.clock.sleep(for: .seconds(2))
                default: break
                }
            }
            #expect(
                engine.guarantee.survival == .nothing, "beyond the process this engine promises nothing, and says so")
        }
    }

    @Test func deadWaiterBounded() throws {
        try Simulation(seed: 9).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let process = Process(simulation)
            let lock = process.lock("job", on: engine)
            let held = try #require(try await lock.tryAcquire())
            let dying = (0..<5).map { _ in simulation.spawn { try await lock.acquire() } }
            try await simulation.clock.sleep(for: .seconds(1))
            let living = simulation.spawn { try await lock.acquire() }
            try await simulation.clock.sleep(for: .seconds(1))
            dying.forEach { $0.cancel() }
            try await held.release()
            let start = simulation.clock.now
            let next = try #require(try await living.value)
            #expect(start.duration(to: simulation.clock.now) == .zero, "five dead waiters cost the next one nothing")
            for task in dying { _ = await task.result }
            #expect(process.room.waiters(for: "job", on: engine).isEmpty)
            try await next.release()
        }
    }

    /// The second half of the pitfall: callers that keep every thread of the pool busy do not stop the heartbeat.
    @Test func busyExecutorDoesNotStopHeartbeats() async throws {
        let engine = MemoryLeaseEngine()
        let lock = DistributedLock("job", on: engine, configuration: LockConfiguration(duration: .seconds(3)))
        let held = try #require(try await lock.tryAcquire())
        let clock = HostClock()
        let end = clock.now.advanced(by: .seconds(5))
        let blockade = ThreadCondition(())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                // Blocks the thread, as synchronous work in a task does; 64 of them leave none of the pool's.
                group.addTask {
                    blockade.waitLoop { _ -> ThreadCondition<Void>.WaitDecision<Void> in
                        let rest = clock.now.duration(to: end)
                        return rest > .zero ? .wait(atMost: rest) : .done(())
                    }
                }
            }
        }
        #expect(held.isHeld)
        #expect(try await engine.inspect("job")?.renewals ?? 0 >= 3)
        try await held.release()
    }
}
