import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

/// Clients that read and write registers at random, and servers with which something is wrong at random.
struct RegisterClients: Sendable {
    let cluster: SimulatedCluster
    let history = RegisterHistory()
    var keys: [CacheKey] = ["a", "b", "c"]
    var calls = 16
    var level: @Sendable () -> ConsistencyLevel = { .strong }
    /// The level of writes, if it is another one.
    var writeLevel: (@Sendable () -> ConsistencyLevel)?

    /// Lets one client work to its end.
    func run(_ store: QuorumStore, using generator: SeededGenerator) async throws {
        var generator = generator
        let client = store.node.rawValue
        for number in 0..<self.calls {
            let key = self.keys.randomElement(using: &generator) ?? "a"
            let chance = Int.random(in: 0..<10, using: &generator)
            do throws(QuorumError) {
                if chance < 5 {
                    let began = self.history.now()
                    let read = try await store.read(key, at: self.level())
                    self.history.end(
                        .read(read.value.map { String(decoding: $0, as: UTF8.self) }), of: key, by: client,
                        stamp: read.context.stamp, began: began)
                } else if chance < 9 {
                    let value = "\(client).\(number)"
                    let began = self.history.beginWrite(value)
                    let write = try await store.write(Array(value.utf8), to: key, at: (self.writeLevel ?? self.level)())
                    self.history.end(.write(value), of: key, by: client, stamp: write.context.stamp, began: began)
                } else {
                    let began = self.history.now()
                    let write = try await store.delete(key, at: (self.writeLevel ?? self.level)())
                    self.history.end(.write(nil), of: key, by: client, stamp: write.context.stamp, began: began)
                }
            } catch {
                // Too few servers, or an unknown outcome: the history knows that the value was begun.
                let expected: [QuorumError.Code] = [.unavailable, .unknown]
                guard expected.contains(error.code) else { throw error }
            }
            let pause = Int64.random(in: 0...20_000_000, using: &generator)
            try await self.cluster.simulation.clock.sleep(for: .nanoseconds(pause))
        }
    }

    /// Lets something be wrong with at most `most` servers at a time, and with none at the end.
    func disturb(most: Int, rounds: Int = 8, using generator: SeededGenerator) async throws {
        var generator = generator
        for _ in 0..<rounds {
            self.cluster.healAll()
            for server in self.cluster.servers.shuffled(using: &generator).prefix(most) {
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: server.set(.down)
                case 1: server.set(.hanging)
                case 2: server.set(.losingAnswers)
                default: server.cutOff(NodeID(stringLiteral: "client\(Int.random(in: 0..<3, using: &generator))"))
                }
            }
            let pause = Int64.random(in: 20_000_000...150_000_000, using: &generator)
            try await self.cluster.simulation.clock.sleep(for: .nanoseconds(pause))
        }
        self.cluster.healAll()
    }
}
