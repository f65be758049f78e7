import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Synchronization
import Testing

@Suite("Siblings")
struct SiblingHistoryTests {
    /// Which values were acknowledged, and which were replaced by somebody who had read them.
    private struct Ledger {
        var acknowledged: Set<String> = []
        var replaced: Set<String> = []
    }

    private func lost(_ seed: Seed, _ conflicts: QuorumSettings.Conflicts) throws -> Set<String> {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation)
            let ledger = Mutex(Ledger())
            var tasks: [Task<Void, any Error>] = []
            for index in 0..<3 {
                let store = try cluster.store(NodeID(stringLiteral: "client\(index)")) { $0.conflicts = conflicts }
                // Two in each process, which share its memory of what it has written.
                for half in 0..<2 {
                    tasks.append(
                        simulation.spawn {
                            try await Self.work(
                                store, "\(index).\(half)", simulation,
                                ledger: { change in ledger.withLock { change(&$0) } })
                        })
                }
            }
            let clients = RegisterClients(cluster: cluster)
            try await clients.disturb(most: 1, using: simulation.generator(for: "faults"))
            for task in tasks { try await task.value }
            let reader = try cluster.store("reader") { settings in
                settings.conflicts = conflicts
                settings.readQuorum = 3
            }
            let left = try await reader.read("k").values.map { String(decoding: $0, as: UTF8.self) }
            return ledger.withLock { $0.acknowledged.subtracting($0.replaced).subtracting(left) }
        }
    }

    private static func work(
        _ store: QuorumStore, _ name: String, _ simulation: Simulation,
        ledger: @Sendable ((inout sending Ledger) -> Void) -> Void
    ) async throws {
        var generator = simulation.generator(for: "client \(name)")
        var context = QuorumContext()
        var seen: Set<String> = []
        for number in 0..<8 {
            do throws(QuorumError) {
                if Int.random(in: 0..<3, using: &generator) > 0 {
                    let read = try await store.read("k", at: .eventual)
                    context = read.context
                    seen = Set(read.values.map { String(decoding: $0, as: UTF8.self) })
                }
                let value = "\(name).\(number)"
                // Whatever becomes of the write, what its writer has read may be gone.
                let replaced = seen
                ledger { $0.replaced.formUnion(replaced) }
                let write = try await store.write(Array(value.utf8), to: "k", context: context)
                ledger { _ = $0.acknowledged.insert(value) }
                // With the context of the answer, the next write replaces this one, and nothing that was not read.
                context = write.context
                seen = [value]
            } catch {
                let expected: [QuorumError.Code] = [.unavailable, .unknown]
                guard expected.contains(error.code) else { throw error }
                (context, seen) = (QuorumContext(), [])
            }
        }
    }

    @Test("are never lost: an acknowledged value stays until somebody who has read it writes")
    func neverLost() throws {
        for seed in Seeds.many() {
            let lost = try self.lost(seed, .siblings)
            try #require(lost.isEmpty, "seed \(seed): \(lost.sorted())")
        }
    }

    @Test("and the checker finds a store that keeps the last write only")
    func findsLastWriteWins() throws {
        let found = try Seeds.some(20).contains { try !self.lost($0, .lastWriteWins).isEmpty }
        #expect(found)
    }

    @Test("beyond the bound are refused, and the message says what to do")
    func bounded() throws {
        try Simulation(seed: 1).run { simulation in
            let store = try SimulatedCluster(simulation).store("client0") { settings in
                settings.conflicts = .siblings
                settings.maximumSiblings = 2
            }
            try await store.write([1], to: "k")
            try await store.write([2], to: "k")
            let error = await #expect(throws: QuorumError.self) { try await store.write([3], to: "k") }
            #expect(error?.code == .tooManySiblings)
            let read = try await store.read("k")
            #expect(read.values.count == 2)
            try await store.write([3], to: "k", context: read.context)
            let values = try await store.read("k").values
            #expect(values == [[3]])
            return true
        }
    }
}
