import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

extension Process {
    func multiLock(
        _ names: [LeaseName], on engine: some LeaseEngine, _ configuration: LockConfiguration = LockConfiguration()
    ) -> MultiLock {
        MultiLock(names, on: engine, configuration: configuration, keeper: self.keeper, room: self.room)
    }
}

@Suite struct MultiLockTests {
    @Test func allAreTakenInByteOrderAndGivenBack() throws {
        try Simulation(seed: 1).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyLeaseEngine(base, clock: simulation.clock)
            let lock = Process(simulation).multiLock(["b", "a", "c", "a", "B"], on: engine)
            #expect(lock.names == ["B", "a", "b", "c"])
            try await lock.withLocks { leases in
                #expect(Set(leases.keys) == ["B", "a", "b", "c"])
                #expect(try await base.heldCount() == 4)
                try await simulation.clock.sleep(for: .seconds(100))
            }
            #expect(try await base.heldCount() == 0)
            let taken = engine.history.filter { $0.call.operation == .tryAcquire }.compactMap { $0.call.name }
            #expect(taken == ["B", "a", "b", "c"])
        }
    }

    @Test func oneThatIsNotFreeLeavesNoneHeld() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let process = Process(simulation)
            let held = try #require(try await process.lock("b", on: engine).tryAcquire())
            let lock = process.multiLock(["a", "b", "c"], on: engine)
            #expect(try await lock.tryAcquire() == nil)
            #expect(try await engine.heldCount() == 1)
            let start = simulation.clock.now
            #expect(try await lock.acquire(waiting: .seconds(10)) == nil)
            #expect(start.duration(to: simulation.clock.now) == .seconds(10), "one deadline for all")
            #expect(try await engine.heldCount() == 1)
            let error = await #expect(throws: CoordinationError.self) {
                try await lock.withLocks(waiting: .seconds(1)) { _ in Issue.record("the body must not run") }
            }
            #expect(error?.code == .timedOut)

            let waiting = simulation.spawn { try await lock.acquire() }
            try await simulation.clock.sleep(for: .seconds(1))
            waiting.cancel()
            let cancelled = await #expect(throws: CoordinationError.self) { try await waiting.value }
            #expect(cancelled?.code == .cancelled)
            #expect(try await engine.heldCount() == 1)
            try await held.release()
        }
    }

    @Test func theLossOfOneCancelsTheBodyAndReleasesTheOthers() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).multiLock(["a", "b", "c"], on: engine)
            let wasCancelled = Mutex(false)
            let work = simulation.spawn {
                try await lock.withLocks { _ in
                    defer { wasCancelled.withLock { $0 = Task.isCancelled } }
                    try await simulation.clock.sleep(for: .seconds(1_000))
                }
            }
            try await simulation.clock.sleep(for: .seconds(1))
            _ = try await engine.breakLease("b")
            let error = await #expect(throws: CoordinationError.self) { try await work.value }
            #expect(error?.code == .leaseLost)
            #expect(error?.message.contains("lease of b") == true)
            #expect(wasCancelled.withLock { $0 })
            #expect(try await engine.heldCount() == 0)
        }
    }

    @Test func oneLostWhileOthersAreWaitedForLeavesNoneHeld() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let process = Process(simulation)
            let held = try #require(try await process.lock("b", on: engine).tryAcquire())
            let waiting = simulation.spawn { try await process.multiLock(["a", "b"], on: engine).acquire() }
            try await simulation.clock.sleep(for: .seconds(1))
            _ = try await engine.breakLease("a")
            try await simulation.clock.sleep(for: .seconds(20))
            try await held.release()
            let error = await #expect(throws: CoordinationError.self) { try await waiting.value }
            #expect(error?.code == .leaseLost)
            #expect(try await engine.heldCount() == 0)
        }
    }

    @Test func theHeldLocksTellWhichWasLost() throws {
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let held = try #require(try await Process(simulation).multiLock(["a", "b"], on: engine).tryAcquire())
            #expect(held.isHeld)
            _ = try await engine.breakLease("b")
            let loss = try #require(try await held.waitUntilLost())
            #expect(loss.name == "b")
            #expect(loss.reason == .takenAway)
            #expect(!held.isHeld)
            #expect(try await !held.release())
        }
    }

    @Test func noNamesAndTooManyAreRefused() async throws {
        for names in [[], try (0...1_000).map { try LeaseName("lock-\($0)") }] {
            let error = await #expect(throws: CoordinationError.self) {
                try await MultiLock(names, on: .memory()).tryAcquire()
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\(names.count) names") == true)
        }
    }

    /// Crossing sets of names under faults end in time: nobody waits for each other.
    @Test(arguments: Seed(rawValue: 0x3017).followed(by: 100))
    func crossingSetsDoNotWaitForEachOther(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            var world = simulation.generator(for: "world")
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let owners = Mutex<[LeaseName: Int]>([:])
            let done = Mutex(0)
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<6 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(number)"),
                    plan: { LeaseFault.drawn(rarity: $0 == .wait ? 30 : 20, longest: .seconds(5), using: &$1) })
                let names = (0..<4).map { "lock-\($0)" as String }.shuffled(using: &world).prefix(3)
                let lock = Process(simulation).multiLock(
                    try names.map { try LeaseName($0) }, on: engine, LockConfiguration(duration: .seconds(10)))
                tasks.append(
                    simulation.spawn {
                        for _ in 0..<3 {
                            guard let held = try? await lock.acquire(waiting: .seconds(300)) else { continue }
                            for name in lock.names where held.isHeld { owners.withLock { $0[name] = number } }
                            try await simulation.clock.sleep(for: .seconds(1))
                            if held.isHeld {
                                let isAlone = owners.withLock { all in lock.names.allSatisfy { all[$0] == number } }
                                #expect(isAlone, "seed \(seed)")
                                done.withLock { $0 += 1 }
                            }
                            _ = try? await held.release()
                        }
                    })
            }
            for task in tasks { try await task.value }
            #expect(done.withLock { $0 } > 6, "seed \(seed)")
        }
    }
}
