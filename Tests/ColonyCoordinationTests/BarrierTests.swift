import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

extension Process {
    func barrier(
        _ name: LeaseName, parties: Int, on engine: some RegistryEngine, duration: Duration = .seconds(30)
    ) -> Barrier {
        Barrier(name, parties: parties, on: engine, duration: duration, keeper: self.keeper, room: self.room)
    }
}

@Suite struct BarrierTests {
    @Test func allGoOnTogetherGenerationAfterGeneration() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let steps = Mutex<[Int]>([0, 0, 0])
            let tasks = (0..<3).map { number in
                simulation.spawn {
                    let barrier = Process(simulation).barrier("step", parties: 3, on: engine)
                    for round in 0..<4 {
                        try await simulation.clock.sleep(for: .seconds(40 * number))
                        let generation = try await barrier.arriveAndWait(upTo: .seconds(600))
                        #expect(generation == round)
                        steps.withLock { steps in
                            steps[number] += 1
                            #expect(steps.allSatisfy { abs($0 - steps[number]) <= 1 })
                        }
                    }
                }
            }
            for task in tasks { try await task.value }
            #expect(simulation.elapsed == .seconds(320), "the slowest sets the pace, and nobody waits for longer")
            let records = try await engine.snapshot(of: "barrier/step").records
            #expect(records.map(\.key) == ["state"], "nobody who has gone on leaves a record")
        }
    }

    @Test func whoStopsWaitingIsNotCounted() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let barrier = Process(simulation).barrier("step", parties: 2, on: engine)
            let error = await #expect(throws: CoordinationError.self) {
                try await barrier.arriveAndWait(upTo: .seconds(10))
            }
            #expect(error?.code == .timedOut)
            #expect(error?.message.contains("1 of 2 parties") == true)
            let waiting = simulation.spawn { try await barrier.arriveAndWait(upTo: .seconds(100)) }
            try await simulation.clock.sleep(for: .seconds(10))
            waiting.cancel()
            let cancelled = await #expect(throws: CoordinationError.self) { try await waiting.value }
            #expect(cancelled?.code == .cancelled)
            let alone = await #expect(throws: CoordinationError.self) {
                try await barrier.arriveAndWait(upTo: .seconds(10))
            }
            #expect(alone?.code == .timedOut, "neither of the two before is counted")
        }
    }

    @Test func aPartyThatDiesWhileItWaitsIsNoticedAndItsSuccessorCounts() throws {
        try Simulation(seed: 3).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let cut = FaultyEngine(base, clock: simulation.clock)
            let dead = simulation.spawn {
                try await Process(simulation).barrier("step", parties: 3, on: cut).arriveAndWait(upTo: .seconds(300))
            }
            let living = (0..<2).map { number in
                simulation.spawn {
                    try await simulation.clock.sleep(for: .seconds(number == 0 ? 2 : 60))
                    return try await Process(simulation).barrier("step", parties: 3, on: base)
                        .arriveAndWait(upTo: .seconds(300))
                }
            }
            try await simulation.clock.sleep(for: .seconds(1))
            cut.cut()
            try await simulation.clock.sleep(for: .seconds(99))
            // The third has arrived after 60 s, when the first had been dead for longer than its record lasts.
            let state = try #require(try await base.snapshot(of: "barrier/step")["state"])
            #expect(String(decoding: state.value, as: UTF8.self).contains(#""generation":0"#))
            let successor = Process(simulation).barrier("step", parties: 3, on: base)
            #expect(try await successor.arriveAndWait(upTo: .zero) == 0)
            for task in living { #expect(try await task.value == 0) }
            #expect(simulation.elapsed == .seconds(100))
            let error = await #expect(throws: CoordinationError.self) { try await dead.value }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func partiesThatDisagreeAboutTheirNumberAreRefused() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let process = Process(simulation)
            let generation = try await process.barrier("step", parties: 1, on: engine).arriveAndWait(upTo: .zero)
            #expect(generation == 0)
            for parties in [2, 0, 1_001] {
                let error = await #expect(throws: CoordinationError.self) {
                    try await process.barrier("step", parties: parties, on: engine).arriveAndWait(upTo: .seconds(1))
                }
                #expect(error?.code == .invalidRequest)
                #expect(error?.message.contains("\(parties)") == true)
            }
        }
    }

    @Test func fiftyPartiesThatArriveTogetherPass() throws {
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let process = Process(simulation)
            let tasks = (0..<50).map { _ in
                simulation.spawn {
                    try await process.barrier("step", parties: 50, on: engine).arriveAndWait(upTo: .seconds(600))
                }
            }
            for task in tasks {
                let generation = try await task.value
                #expect(generation == 0)
            }
        }
    }

    /// Faults of every kind: whoever passes a generation does so with all others that were counted, and a generation has
    /// exactly as many passers as parties unless one of them could not learn of it.
    @Test(arguments: Seed(rawValue: 0xBA22).followed(by: 100))
    func underFaultsNobodyPassesAlone(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let passed = Mutex<[Int: Int]>([:])
            let unknown = Mutex(0)
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<4 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(number)"),
                    plan: { LeaseFault.drawn(rarity: 8, longest: .seconds(8), using: &$1) })
                let barrier = Process(simulation).barrier("step", parties: 3, on: engine, duration: .seconds(20))
                var generator = simulation.generator(for: "party \(number)")
                let waits = (0..<6).map { _ in Int.random(in: 1...60, using: &generator) }
                tasks.append(
                    simulation.spawn {
                        for wait in waits {
                            do throws(CoordinationError) {
                                let generation = try await barrier.arriveAndWait(upTo: .seconds(wait))
                                passed.withLock { $0[generation, default: 0] += 1 }
                            } catch {
                                if error.code != .timedOut { unknown.withLock { $0 += 1 } }
                            }
                        }
                    })
            }
            for task in tasks { try await task.value }
            let counts = passed.withLock { $0 }
            let lost = unknown.withLock { $0 }
            let missing = counts.values.reduce(0) { $0 + 3 - $1 }
            #expect(counts.values.allSatisfy { $0 <= 3 }, "seed \(seed): \(counts)")
            #expect(missing <= lost, "seed \(seed): \(counts), of which \(lost) could not learn what became of them")
        }
    }
}
