import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Servers that forget")
struct AmnesiaTests {
    /// The keys whose last acknowledged value is not read after one server after the other has lost everything.
    private func lost(_ seed: Seed, isReconciled: Bool) throws -> [CacheKey] {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let store = try cluster.store("client0")
            let keys = (0..<20).map { CacheKey(stringLiteral: "k\($0)") }
            for key in keys { try await store.write(Array(key.rawValue.utf8), to: key, at: .strong) }
            // What was on its way to the third server has arrived.
            try await simulation.clock.sleep(for: .seconds(1))
            var generator = simulation.generator(for: "loss")
            for lost in cluster.servers.shuffled(using: &generator) {
                lost.loseEverything()
                guard isReconciled else { continue }
                for server in cluster.servers where server.name != lost.name {
                    _ = try await store.reconcile(server.name, lost.name, rate: 1_000_000)
                }
            }
            var missing: [CacheKey] = []
            for key in keys where try await store.read(key, at: .strong).value != Array(key.rawValue.utf8) {
                missing.append(key)
            }
            return missing
        }
    }

    @Test("one after the other lose nothing that was acknowledged, if each is reconciled before the next one forgets")
    func nothingIsLost() throws {
        for seed in Seeds.many(60) {
            let lost = try self.lost(seed, isReconciled: true)
            try #require(lost.isEmpty, "seed \(seed): \(lost.prefix(3))")
        }
    }

    @Test("and the checker finds that nobody has reconciled them")
    func findsLoss() throws {
        let found = try Seeds.some(5).contains { try !self.lost($0, isReconciled: false).isEmpty }
        #expect(found)
    }
}
