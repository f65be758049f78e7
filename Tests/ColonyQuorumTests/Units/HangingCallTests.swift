import ColonyCaches
import ColonyCore
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("Requests behind a call that hangs")
struct HangingCallTests {
    /// How long reads take, one after the other begun while a server hangs, where one call at a time goes to a server.
    private func times(hedge: Duration) throws -> [Duration] {
        try Simulation(seed: 2).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            for server in cluster.servers { server.answerIn(.milliseconds(1)) }
            let store = try cluster.store("client0") { settings in
                settings.callsPerServer = 1
                settings.hedge = hedge
            }
            let key: CacheKey = "k"
            try await store.write([1], to: key)
            try await simulation.clock.sleep(for: .milliseconds(100))
            let first = try #require(cluster.server(store.servers(for: key)[0]))
            first.set(.hanging)
            let tasks = (0..<20).map { number in
                simulation.spawn { () -> Duration in
                    try await simulation.clock.sleep(for: .milliseconds(2 * number))
                    let began = simulation.elapsed
                    let value = try await store.read(key).value
                    #expect(value == [1])
                    return simulation.elapsed - began
                }
            }
            var times: [Duration] = []
            for task in tasks { times.append(try await task.value) }
            return times
        }
    }

    @Test("are as slow as that call, and others are asked before it ends")
    func hedged() throws {
        let times = try self.times(hedge: .milliseconds(20))
        let slowest = times.max() ?? .zero
        #expect(slowest <= .milliseconds(30), "\(times)")
        // Whoever comes when the call is known to be slow does not wait for it.
        #expect(times.suffix(5).allSatisfy { $0 <= .milliseconds(10) }, "\(times)")
    }

    @Test("end when their own time is over, and say that they were never sent")
    func givenUp() throws {
        try Simulation(seed: 2).run { simulation in
            let cluster = try SimulatedCluster(simulation, servers: 3)
            let store = try cluster.store("client0") { settings in
                settings.callsPerServer = 1
                settings.hedge = .milliseconds(20)
            }
            for server in cluster.servers { server.set(.hanging) }
            let first = simulation.spawn { try await store.read("k") }
            try await simulation.clock.sleep(for: .milliseconds(1))
            let second = simulation.spawn { try await store.write([1], to: "k", at: .strong) }
            let hung = await first.result
            guard case .failure(let failure as QuorumError) = hung else { throw failureExpected }
            #expect(failure.code == .unavailable)
            let waiting = await second.result
            guard case .failure(let error as QuorumError) = waiting else { throw failureExpected }
            // Nothing of it was stored, since nothing of it was sent.
            #expect(error.code == .unavailable)
            #expect(simulation.elapsed < .milliseconds(450))
            return true
        }
    }

    private let failureExpected = QuorumError(.unknown, "a call on servers that hang did not fail")
}
