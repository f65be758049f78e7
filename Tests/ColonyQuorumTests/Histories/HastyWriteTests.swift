import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Writes that do not ask first")
struct HastyWriteTests {
    /// Two processes with clocks far apart write one key in turn; the names of the writes that were not read
    /// afterwards.
    private func vanished(_ seed: Seed) throws -> [String] {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            let stores = try (0..<2).map { index in
                try cluster.store(NodeID(stringLiteral: "client\(index)"), skew: .milliseconds(400 * index))
            }
            var generator = simulation.generator(for: "pauses")
            var vanished: [String] = []
            for number in 0..<12 {
                let value = "v\(number)"
                try await stores[(number + 1) % 2].write(Array(value.utf8), to: "k")
                let read = try await stores[number % 2].read("k", at: .strong)
                if read.value != Array(value.utf8) { vanished.append(value) }
                try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 0...30, using: &generator)))
            }
            return vanished
        }
    }

    @Test("never vanish under an older write of a process whose clock is ahead")
    func neverVanish() throws {
        for seed in Seeds.many() {
            let vanished = try self.vanished(seed)
            try #require(vanished.isEmpty, "seed \(seed): \(vanished)")
        }
    }

    /// What contradicts where all writes are hasty, and all reads strong.
    private func contradictions(_ seed: Seed) throws -> [String] {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            var clients = RegisterClients(cluster: cluster)
            clients.keys = ["a"]
            clients.writeLevel = { .eventual }
            for server in cluster.servers { server.answerWithin(.milliseconds(40)) }
            let all = clients
            let tasks = try (0..<3).map { index in
                let store = try cluster.store(
                    NodeID(stringLiteral: "client\(index)"), skew: .milliseconds(120 * index))
                return simulation.spawn {
                    try await all.run(store, using: simulation.generator(for: "client \(index)"))
                }
            }
            try await all.disturb(most: 1, using: simulation.generator(for: "faults"))
            for task in tasks { try await task.value }
            return all.history.contradictions
        }
    }

    @Test("come after all that was acknowledged, and strong reads never go back behind them")
    func comeAfter() throws {
        for seed in Seeds.many() {
            let contradictions = try self.contradictions(seed)
            try #require(contradictions.isEmpty, "seed \(seed): \(contradictions.prefix(3))")
        }
    }

    @Test("take one round trip where servers compare ranks, and two where they do not")
    func roundTrips() throws {
        for (seed, trips) in [(Seed(rawValue: 0), 1), (Seed(rawValue: 4), 2)] {
            try Simulation(seed: seed).run { simulation in
                let cluster = try SimulatedCluster(simulation, servers: 3)
                let store = try cluster.store("client0")
                try await store.write([1], to: "k")
                for server in cluster.servers { server.answerIn(.milliseconds(5)) }
                let start = simulation.elapsed
                try await store.write([2], to: "k")
                let took = simulation.elapsed - start
                #expect(took == .milliseconds(10 * trips), "seed \(seed)")
                return true
            }
        }
    }
}
