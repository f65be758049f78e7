import ColonyCaches
import ColonyClocks
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Replicated values")
struct ReplicatedValueTests {
    /// What clients do when a change ended with `unknown`.
    private enum Habit {
        /// They know that it is part of the next write.
        case trust
        /// They make it again: a planted bug, which counts it twice.
        case repeatUnknown
        /// They begin anew on what a quorum holds, as a process does that keeps its replica on the servers: a planted bug,
        /// which forgets what was not acknowledged.
        case beginAnew
    }

    /// What the counters of three processes say, and what was counted.
    private func counts(_ seed: Seed, _ habit: Habit) throws -> (values: [Int128], sum: Int) {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let stores = try (0..<3).map { index in
                try cluster.store(NodeID(stringLiteral: "client\(index)")) { $0.conflicts = .siblings }
            }
            let tasks = stores.enumerated().map { index, store in
                simulation.spawn { () -> (DistributedCounter, Int) in
                    var generator = simulation.generator(for: "client \(index)")
                    var counter = try DistributedCounter("likes", in: store, generator: &generator)
                    var sum = 0
                    for _ in 0..<10 {
                        let amount = Int.random(in: -5...9, using: &generator)
                        do throws(QuorumError) {
                            try await counter.add(amount)
                            sum += amount
                        } catch {
                            guard error.code == .unknown else { continue }
                            sum += amount
                            switch habit {
                            case .trust: break
                            case .repeatUnknown: _ = try? await counter.add(amount)
                            case .beginAnew:
                                counter = try DistributedCounter("likes", in: store, generator: &generator)
                            }
                        }
                    }
                    return (counter, sum)
                }
            }
            let clients = RegisterClients(cluster: cluster)
            try await clients.disturb(
                most: habit == .trust ? 1 : 3, rounds: 5, using: simulation.generator(for: "faults"))
            var sum = 0
            var counters: [DistributedCounter] = []
            for task in tasks {
                let (counter, counted) = try await task.value
                counters.append(counter)
                sum += counted
            }
            try await simulation.clock.sleep(for: .seconds(2))
            for counter in counters { try await counter.flush() }
            var values: [Int128] = []
            for counter in counters { values.append(try await counter.value()) }
            return (values, sum)
        }
    }

    @Test("counters lose no change, whatever becomes of single calls, and all processes come to the same value")
    func counters() throws {
        for seed in Seeds.many() {
            let (values, sum) = try self.counts(seed, .trust)
            try #require(values.allSatisfy { $0 == Int128(sum) }, "seed \(seed): \(values) instead of \(sum)")
        }
    }

    @Test("and the checker finds a change that is made again because its outcome was not known")
    func findsDoubleCounting() throws {
        let found = try Seeds.some(60).contains { seed in
            let (values, sum) = try self.counts(seed, .repeatUnknown)
            return values.contains { $0 != Int128(sum) }
        }
        #expect(found)
    }

    @Test("and the checker finds a process that forgets what it has counted")
    func findsForgottenChanges() throws {
        let found = try Seeds.some(60).contains { seed in
            let (values, sum) = try self.counts(seed, .beginAnew)
            return values.contains { $0 != Int128(sum) }
        }
        #expect(found)
    }

    @Test("sets of two processes come to hold what both have put in")
    func sets() throws {
        try Simulation(seed: 1).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let first = try ReplicatedValue<ORSet<String>>(
                "tags", in: cluster.store("client0") { $0.conflicts = .siblings })
            let second = try ReplicatedValue<ORSet<String>>(
                "tags", in: cluster.store("client1") { $0.conflicts = .siblings })
            async let one = first.update { set, replica in try set.add("swift", at: replica) }
            async let two = second.update { set, replica in try set.add("distributed", at: replica) }
            _ = try await (one, two)
            let value = try await first.value()
            #expect(value.contains("swift") && value.contains("distributed"))
            return true
        }
    }

    @Test("need a store that keeps siblings")
    func needSiblings() throws {
        try Simulation(seed: 1).run { simulation in
            let store = try SimulatedCluster(simulation).store("client0")
            let error = #expect(throws: QuorumError.self) { try DistributedCounter("likes", in: store) }
            #expect(error?.code == .invalidConfiguration)
            return true
        }
    }
}
