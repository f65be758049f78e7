import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

/// What a simulated process has of its own.
struct Process: Sendable {
    let keeper: LeaseKeeper
    let room: WaitingRoom

    init(_ simulation: Simulation) {
        self.keeper = LeaseKeeper(clock: simulation.clock, executor: simulation.executor)
        self.room = WaitingRoom(clock: simulation.clock, generator: simulation.generator(for: "back-off"))
    }

    func lock(
        _ name: LeaseName, on engine: some LeaseEngine, _ configuration: LockConfiguration = LockConfiguration()
    ) -> DistributedLock {
        DistributedLock(name, on: engine, configuration: configuration, keeper: self.keeper, room: self.room)
    }
}

@Suite struct DistributedLockTests {
    @Test func aLockIsRenewedForAsLongAsItsBodyRuns() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            let token = try await lock.withLock { lease in
                try await simulation.clock.sleep(for: .seconds(300))
                return lease.token
            }
            #expect(token.rawValue == 1)
            #expect(try await engine.inspect("report") == nil, "the end of the body gives the lock back")
        }
    }

    @Test func theSecondComerWaitsAndTheThirdIsTurnedAway() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let process = Process(simulation)
            let lock = process.lock("report", on: engine)
            let first = try #require(try await lock.tryAcquire())
            let second = simulation.spawn { try await lock.acquire(waiting: .seconds(20)) }
            let third = simulation.spawn { try await lock.acquire(waiting: .seconds(5)) }
            try await simulation.clock.sleep(for: .seconds(10))
            #expect(try await third.value == nil)
            #expect(process.room.waiters(for: "report", on: engine).count == 1)
            try await first.release()
            let held = try #require(try await second.value)
            #expect(held.token > first.token)
            #expect(!first.isHeld)
            try await held.release()
        }
    }

    @Test func timedOutIsAnErrorOfWithLock() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            let held = try #require(try await lock.tryAcquire())
            let error = await #expect(throws: CoordinationError.self) {
                try await lock.withLock(waiting: .seconds(1)) { _ in Issue.record("the body must not run") }
            }
            #expect(error?.code == .timedOut)
            try await held.release()
        }
    }

    @Test func breakingALockCancelsItsBody() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            let wasCancelled = Mutex(false)
            let work = simulation.spawn {
                try await lock.withLock { _ in
                    do {
                        try await simulation.clock.sleep(for: .seconds(1_000))
                    } catch {
                        wasCancelled.withLock { $0 = true }
                        throw error
                    }
                }
            }
            try await simulation.clock.sleep(for: .seconds(1))
            _ = try await engine.breakLease("report")
            let error = await #expect(throws: CoordinationError.self) { try await work.value }
            #expect(error?.code == .leaseLost)
            #expect(wasCancelled.withLock { $0 })
            #expect(simulation.elapsed <= .seconds(11), "a third of the lease at the most")
        }
    }

    @Test func anErrorOfTheBodyPassesThroughAndGivesTheLockBack() throws {
        struct Mishap: Error {}
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            await #expect(throws: Mishap.self) {
                try await lock.withLock { _ in throw Mishap() }
            }
            let record = try await engine.inspect("report")
            #expect(record == nil)
        }
    }

    @Test func aGuaranteeThatTheEngineLacksIsRefusedWhenTheLockIsMade() throws {
        let error = #expect(throws: CoordinationError.self) {
            _ = try DistributedLock("orders/42", on: .memory(), requiring: .linearizable)
        }
        #expect(error?.code == .guaranteeNotMet)
        #expect(error?.message.contains("network was demanded") == true)
        _ = try DistributedLock("orders/42", on: .memory(), requiring: Guarantee(reach: .process, survival: .nothing))
    }

    @Test func absurdDurationsAreRefusedWithTheirValue() async throws {
        for duration in [Duration.zero, .seconds(-1), .seconds(1_000_000), .milliseconds(9)] {
            let lock = DistributedLock("x", on: .memory(), configuration: LockConfiguration(duration: duration))
            let error = await #expect(throws: CoordinationError.self) { try await lock.tryAcquire() }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\(duration)") == true)
        }
    }

    @Test func anOwnerReEntersAndOnlyItsLastReleaseCounts() throws {
        try Simulation(seed: 6).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            let owner = LockOwner()
            try await lock.withLock(as: owner) { outer in
                try await lock.withLock(waiting: .zero, as: owner) { inner in
                    #expect(inner.token == outer.token)
                }
                #expect(try await engine.inspect("report") != nil, "the inner end keeps the lock")
                let stranger = try await lock.tryAcquire()
                #expect(stranger == nil)
            }
            #expect(try await engine.inspect("report") == nil)
        }
    }

    @Test func aSecondFirstAcquisitionOfOneOwnerIsRefused() throws {
        try Simulation(seed: 7).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            let held = try #require(try await lock.tryAcquire())
            let owner = LockOwner()
            let waiting = simulation.spawn { try await lock.acquire(waiting: .seconds(10), as: owner) }
            try await simulation.clock.sleep(for: .seconds(1))
            let error = await #expect(throws: CoordinationError.self) { try await lock.tryAcquire(as: owner) }
            #expect(error?.code == .ownerBusy)
            try await held.release()
            try await waiting.value?.release()
        }
    }

    @Test func eventsTellTheStoryOfALock() throws {
        try Simulation(seed: 8).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let story = Mutex<[String]>([])
            let configuration = LockConfiguration(onEvent: { event in
                story.withLock { story in
                    switch event {
                    case .acquired: story.append("acquired")
                    case .refused: story.append("refused")
                    case .renewed: story.append("renewed")
                    case .renewalFailed: story.append("renewal failed")
                    case .lost(_, let reason): story.append("lost: \(reason)")
                    case .released: story.append("released")
                    }
                }
            })
            let lock = Process(simulation).lock("report", on: engine, configuration)
            let held = try #require(try await lock.tryAcquire())
            #expect(try await lock.tryAcquire() == nil)
            try await simulation.clock.sleep(for: .seconds(15))
            try await held.release()
            let again = try #require(try await lock.tryAcquire())
            _ = try await engine.breakLease("report")
            #expect(try await again.waitUntilLost() == .takenAway)
            #expect(
                story.withLock { $0 } == [
                    "acquired", "refused", "renewed", "released", "acquired", "lost: the engine says that it is over",
                ])
        }
    }

    @Test func aReleaseDoesNotWaitForAStoreThatHangs() throws {
        try Simulation(seed: 9).run { simulation in
            let engine = FaultyLeaseEngine(MemoryLeaseEngine(clock: simulation.clock), clock: simulation.clock)
            let lock = Process(simulation).lock("report", on: engine)
            let held = try #require(try await lock.tryAcquire())
            engine.follow(.on(.release, .hangBefore))
            let start = simulation.clock.now
            let error = await #expect(throws: CoordinationError.self) { try await held.release() }
            #expect(error?.code == .unavailable || error?.code == .cancelled)
            #expect(start.duration(to: simulation.clock.now) == lock.configuration.releaseLimit)
            #expect(!held.isHeld)
        }
    }

    @Test func oneBatchRenewsWhatIsDueTogether() throws {
        try Simulation(seed: 10).run { simulation in
            let engine = FaultyLeaseEngine(MemoryLeaseEngine(clock: simulation.clock), clock: simulation.clock)
            let process = Process(simulation)
            var held: [HeldLock] = []
            for number in 0..<2_500 {
                let lock = process.lock(try LeaseName("lock-\(number)"), on: engine)
                held.append(try #require(try await lock.tryAcquire()))
            }
            #expect(process.keeper.count == 2_500)
            try await simulation.clock.sleep(for: .seconds(11))
            #expect(engine.callCount(of: .renew) == 0)
            #expect(engine.callCount(of: .renewMany) == 3, "2,500 leases in batches of 1,000")
            #expect(held.allSatisfy { $0.isHeld })
            for lock in held { try await lock.release() }
            #expect(process.keeper.count == 0)
        }
    }
}
