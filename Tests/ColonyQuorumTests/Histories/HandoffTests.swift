import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Hand-off")
struct HandoffTests {
    private static func sloppy(_ settings: inout QuorumSettings) {
        settings.membership = .sloppy
        settings.handoffRate = 1_000_000
    }

    /// What is wrong on the servers after one was away and has been given what it missed.
    private func defects(_ seed: Seed, _ makeJournal: (MemoryHintJournal) -> any HintJournal = { $0 }) throws
        -> [String]
    {
        let hints = MemoryHintJournal()
        let journal = makeJournal(hints)
        return try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let store = try cluster.store("client0", journal: journal, Self.sloppy)
            var generator = simulation.generator(for: "faults")
            let away = cluster.servers[Int.random(in: 0..<5, using: &generator)]
            let moods: [SimulatedServer.Mood] = [.down, .hanging, .losingAnswers]
            away.set(moods[Int.random(in: 0..<3, using: &generator)])
            let keys = (0..<25).map { CacheKey(stringLiteral: "k\($0)") }
            var defects: [String] = []
            for (number, key) in keys.enumerated() {
                // Any failure fails the test.
                try await store.write([UInt8(number)], to: key)
                // A sloppy read may miss what a stand-in has; it may not find anything else.
                let value = try await store.read(key).value
                if let value, value != [UInt8(number)] { defects.append("\(key) was read as \(value)") }
            }
            away.heal()
            try await simulation.clock.sleep(for: .seconds(3))
            await store.handOff()
            let counts = try await hints.counts()
            if !counts.isEmpty { defects.append("\(counts) hints are left") }
            for (number, key) in keys.enumerated() where store.servers(for: key).contains(away.name) {
                let held = try await away.tier.get([key])[0]?.value
                let isThere = held.map { $0.count > 8 && $0[$0.count - 9] == UInt8(number) } ?? false
                if !isThere { defects.append("\(key) is not on \(away.name)") }
            }
            for (number, key) in keys.enumerated() {
                let value = try await store.read(key).value
                if value != [UInt8(number)] { defects.append("\(key) was not read") }
            }
            // Who stood in has nothing left.
            for server in cluster.servers {
                for key in try await server.keys()
                where !store.servers(for: key).contains(server.name) {
                    defects.append("\(key) is still on \(server.name)")
                }
            }
            return defects
        }
    }

    @Test("with a sloppy quorum, no call fails while one server is away, and all that it missed comes to it afterwards")
    func nothingFails() throws {
        for seed in Seeds.many() {
            let defects = try self.defects(seed)
            try #require(defects.isEmpty, "seed \(seed): \(defects.prefix(3))")
        }
    }

    @Test("and the checker finds a journal that says it keeps hints and does not")
    func findsForgottenHints() throws {
        let found = try Seeds.some(20).contains { try !self.defects($0) { ForgetfulJournal($0) }.isEmpty }
        #expect(found)
    }

    @Test("and the checker finds hints that do not say who stands in, so that nobody relieves him")
    func findsStandInsThatAreNotRelieved() throws {
        let found = try Seeds.some(20).contains { try !self.defects($0) { JournalWithoutStandIns($0) }.isEmpty }
        #expect(found)
    }

    /// Whether a value comes back by a hint after it was deleted.
    private func comesBack(_ seed: Seed, flaw: SimulatedCluster.Flaw? = nil) throws -> Bool {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let store = try cluster.store("client0", journal: MemoryHintJournal(), flaw: flaw, Self.sloppy)
            let away = try #require(cluster.server(store.servers(for: "k")[0]))
            away.set(.down)
            try await store.write([1], to: "k")
            away.heal()
            try await simulation.clock.sleep(for: .seconds(3))
            try await store.delete("k")
            await store.handOff()
            // What was on its way has arrived.
            try await simulation.clock.sleep(for: .seconds(1))
            // Its kind is that of a value; reads would mend it.
            if try await away.tier.get(["k"])[0]?.value[3] == 1 { return true }
            for _ in 0..<3 where try await !store.read("k").values.isEmpty { return true }
            return false
        }
    }

    @Test("does not bring back what was deleted meanwhile")
    func deletesWin() throws {
        for seed in Seeds.many(100) {
            let isBack = try self.comesBack(seed)
            try #require(!isBack, "seed \(seed)")
        }
    }

    @Test("and the checker finds servers that take an old hint after a delete")
    func findsRevivedValues() throws {
        let found = try Seeds.some(20).contains { try self.comesBack($0, flaw: .careless) }
        #expect(found)
    }

    @Test("leaves hints alone that are too old, because they could bring back what was deleted and forgotten")
    func oldHints() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let store = try cluster.store("client0", journal: MemoryHintJournal()) { settings in
                settings.tombstoneGrace = .seconds(60)
                settings.hintLifetime = .seconds(60)
            }
            let away = try #require(cluster.server(store.servers(for: "k")[0]))
            away.set(.down)
            try await store.write([1], to: "k")
            let kept = store.statistics.hintsKept
            #expect(kept == 1)
            try await simulation.clock.sleep(for: .seconds(61))
            away.heal()
            await store.handOff()
            #expect(store.statistics.hintsExpired == 1)
            #expect(store.statistics.hintsDelivered == 0)
            let held = try await away.tier.get(["k"])[0]
            #expect(held == nil)
            return true
        }
    }

    @Test("of hints that a full journal does not take is counted, and the write is acknowledged all the same")
    func fullJournal() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let store = try cluster.store("client0", journal: MemoryHintJournal(limits: HintLimits(hints: 1)))
            let away = try #require(cluster.server(store.servers(for: "k")[0]))
            away.set(.down)
            try await store.write([1], to: "k")
            try await store.write([2], to: "k")
            #expect(store.statistics.hintsKept == 1)
            #expect(store.statistics.hintsLost == 1)
            return true
        }
    }
}
