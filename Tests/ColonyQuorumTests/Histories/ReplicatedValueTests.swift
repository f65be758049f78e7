import ColonyCaches
import ColonyClocks
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Replicated values")
struct ReplicatedValueTests {
    @Test("counters lose no change, whatever becomes of single calls, and all processes come to the same value")
    func counters() throws {
        for seed in Seeds.many() {
            try Simulation(seed: seed).run { simulation in
                let cluster = try SimulatedCluster(simulation)
                let counters = try (0..<3).map { index in
                    let store = try cluster.store(NodeID(stringLiteral: "client\(index)")) { $0.conflicts = .siblings }
                    var generator = simulation.generator(for: "name \(index)")
                    return try DistributedCounter("likes", in: store, generator: &generator)
                }
                let tasks = counters.enumerated().map { index, counter in
                    simulation.spawn { () -> Int in
                        var generator = simulation.generator(for: "client \(index)")
                        var sum = 0
                        for _ in 0..<10 {
                            let amount = Int.random(in: -5...9, using: &generator)
                            do throws(QuorumError) {
                                try await counter.add(amount)
                                sum += amount
                            } catch {
                                // It is part of the next write.
                                if error.code == .unknown { sum += amount }
                            }
                        }
                        return sum
                    }
                }
                let clients = RegisterClients(cluster: cluster)
                try await clients.disturb(most: 1, rounds: 5, using: simulation.generator(for: "faults"))
                var sum = 0
                for task in tasks { sum += try await task.value }
                try await simulation.clock.sleep(for: .seconds(2))
                for counter in counters { try await counter.flush() }
                for counter in counters {
                    let value = try await counter.value()
                    try #require(value == Int128(sum), "seed \(seed): \(value) instead of \(sum)")
                }
                return true
            }
        }
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
