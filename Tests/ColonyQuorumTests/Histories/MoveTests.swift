import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Moving keys to another ring")
struct MoveTests {
    /// What contradicts while a fourth and a fifth server come and the first goes, under load.
    private func contradictions(_ seed: Seed, isCopied: Bool = true) throws -> [String] {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 5, placed: 3)
            var clients = RegisterClients(cluster: cluster)
            clients.keys = (0..<6).map { CacheKey(stringLiteral: "k\($0)") }
            clients.calls = 30
            let all = clients
            let stores = try (0..<2).map { try cluster.store(NodeID(stringLiteral: "client\($0)")) }
            let tasks = stores.enumerated().map { index, store in
                simulation.spawn { try await all.run(store, using: simulation.generator(for: "client \(index)")) }
            }
            try await simulation.clock.sleep(for: .milliseconds(100))
            let ring = try HashRing(nodes: cluster.servers.dropFirst().map(\.name), pointsPerUnitWeight: 16)
            if isCopied {
                for store in stores { try store.beginMove(to: ring) }
                try await stores[0].moveKeys(rate: 1_000_000)
                for store in stores { try store.endMove() }
            } else {
                for store in stores {
                    try store.beginMove(to: ring)
                    try store.endMove()
                }
            }
            for task in tasks { try await task.value }
            if isCopied {
                try await simulation.clock.sleep(for: .seconds(1))
                for server in cluster.servers {
                    try await stores[0].sweep(server.name, rate: 1_000_000)
                    for key in try await server.keys() {
                        try #require(
                            stores[0].servers(for: key).contains(server.name),
                            "seed \(seed): \(key) was left behind on \(server.name)")
                    }
                }
            }
            return all.history.contradictions
        }
    }

    @Test("loses nothing under load, and reads and writes stay linearizable")
    func losesNothing() throws {
        for seed in Seeds.many(250) {
            let contradictions = try self.contradictions(seed)
            try #require(contradictions.isEmpty, "seed \(seed): \(contradictions.prefix(3))")
        }
    }

    @Test("and the checker finds a ring that is changed without moving the keys")
    func findsForgottenKeys() throws {
        let found = try Seeds.some(20).contains { try !self.contradictions($0, isCopied: false).isEmpty }
        #expect(found)
    }

    @Test("tells how far it has come, and refuses what is out of turn")
    func progress() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 4, placed: 3)
            let store = try cluster.store("client0")
            for number in 0..<50 { try await store.write([1], to: CacheKey(stringLiteral: "k\(number)")) }
            let early = await #expect(throws: QuorumError.self) { try await store.moveKeys() }
            #expect(early?.code == .invalidRequest)
            let ring = try HashRing(nodes: cluster.servers.map(\.name), pointsPerUnitWeight: 16)
            try store.beginMove(to: ring)
            let twice = #expect(throws: QuorumError.self) { try store.beginMove(to: ring) }
            #expect(twice?.code == .invalidRequest)
            let end = try await store.moveKeys(rate: 100)
            #expect(end.serversDone == 3)
            #expect(end.keysSeen >= 100)
            #expect(end.keysMoved > 0)
            // 150 keys are listed at 100 in a second.
            #expect(simulation.elapsed > .seconds(1))
            try store.endMove()
            for number in 0..<50 {
                let value = try await store.read(CacheKey(stringLiteral: "k\(number)"), at: .strong).value
                #expect(value == [1])
            }
            return true
        }
    }
}
