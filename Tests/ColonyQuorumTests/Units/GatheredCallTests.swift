import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Requests that begin together")
struct GatheredCallTests {
    /// What runs first is up to the seed, so that some writes come too late for the first call, and here and there all
    /// but one do.
    @Test("go together from the first call on, and wait for one more at the most", arguments: [1, 4])
    func burst(callsPerServer: Int) throws {
        var first: [Int] = []
        for seed: Seed in [0, 8, 16, 24, 32, 40] {
            first += try Simulation(seed: seed).run { simulation in
                let cluster = try SimulatedCluster(simulation, servers: 3)
                for server in cluster.servers { server.answerIn(.milliseconds(1)) }
                let store = try cluster.store("client0") { $0.callsPerServer = callsPerServer }
                let writes = (0..<100).map { number in
                    simulation.spawn { try await store.write([1], to: CacheKey("k\(number)")) }
                }
                for write in writes { _ = try await write.value }
                #expect(simulation.elapsed <= .milliseconds(4), "seed \(seed)")
                try await simulation.clock.sleep(for: .milliseconds(10))
                #expect(cluster.servers.allSatisfy { $0.raises.reduce(0, +) == 100 }, "seed \(seed)")
                return cluster.servers.map { $0.raises[0] }
            }
        }
        // One alone would be the rule if a call were made of what is there when the first request comes.
        #expect(first.sorted()[first.count / 2] > 10, "\(first)")
    }
}
