import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Strong reads and writes")
struct StrongHistoryTests {
    /// The contradictions of one run.
    private func contradictions(
        _ seed: Seed, careless: Bool = false, level: @escaping @Sendable () -> ConsistencyLevel = { .strong },
        _ change: @escaping @Sendable (inout QuorumSettings) -> Void = { _ in }
    ) throws -> (contradictions: [String], count: Int) {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            var clients = RegisterClients(cluster: cluster)
            clients.level = level
            // In every second run the servers are so slow that reads see writes on their way, and all want one key.
            if seed.rawValue % 2 == 1 {
                clients.keys = ["a"]
                for server in cluster.servers { server.answerWithin(.milliseconds(40)) }
            }
            let all = clients
            let tasks = try (0..<3).map { index in
                let node = NodeID(stringLiteral: "client\(index)")
                // The wall clocks are apart, but less than the drift bound.
                let store = try cluster.store(
                    node, skew: .milliseconds(120 * index), journal: MemoryHintJournal(), careless: careless, change)
                return simulation.spawn {
                    try await all.run(store, using: simulation.generator(for: "client \(index)"))
                }
            }
            try await all.disturb(most: 1, using: simulation.generator(for: "faults"))
            for task in tasks { try await task.value }
            return (all.history.contradictions, all.history.count)
        }
    }

    @Test("are linearizable for each key while one of five servers fails, hangs, or is cut off")
    func linearizable() throws {
        var count = 0
        for seed in Seeds.many() {
            let (contradictions, calls) = try self.contradictions(seed)
            count += calls
            try #require(contradictions.isEmpty, "seed \(seed): \(contradictions.prefix(3))")
        }
        #expect(count > 20 * Seeds.many().count, "\(count) calls ended well")
    }

    @Test("and the checker finds quorums that do not meet")
    func findsQuorumsThatDoNotMeet() throws {
        let found = try Seeds.some(60).contains { seed in
            try !self.contradictions(seed, level: { .eventual }) { settings in
                settings.readQuorum = 1
                settings.writeQuorum = 1
            }.contradictions.isEmpty
        }
        #expect(found)
    }

    @Test("and the checker finds reads that do not wait for their repair")
    func findsReadsThatDoNotRepair() throws {
        let found = try Seeds.some(100).contains { seed in
            try !self.contradictions(seed, level: { .eventual }).contradictions.isEmpty
        }
        #expect(found)
    }

    @Test("and the checker finds servers that take an old write after a new one")
    func findsCarelessServers() throws {
        let found = try Seeds.some(60).contains { seed in
            try !self.contradictions(seed, careless: true).contradictions.isEmpty
        }
        #expect(found)
    }
}
