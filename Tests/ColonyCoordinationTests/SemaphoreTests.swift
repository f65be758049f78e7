import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

extension Process {
    func semaphore(
        _ name: LeaseName, permits: Int, on engine: some PermitEngine, order: PermitOrder = .arrival,
        _ configuration: LockConfiguration = LockConfiguration()
    ) -> Semaphore {
        Semaphore(
            name, permits: permits, on: engine, order: order, configuration: configuration, keeper: self.keeper,
            room: self.room)
    }
}

@Suite struct SemaphoreTests {
    @Test func aPermitIsRenewedForAsLongAsItsBodyRunsAndThenGivenBack() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let semaphore = Process(simulation).semaphore("uploads", permits: 2, on: engine)
            try await semaphore.withPermits(2) { _ in
                try await simulation.clock.sleep(for: .seconds(300))
                #expect(try await semaphore.inspect().held == 2)
                #expect(try await semaphore.tryAcquire() == nil)
            }
            #expect(try await semaphore.inspect().held == 0)
        }
    }

    @Test func thePermitOfADeadHolderComesBackAfterItsLease() throws {
        try Simulation(seed: 2).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let cut = FaultyEngine(base, clock: simulation.clock)
            let dead = try #require(
                try await Process(simulation).semaphore("uploads", permits: 1, on: cut).tryAcquire())
            cut.cut()
            let living = Process(simulation).semaphore("uploads", permits: 1, on: base)
            let start = simulation.clock.now
            let held = try #require(try await living.acquire())
            #expect(start.duration(to: simulation.clock.now) == .seconds(30))
            #expect(!dead.isHeld, "the dead holder, were it alive, would know")
            #expect(held.token > dead.token)
            try await held.release()
        }
    }

    @Test func inTheOrderOfArrivalARequestForManyIsNotOvertaken() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let first = try #require(
                try await Process(simulation).semaphore("uploads", permits: 3, on: engine).tryAcquire())
            let many = simulation.spawn {
                try await Process(simulation).semaphore("uploads", permits: 3, on: engine).acquire(3)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let few = simulation.spawn {
                try await Process(simulation).semaphore("uploads", permits: 3, on: engine).acquire(1)
            }
            // Longer than a claim lasts, so that it must have been repeated.
            try await simulation.clock.sleep(for: .seconds(25))
            #expect(try await engine.inspectPermits("uploads").held == 1, "two permits lie idle for the one who waits")
            try await first.release()
            let held = try #require(try await many.value)
            #expect(held.permits == 3)
            try await held.release()
            try await few.value?.release()
        }
    }

    @Test func inAnyOrderARequestForFewOvertakesInTheSameProcessToo() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let semaphore = Process(simulation).semaphore("uploads", permits: 3, on: engine, order: .any)
            let first = try #require(try await semaphore.tryAcquire())
            let many = simulation.spawn { try await semaphore.acquire(3) }
            try await simulation.clock.sleep(for: .seconds(1))
            let few = try #require(try await semaphore.acquire(1, waiting: .seconds(5)))
            try await few.release()
            try await first.release()
            try await many.value?.release()
        }
    }

    @Test func whoGivesUpOrIsCancelledLeavesNoClaim() throws {
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let holder = Process(simulation).semaphore("uploads", permits: 2, on: engine)
            let held = try #require(try await holder.tryAcquire())
            let process = Process(simulation)
            let other = process.semaphore("uploads", permits: 2, on: engine)
            #expect(try await other.acquire(2, waiting: .seconds(3)) == nil)
            #expect(try await other.inspect().claims.isEmpty, "the limit has passed")
            let waiting = simulation.spawn { try await other.acquire(2) }
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(try await other.inspect().claims.count == 1)
            #expect(process.room.waiters(forPermitsOf: "uploads", on: engine).count == 1)
            waiting.cancel()
            let error = await #expect(throws: CoordinationError.self) { try await waiting.value }
            #expect(error?.code == .cancelled)
            #expect(try await other.inspect().claims.isEmpty, "the task was cancelled")
            try await held.release()
            #expect(process.room.waiters(forPermitsOf: "uploads", on: engine).isEmpty)
        }
    }

    @Test func aWaiterThatDiesInTheQueueDelaysTheNextByOneClaim() throws {
        try Simulation(seed: 6).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let cut = FaultyEngine(base, clock: simulation.clock)
            let held = try #require(
                try await Process(simulation).semaphore("uploads", permits: 1, on: base).tryAcquire())
            let dying = simulation.spawn {
                try await Process(simulation).semaphore("uploads", permits: 1, on: cut).acquire(waiting: .seconds(20))
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let living = simulation.spawn {
                try await Process(simulation).semaphore("uploads", permits: 1, on: base).acquire()
            }
            try await simulation.clock.sleep(for: .seconds(1))
            cut.cut()
            try await held.release()
            let start = simulation.clock.now
            let next = try #require(try await living.value)
            #expect(start.duration(to: simulation.clock.now) <= .seconds(10))
            _ = await dying.result
            try await next.release()
        }
    }

    @Test func theLossOfThePermitsCancelsTheBody() throws {
        try Simulation(seed: 7).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let semaphore = Process(simulation).semaphore("uploads", permits: 2, on: engine)
            let wasCancelled = Mutex(false)
            let work = simulation.spawn {
                try await semaphore.withPermit { _ in
                    defer { wasCancelled.withLock { $0 = Task.isCancelled } }
                    try await simulation.clock.sleep(for: .seconds(1_000))
                }
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let holder = try #require(try await semaphore.inspect().holders.first)
            _ = try await engine.returnPermits("uploads", owner: holder.owner, token: holder.token)
            let error = await #expect(throws: CoordinationError.self) { try await work.value }
            #expect(error?.code == .leaseLost)
            #expect(wasCancelled.withLock { $0 })
            #expect(simulation.elapsed <= .seconds(11), "a third of the lease at the most")
        }
    }

    @Test func onlyTheFirstOfAProcessTalksToTheEngineAndTurnsAreKept() throws {
        try Simulation(seed: 8).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock)
            let semaphore = Process(simulation).semaphore("uploads", permits: 1, on: engine)
            let held = try #require(try await semaphore.tryAcquire())
            let served = Mutex<[Int]>([])
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<50 {
                tasks.append(
                    simulation.spawn {
                        try await semaphore.withPermit { _ in served.withLock { $0.append(number) } }
                    })
                try await simulation.clock.sleep(for: .milliseconds(1))
            }
            #expect(try await base.inspectPermits("uploads").claims.count == 1, "one contender for each process")
            #expect(engine.count(of: .waitForPermits) == 1)
            try await held.release()
            for task in tasks { try await task.value }
            #expect(served.withLock { $0 } == Array(0..<50))
        }
    }

    @Test func whatCanNeverBeGrantedIsRefusedWithItsNumber() async throws {
        for (count, permits) in [(0, 2), (3, 2), (-1, 2), (1, 0), (1, 1_000_001)] {
            let semaphore = Semaphore("x", permits: permits, on: .memory())
            let error = await #expect(throws: CoordinationError.self) { try await semaphore.tryAcquire(count) }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\(count > permits || count < 1 ? count : permits)") == true)
        }
        let error = #expect(throws: CoordinationError.self) {
            _ = try Semaphore("x", permits: 1, on: .memory(), requiring: .linearizable)
        }
        #expect(error?.code == .guaranteeNotMet)
    }

    /// Faults, processes that stop, and any mix of requests: never more holders than permits by the store, never more
    /// believers than permits, and after the faults everything comes back.
    @Test(arguments: Seed(rawValue: 0x5E3A).followed(by: 150))
    func neverMoreThanThePermitsAreHeld(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            var world = simulation.generator(for: "world")
            let permits = Int.random(in: 1...4, using: &world)
            let order: PermitOrder = Bool.random(using: &world) ? .arrival : .any
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let believers = Mutex<[HeldLock]>([])
            var tasks: [Task<Void, any Error>] = []
            for process in 0..<4 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(process)"),
                    plan: {
                        LeaseFault.drawn(rarity: $0 == .waitForPermits ? 20 : 8, longest: .seconds(20), using: &$1)
                    })
                let semaphore = Process(simulation).semaphore(
                    "uploads", permits: permits, on: engine, order: order, LockConfiguration(duration: .seconds(10)))
                for task in 0..<2 {
                    var generator = simulation.generator(for: "task \(process) \(task)")
                    let rounds = (0..<3).map { _ in
                        (
                            Int.random(in: 1...permits, using: &generator),
                            Duration.milliseconds(Int.random(in: 1...15_000, using: &generator))
                        )
                    }
                    tasks.append(
                        simulation.spawn {
                            for (count, length) in rounds {
                                guard let held = try? await semaphore.acquire(count) else { continue }
                                believers.withLock { $0.append(held) }
                                try await simulation.clock.sleep(for: length)
                                believers.withLock { all in all.removeAll { $0 === held } }
                                _ = try? await held.release()
                            }
                        })
                }
            }
            let audit = simulation.spawn {
                while !Task.isCancelled {
                    let record = try await base.inspectPermits("uploads")
                    #expect(record.held <= permits, "seed \(seed)")
                    let believed = believers.withLock { all in
                        all.filter { $0.isHeld }.reduce(0) { $0 + $1.permits }
                    }
                    #expect(believed <= permits, "seed \(seed)")
                    try await simulation.clock.sleep(for: .milliseconds(237))
                }
            }
            for task in tasks { try await task.value }
            audit.cancel()
            _ = await audit.result
            // What was not given back runs out: the lease, and claims before it.
            let all = try await Process(simulation).semaphore("uploads", permits: permits, on: base)
                .acquire(permits, waiting: .seconds(25))
            try await #require(all).release()
        }
    }
}
