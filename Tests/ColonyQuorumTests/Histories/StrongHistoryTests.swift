import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Strong reads and writes")
struct StrongHistoryTests {
    /// The contradictions of one run.
    private func contradictions(
        _ seed: Seed, flaw: SimulatedCluster.Flaw? = nil,
        level: @escaping @Sendable () -> ConsistencyLevel = { .strong },
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
                    node, skew: .milliseconds(120 * index), journal: MemoryHintJournal(), flaw: flaw, change)
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
            try !self.contradictions(seed, flaw: .careless).contradictions.isEmpty
        }
        #expect(found)
    }

    @Test("and the checker finds servers whose mark does not rise")
    func findsStaleMarks() throws {
        let found = try Seeds.some(60).contains { seed in
            try !self.contradictions(seed, flaw: .staleMarks).contradictions.isEmpty
        }
        #expect(found)
    }

    @Test("cost a write one question for a time, whatever a server holds")
    func roundTrips() throws {
        for seed: Seed in [0, 2, 4] {
            try Simulation(seed: seed).run { simulation in
                let cluster = try SimulatedCluster(simulation, servers: 3)
                let store = try cluster.store("client0")
                try await store.write([1], to: "k", at: .strong)
                try await simulation.clock.sleep(for: .seconds(1))
                for server in cluster.servers { server.answerIn(.milliseconds(5)) }
                let start = simulation.elapsed
                // A key that nothing was written to yet.
                try await store.write([2], to: "l", at: .strong)
                #expect(simulation.elapsed - start == .milliseconds(20), "seed \(seed)")
                return true
            }
        }
    }

    @Test("go on beside a mark that no clock can have reached, or that another program has written")
    func impossibleMarks() throws {
        for mark: [UInt8] in [[0x43, 0x51, 1, 1] + [UInt8](repeating: 0xEE, count: 8), Array("something else".utf8)] {
            try Simulation(seed: 0).run { simulation in
                let cluster = try SimulatedCluster(simulation, servers: 3)
                let stores = try (0..<2).map { index in
                    try cluster.store(NodeID(stringLiteral: "client\(index)"), skew: .milliseconds(400 * index))
                }
                for server in cluster.servers {
                    try await server.tier.set([CacheWrite(QuorumStore.markKey, mark)])
                }
                for number: UInt8 in 0..<6 {
                    try await stores[Int(number + 1) % 2].write([number], to: "k", at: .strong)
                    let read = try await stores[Int(number) % 2].read("k", at: .strong)
                    #expect(read.value == [number])
                }
                return true
            }
        }
    }
}
