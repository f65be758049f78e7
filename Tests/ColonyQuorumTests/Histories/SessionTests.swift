import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Foundation
import Testing

@Suite("Sessions")
struct SessionTests {
    /// A user who goes from process to process, and what she saw that went back.
    private func steps(_ seed: Seed, inSession: Bool) throws -> [String] {
        try Simulation(seed: seed).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            for server in cluster.servers { server.answerWithin(.milliseconds(30)) }
            let stores = try (0..<3).map { index in
                try cluster.store(NodeID(stringLiteral: "client\(index)")) { settings in
                    settings.readQuorum = 1
                    settings.writeQuorum = 1
                    settings.hedge = .milliseconds(70)
                }
            }
            var generator = simulation.generator(for: "user")
            // Others write as well.
            let other = simulation.spawn {
                var generator = simulation.generator(for: "other")
                for number in 0..<15 {
                    _ = try? await stores[number % 3].write(Array("other.\(number)".utf8), to: "k")
                    try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 0...40, using: &generator)))
                }
            }
            var token = QuorumSession().token
            var last: QuorumContext?
            var wrong: [String] = []
            for number in 0..<15 {
                // The token goes over the wire between any two steps.
                let travelled = try JSONDecoder().decode(SessionToken.self, from: JSONEncoder().encode(token))
                let session = try QuorumSession(travelled)
                let level: ConsistencyLevel = inSession ? .causal(session) : .eventual
                let store = stores[Int.random(in: 0..<3, using: &generator)]
                do throws(QuorumError) {
                    if number % 3 == 0 {
                        last = try await store.write(Array("mine.\(number)".utf8), to: "k", at: level).context
                    } else {
                        let read = try await store.read("k", at: level)
                        if let before = last?.stamp, read.context.stamp.map({ $0 < before }) ?? true {
                            wrong.append("read \(String(describing: read.context.stamp)) after \(before)")
                        }
                        last = read.context
                    }
                } catch {
                    let expected: [QuorumError.Code] = [.unavailable, .unknown, .notVisible]
                    guard expected.contains(error.code) else { throw error }
                }
                token = session.token
            }
            try await other.value
            return wrong
        }
    }

    @Test("read their writes and never go back, from process to process, though R + W is not above N")
    func monotone() throws {
        for seed in Seeds.many() {
            let wrong = try self.steps(seed, inSession: true)
            try #require(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
        }
    }

    @Test("and without one, the checker finds reads that go back")
    func findsStaleReads() throws {
        let found = try Seeds.some(60).contains { seed in try !self.steps(seed, inSession: false).isEmpty }
        #expect(found)
    }

    @Test("say that they are full instead of giving a guarantee up")
    func full() throws {
        try Simulation(seed: 1).run { simulation in
            let store = try SimulatedCluster(simulation).store("client0")
            let session = QuorumSession(capacity: 1)
            try await store.write([1], to: "a", at: .causal(session))
            let error = await #expect(throws: QuorumError.self) {
                try await store.write([1], to: "b", at: .causal(session))
            }
            #expect(error?.code == .overloaded)
            session.forget("a")
            try await store.write([1], to: "b", at: .causal(session))
            return true
        }
    }
}
