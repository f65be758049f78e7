import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

@Suite struct LatchTests {
    @Test func itOpensWhenAllHaveCountedAndNotBefore() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let latch = CountDownLatch("import", count: 3, on: engine, room: Process(simulation).room)
            let waiting = simulation.spawn { try await latch.wait(upTo: .seconds(1_000)) }
            for name in ["a", "b", "c"] as [OwnerID] {
                #expect(try await !latch.wait(upTo: .zero))
                try await simulation.clock.sleep(for: .seconds(100))
                #expect(try await latch.countDown(by: name))
                #expect(try await !latch.countDown(by: name), "a participant counts once")
            }
            #expect(try await waiting.value)
            #expect(simulation.elapsed == .seconds(300), "whoever waits learns of it at once")
            #expect(try await latch.remaining() == 0)
            #expect(try await !latch.countDown(by: "d"), "an open latch counts nobody")
            try await latch.remove()
            #expect(try await engine.snapshot(of: "latch/import").records.isEmpty)
        }
    }

    @Test func theLimitAndCancellationEndTheWait() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = FaultyEngine(MemoryLeaseEngine(clock: simulation.clock), clock: simulation.clock)
            let latch = CountDownLatch("import", count: 1, on: engine, room: Process(simulation).room)
            #expect(try await !latch.wait(upTo: .seconds(100)))
            #expect(simulation.elapsed == .seconds(100))
            let waiting = simulation.spawn { try await latch.wait(upTo: .seconds(100)) }
            try await simulation.clock.sleep(for: .seconds(1))
            waiting.cancel()
            let error = await #expect(throws: CoordinationError.self) { try await waiting.value }
            #expect(error?.code == .cancelled)
            engine.cut()
            let away = await #expect(throws: CoordinationError.self) { try await latch.wait(upTo: .seconds(30)) }
            #expect(away?.code == .unavailable)
            let open = CountDownLatch("open", count: 0, on: engine, room: Process(simulation).room)
            engine.heal()
            #expect(try await open.wait(upTo: .zero))
        }
    }

    @Test func anotherCountIsRefusedAndSoIsOneThatIsNotPossible() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let room = Process(simulation).room
            try await CountDownLatch("import", count: 3, on: engine, room: room).countDown(by: "a")
            for count in [2, -1, 4_096] {
                let latch = CountDownLatch("import", count: count, on: engine, room: room)
                for attempt in 0..<3 {
                    let error = await #expect(throws: CoordinationError.self) {
                        switch attempt {
                        case 0: try await latch.countDown(by: "b")
                        case 1: _ = try await latch.wait(upTo: .zero)
                        default: _ = try await latch.remaining()
                        }
                    }
                    #expect(error?.code == .invalidRequest)
                    #expect(error?.message.contains("\(count)") == true)
                }
            }
        }
    }

    /// Lost answers, repeated calls, participants that start again: each counts once, and the latch opens with the last.
    @Test(arguments: Seed(rawValue: 0x1A7C).followed(by: 100))
    func aRetryAfterALostAnswerDoesNotCountTwice(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let isOpen = Mutex(false)
            let counted = Mutex<Set<Int>>([])
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<5 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(number)"),
                    plan: { LeaseFault.drawn(rarity: 3, longest: .seconds(8), using: &$1) })
                let latch = CountDownLatch("import", count: 5, on: engine, room: Process(simulation).room)
                tasks.append(
                    simulation.spawn {
                        try await simulation.clock.sleep(for: .seconds(number * 20))
                        counted.withLock { _ = $0.insert(number) }
                        for _ in 0..<3 {
                            while true {
                                // A participant that saw an error asks again, under the same name.
                                if (try? await latch.countDown(by: OwnerID("p-\(number)"), waiting: .seconds(5))) != nil
                                {
                                    break
                                }
                                try await simulation.clock.sleep(for: .seconds(1))
                            }
                        }
                    })
                tasks.append(
                    simulation.spawn {
                        while (try? await latch.wait(upTo: .seconds(50))) != true {
                            try await simulation.clock.sleep(for: .seconds(1))
                        }
                        #expect(counted.withLock { $0.count } == 5, "seed \(seed): opened too early")
                        isOpen.withLock { $0 = true }
                    })
            }
            for task in tasks { try await task.value }
            #expect(isOpen.withLock { $0 })
            #expect(try await base.snapshot(of: "latch/import").records.count == 6)
        }
    }
}
