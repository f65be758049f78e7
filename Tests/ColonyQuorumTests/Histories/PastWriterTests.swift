import ColonyCaches
import ColonyClocks
import ColonyCore
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Writers of siblings that are gone")
struct PastWriterTests {
    private func store(_ cluster: SimulatedCluster, _ number: Int) throws -> QuorumStore {
        try cluster.store(NodeID(stringLiteral: "client\(number)")) { settings in
            settings.conflicts = .siblings
            settings.tombstoneGrace = .seconds(100)
            settings.hintLifetime = .seconds(100)
        }
    }

    /// Ten processes write a key after one another, each with the context of a read.
    private func write(_ cluster: SimulatedCluster) async throws {
        for number in 0..<10 {
            let store = try self.store(cluster, number)
            let read = try await store.read("k")
            try await store.write([UInt8(number)], to: "k", context: read.context)
        }
    }

    @Test("are forgotten when nobody can have missed that they are, and the key does not grow for ever")
    func forgotten() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            try await self.write(cluster)
            let reader = try self.store(cluster, 10)
            let before = try await reader.read("k")
            #expect(before.context.events.count == 10)
            // Past the age at which a writer takes another name, for as long again.
            try await simulation.clock.sleep(for: .seconds(201))
            let read = try await reader.read("k")
            #expect(read.context.events.count == 1)
            #expect(read.value == [9])
            try await reader.write([10], to: "k", context: read.context)
            try await simulation.clock.sleep(for: .seconds(1))
            let after = try await reader.read("k")
            #expect(after.values == [[10]])
            #expect(after.context.events.count == 2)
            for server in cluster.servers {
                let size = try await server.tier.get(["k"])[0]?.value.count ?? 0
                #expect(size < 300, "\(size) bytes on \(server.name)")
            }
            return true
        }
    }

    @Test("are remembered while the key has changed within the grace, though their names are old")
    func remembered() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            try await self.write(cluster)
            try await simulation.clock.sleep(for: .seconds(199))
            let reader = try self.store(cluster, 10)
            let read = try await reader.read("k")
            try await reader.write([10], to: "k", context: read.context)
            try await simulation.clock.sleep(for: .seconds(50))
            let after = try await reader.read("k")
            #expect(after.context.events.count == 11)
            return true
        }
    }

    @Test("take another name when theirs is as old as the grace, and lose nothing by it")
    func renamed() throws {
        for seed in Seeds.many(60) {
            try Simulation(seed: seed).run { simulation in
                let cluster = try SimulatedCluster(simulation, servers: 3)
                let store = try self.store(cluster, 0)
                var context = try await store.write([0], to: "k").context
                for number in 1..<8 {
                    try await simulation.clock.sleep(for: .seconds(60))
                    context = try await store.write([UInt8(number)], to: "k", context: context).context
                    let values = try await store.read("k", at: .strong).values
                    try #require(values == [[UInt8(number)]], "seed \(seed): \(values)")
                }
                return true
            }
        }
    }
}
