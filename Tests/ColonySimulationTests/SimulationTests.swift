import ColonyCore
import ColonySimulation
import Testing

@Suite("Simulation")
struct SimulationTests {
    /// Five tasks that sleep, pass a baton to each other, and draw numbers: enough to differ in every way that matters.
    private func scenario(seed: Seed) throws -> (hash: UInt64, log: [String]) {
        let simulation = Simulation(seed: seed)
        let log = Recorded<[String]>([])
        try simulation.run { simulation in
            let tasks = (1...5).map { number in
                simulation.spawn {
                    var generator = simulation.generator(for: "task \(number)")
                    for round in 1...10 {
                        try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 0...3, using: &generator)))
                        await Task.yield()
                        log.withLock { $0.append("\(number):\(round) at \(simulation.elapsed)") }
                    }
                }
            }
            for task in tasks { try await task.value }
        }
        return (simulation.traceHash, log.value)
    }

    @Test func `the same seed takes the same steps`() throws {
        for seed in Seed(rawValue: 1).followed(by: 50) {
            let first = try self.scenario(seed: seed)
            let second = try self.scenario(seed: seed)
            #expect(first.hash == second.hash, "seed \(seed)")
            #expect(first.log == second.log, "seed \(seed)")
        }
    }

    @Test func `other seeds show other interleavings`() throws {
        let hashes = try Set(Seed(rawValue: 1).followed(by: 50).map { try self.scenario(seed: $0).hash })
        #expect(hashes.count == 50)
    }

    @Test func `child tasks and actors run in the simulation`() throws {
        actor Counter {
            private(set) var value = 0
            func increment() { self.value += 1 }
        }
        func run() throws -> UInt64 {
            let simulation = Simulation(seed: 9)
            let value = try simulation.run { simulation in
                let counter = Counter()
                await withTaskGroup(of: Void.self) { group in
                    for _ in 1...20 {
                        group.addTask {
                            await counter.increment()
                            try? await simulation.clock.sleep(for: .seconds(1))
                            await counter.increment()
                        }
                    }
                }
                return await counter.value
            }
            #expect(value == 40)
            #expect(simulation.elapsed == .seconds(1))
            return simulation.traceHash
        }
        let hashes = try Set((1...20).map { _ in try run() })
        #expect(hashes.count == 1)
    }

    @Test func `hours pass at once`() throws {
        let simulation = Simulation(seed: 1)
        try simulation.run { simulation in
            for _ in 1...1_000 { try await simulation.clock.sleep(for: .seconds(3_600)) }
        }
        #expect(simulation.elapsed == .seconds(3_600_000))
    }

    @Test func `a deadlock is found and tells the seed`() throws {
        let gate = Recorded<CheckedContinuation<Void, Never>?>(nil)
        let failure = try #require(throws: SimulationFailure.self) {
            try Simulation(seed: 0xBEEF).run { simulation in
                try await simulation.clock.sleep(for: .seconds(5))
                await withCheckedContinuation { continuation in gate.withLock { $0 = continuation } }
            }
        }
        gate.value?.resume()
        guard case .deadlock(openTasks: 1) = failure.reason else {
            Issue.record("\(failure)")
            return
        }
        #expect(failure.description.contains("0x000000000000beef"))
        #expect(failure.elapsed == .seconds(5))
    }

    @Test func `a program that runs in circles meets the step limit`() throws {
        let failure = try #require(throws: SimulationFailure.self) {
            try Simulation(seed: 3).run(limit: 1_000) { simulation in
                while !Task.isCancelled { try await simulation.clock.sleep(for: .seconds(1)) }
            }
        }
        guard case .stepLimit(1_000) = failure.reason else {
            Issue.record("\(failure)")
            return
        }
    }

    @Test func `an error of the program comes with the seed`() throws {
        struct Broken: Error {}
        let failure = try #require(throws: SimulationFailure.self) {
            try Simulation(seed: 5).run { _ in throw Broken() }
        }
        guard case .thrown(let error) = failure.reason else {
            Issue.record("\(failure)")
            return
        }
        #expect(error is Broken)
        #expect(failure.description.contains(Seed(rawValue: 5).description))
    }

    @Test func `spawned tasks end before the run does`() throws {
        let ended = Recorded(false)
        try Simulation(seed: 1).run { simulation in
            simulation.spawn {
                try await simulation.clock.sleep(for: .seconds(100))
                ended.withLock { $0 = true }
            }
        }
        #expect(ended.value)
    }
}
