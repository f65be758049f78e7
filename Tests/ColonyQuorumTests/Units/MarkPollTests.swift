import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

/// The seeds are those of servers that keep marks.
@Suite("Strong writes that ask for a time together")
struct MarkPollTests {
    /// Servers with a mark, on which every way takes a millisecond, and a store that has waited for all of them.
    private func play(
        _ body: @escaping @Sendable (Simulation, SimulatedCluster, QuorumStore) async throws -> Void
    ) throws {
        try Simulation(seed: 0).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            for server in cluster.servers { server.answerIn(.milliseconds(1)) }
            let store = try cluster.store("client0") { $0.hedge = .milliseconds(150) }
            try await store.write([0], to: "first", at: .strong)
            try await simulation.clock.sleep(for: .milliseconds(10))
            try await body(simulation, cluster, store)
            return true
        }
    }

    @Test("ask a server at most twice, however many begin together")
    func shared() throws {
        try self.play { simulation, cluster, store in
            let before = cluster.servers.map(\.questions)
            let start = simulation.elapsed
            let writes = (0..<100).map { number in
                simulation.spawn { try await store.write([1], to: CacheKey("k\(number)"), at: .strong) }
            }
            for write in writes { _ = try await write.value }
            #expect(zip(cluster.servers, before).allSatisfy { $0.questions - $1 <= 2 })
            #expect(simulation.elapsed - start <= .milliseconds(8))
        }
    }

    @Test("ask a server once more, however many begin while the first question is under way")
    func next() throws {
        try self.play { simulation, cluster, store in
            let before = cluster.servers.map(\.questions)
            let first = simulation.spawn { try await store.write([1], to: "k", at: .strong) }
            try await simulation.clock.sleep(for: .milliseconds(1))
            let writes = (0..<100).map { number in
                simulation.spawn { try await store.write([1], to: CacheKey("k\(number)"), at: .strong) }
            }
            for write in writes + [first] { _ = try await write.value }
            #expect(zip(cluster.servers, before).map { $0.questions - $1 } == [2, 2, 2])
        }
    }

    @Test("wait for no server that they do not need")
    func hanging() throws {
        try self.play { simulation, cluster, store in
            for (number, server) in cluster.servers.enumerated() {
                server.set(.hanging)
                let start = simulation.elapsed
                try await store.write([1], to: CacheKey("k\(number)"), at: .strong)
                #expect(simulation.elapsed - start == .milliseconds(4), "\(server.name) hangs")
                cluster.healAll()
                // Until it is asked again.
                try await simulation.clock.sleep(for: .seconds(2))
                try await store.write([2], to: "first", at: .strong)
                try await simulation.clock.sleep(for: .seconds(2))
            }
        }
    }

    @Test("do not ask a server that has failed lately")
    func failed() throws {
        try self.play { simulation, cluster, store in
            let server = cluster.servers[0]
            server.set(.down)
            try await store.write([1], to: "k", at: .strong)
            let before = server.questions
            for number in 0..<10 { try await store.write([1], to: CacheKey("k\(number)"), at: .strong) }
            // It may be tried again in between.
            #expect(server.questions - before <= 2)
        }
    }

    @Test("get no answer to a question that was sent before they began")
    func late() throws {
        try self.play { simulation, cluster, store in
            let other = try cluster.store("client1", skew: .milliseconds(400))
            for server in cluster.servers { server.answerIn(.milliseconds(1), andBack: .milliseconds(100)) }
            let early = simulation.spawn { try await store.write([1], to: "a", at: .strong) }
            try await simulation.clock.sleep(for: .milliseconds(2))
            for server in cluster.servers { server.answerIn(.milliseconds(1)) }
            try await other.write([2], to: "k", at: .strong)
            // The marks of before are on their way now.
            #expect(simulation.elapsed < .milliseconds(50))
            try await store.write([3], to: "k", at: .strong)
            #expect(try await other.read("k", at: .strong).value == [3])
            _ = try await early.value
        }
    }

    @Test("are done all the same where they need more servers than one question has room for")
    func crowded() throws {
        try Simulation(seed: 0).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 100)
            let store = try cluster.store("client0")
            // Twice, because servers have no mark before they are written to.
            for round: UInt8 in 1...2 {
                let writes = (0..<300).map { number in
                    simulation.spawn { try await store.write([round], to: CacheKey("k\(number)"), at: .strong) }
                }
                for write in writes { _ = try await write.value }
                try await simulation.clock.sleep(for: .seconds(1))
            }
            for number in 0..<300 {
                #expect(try await store.read(CacheKey("k\(number)"), at: .strong).value == [2])
            }
            return true
        }
    }

    @Test("end when they are cancelled, and leave the others alone")
    func cancelled() throws {
        try self.play { simulation, cluster, store in
            for server in cluster.servers { server.answerIn(.milliseconds(20)) }
            let first = simulation.spawn { try await store.write([1], to: "a", at: .strong) }
            let second = simulation.spawn { try await store.write([2], to: "b", at: .strong) }
            let third = simulation.spawn { try await store.write([3], to: "c", at: .strong) }
            try await simulation.clock.sleep(for: .milliseconds(1))
            let start = simulation.elapsed
            second.cancel()
            guard case .failure(let error as QuorumError) = await second.result else {
                Issue.record("a cancelled write was done")
                return
            }
            #expect(error.code == .cancelled && simulation.elapsed == start)
            _ = try await (first.value, third.value)
            #expect(try await store.read("b", at: .strong).value == nil)
            #expect(try await store.read("c", at: .strong).value == [3])
        }
    }
}
