import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

/// An engine whose releases stay on the way for long: the caller hears that it is unavailable, and they take effect later.
private final class LateReleaseEngine: LeaseEngine {
    let base: MemoryLeaseEngine
    private let simulation: Simulation
    private let isLate = Mutex(false)

    init(_ simulation: Simulation) {
        self.base = MemoryLeaseEngine(clock: simulation.clock)
        self.simulation = simulation
    }

    var guarantee: Guarantee { self.base.guarantee }

    /// From now on no answer arrives, and releases take effect after twenty seconds.
    func beLate(_ isLate: Bool) { self.isLate.withLock { $0 = isLate } }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        if self.isLate.withLock({ $0 }) { throw LeaseError(.unavailable, "the request was lost") }
        return try await self.base.tryAcquire(name, owner: owner, for: duration)
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.base.renew(lease, for: duration)
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        guard self.isLate.withLock({ $0 }) else {
            return try await self.base.release(name, owner: owner, token: token)
        }
        let (base, clock) = (self.base, self.simulation.clock)
        _ = self.simulation.spawn {
            try await clock.sleep(for: .seconds(20))
            try await base.release(name, owner: owner, token: token)
        }
        throw LeaseError(.unavailable, "the answer was lost")
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { try await self.base.inspect(name) }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.base.waitForChange(of: name, from: token, upTo: limit)
    }
}

@Suite("An owner that asks again") struct OwnerAttemptTests {
    @Test func `what an earlier attempt gives back late does not end the later grant`() throws {
        try Simulation(seed: 1).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyLeaseEngine(base, clock: simulation.clock)
            let room = WaitingRoom(clock: simulation.clock)
            _ = try await base.tryAcquire("job", owner: "other", for: .seconds(60))
            let first = simulation.spawn {
                try await room.acquire("job", owner: "a", for: .seconds(60), upTo: .seconds(50), on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            engine.follow(.on(.release, .delayBefore(.seconds(3))))
            first.cancel()
            try await simulation.clock.sleep(for: .seconds(1))
            try await base.release("job", owner: "other", token: nil)
            let answer = try await room.acquire("job", owner: "a", for: .seconds(60), upTo: .seconds(20), on: engine)
            _ = await first.result
            try await simulation.clock.sleep(for: .seconds(10))
            let lease = try #require(answer.lease)
            #expect(try await base.inspect("job")?.token == lease.token, "the late release ended the new grant")
        }
    }

    @Test func `an attempt that is cancelled after a later one was granted gives nothing back`() throws {
        try Simulation(seed: 2).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyLeaseEngine(base, clock: simulation.clock, plan: .onCall(1, .hangAfter))
            let room = WaitingRoom(clock: simulation.clock, requestLimit: .seconds(60))
            let first = simulation.spawn {
                try await room.acquire("job", owner: "a", for: .seconds(600), upTo: .seconds(50), on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let second = try await room.acquire("job", owner: "a", for: .seconds(600), upTo: .zero, on: engine)
            let lease = try #require(second.lease)
            first.cancel()
            await #expect(throws: LeaseError.self) { try await first.value }
            #expect(try await base.inspect("job")?.token == lease.token)
            // With nothing else under way, an attempt gives back again.
            engine.follow(.on(.tryAcquire, .errorAfter))
            await #expect(throws: LeaseError.self) {
                try await room.acquire("job", owner: "a", for: .seconds(600), upTo: .zero, on: engine)
            }
            #expect(try await base.inspect("job") == nil)
        }
    }

    @Test func `who waits for what an earlier attempt gives back can be cancelled`() throws {
        try Simulation(seed: 3).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyLeaseEngine(base, clock: simulation.clock)
            let room = WaitingRoom(clock: simulation.clock)
            engine.follow(
                LeaseFaultPlan { call, _ in
                    switch call.operation {
                    case .tryAcquire: .errorAfter
                    case .release: .delayBefore(.seconds(4))
                    default: nil
                    }
                })
            let first = simulation.spawn {
                try await room.acquire("job", owner: "a", for: .seconds(60), upTo: .zero, on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            engine.follow(.on(.release, .delayBefore(.seconds(4))))
            let second = simulation.spawn {
                try await room.acquire("job", owner: "a", for: .seconds(60), upTo: .seconds(30), on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let start = simulation.clock.now
            second.cancel()
            let error = await #expect(throws: LeaseError.self) { try await second.value }
            #expect(error?.code == .cancelled && start.duration(to: simulation.clock.now) == .zero)
            _ = await first.result
            #expect(try await base.inspect("job") == nil, "the first attempt has given back")
        }
    }

    @Test func `a named owner goes on under another identity after a release that may come late`() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = LateReleaseEngine(simulation)
            let process = Process(simulation)
            let lock = process.lock("job", on: engine)
            let owner = LockOwner(id: "worker")
            engine.beLate(true)
            let error = await #expect(throws: CoordinationError.self) {
                try await lock.acquire(waiting: .seconds(2), as: owner)
            }
            #expect(error?.code == .unavailable)
            engine.beLate(false)
            let held = try #require(try await lock.acquire(waiting: .seconds(2), as: owner))
            #expect(held.lease.owner == "worker~1" && owner.identity(for: "job", on: engine) == "worker~1")
            #expect(owner.identity(for: "other", on: engine) == "worker", "another lock has nothing to do with it")
            try await simulation.clock.sleep(for: .seconds(30))
            #expect(held.isHeld)
            #expect(try await engine.inspect("job")?.token == held.token, "the late release ended the grant")
            try await held.release()
        }
    }
}
