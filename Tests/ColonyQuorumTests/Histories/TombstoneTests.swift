import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Deletes")
struct TombstoneTests {
    /// Whether a value that was deleted while a server was away came back.
    private func comesBack(
        _ seed: Seed, away duration: Duration, _ conflicts: QuorumSettings.Conflicts
    ) throws -> Bool {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            let store = try cluster.store("client0") { settings in
                settings.conflicts = conflicts
                settings.tombstoneGrace = .seconds(100)
                settings.hintLifetime = .zero
            }
            try await store.write([1], to: "k", at: .strong)
            // All three have it.
            try await simulation.clock.sleep(for: .seconds(1))
            var generator = simulation.generator(for: "faults")
            let away = cluster.servers[Int.random(in: 0..<3, using: &generator)]
            away.set(.down)
            try await store.delete("k", at: .strong)
            try await simulation.clock.sleep(for: duration)
            away.heal()
            var isBack = false
            for _ in 0..<6 {
                let read = try await store.read("k", at: .strong)
                if !read.values.isEmpty { isBack = true }
            }
            return isBack
        }
    }

    @Test(
        "are not undone by a server that was away, within the grace",
        arguments: [.lastWriteWins, .siblings] as [QuorumSettings.Conflicts])
    func staysDeleted(_ conflicts: QuorumSettings.Conflicts) throws {
        for seed in Seeds.many(250) {
            let isBack = try self.comesBack(seed, away: .seconds(90), conflicts)
            try #require(!isBack, "seed \(seed)")
        }
    }

    @Test("are undone by a server that was away for longer, as the documentation says, and the checker sees it")
    func graceIsReal() throws {
        let found = try Seeds.some(20).contains { try self.comesBack($0, away: .seconds(110), .lastWriteWins) }
        #expect(found)
    }

    @Test("are forgotten when the grace is over")
    func forgotten() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            let store = try cluster.store("client0") { settings in
                settings.tombstoneGrace = .seconds(10)
                settings.hintLifetime = .seconds(10)
            }
            try await store.write([1], to: "k")
            try await store.delete("k")
            try await simulation.clock.sleep(for: .seconds(11))
            for server in cluster.servers {
                let held = try await server.tier.get(["k"])[0]
                #expect(held == nil)
            }
            return true
        }
    }
}
