import ColonyBalancing
import ColonyCore
import ColonyHashing
import ColonySimulation
import Testing

@Suite("Pitfalls of load balancing")
struct PitfallTests {
    /// Weights 5, 1, 1 give a a b a c a a, and shares are exact over each cycle, also after a weight has changed.
    @Test func smoothSequenceExact() throws {
        let balancer = try makeBalancer(makeEndpoints([5, 1, 1]), .weightedRoundRobin)
        for _ in 0..<3 {
            #expect(try balancer.picks(7) == ["a", "a", "b", "a", "c", "a", "a"])
        }
        try balancer.setEndpoints(makeEndpoints([2, 3, 1]))
        for _ in 0..<4 {
            #expect(try balancer.tally(6) == ["a": 2, "b": 3, "c": 1])
        }
        _ = try balancer.picks(4)
        try balancer.setEndpoints(makeEndpoints([100, 300, 200]))
        #expect(try balancer.tally(600) == ["a": 100, "b": 300, "c": 200])
    }

    /// A call counts as load from the moment of the pick, long before a connection is there, and exactly until it ends, however it ends.
    @Test func loadCountedAtSelection() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .leastRequest(.all))
        let first = try balancer.pick()
        let second = try balancer.pick()
        #expect(first.number != second.number)
        #expect(balancer.status.map(\.callsUnderWay) == [1, 1])
        let third = try balancer.pick()
        let busy = third.endpoint.name
        #expect(balancer.status.map(\.callsUnderWay).sorted() == [1, 2])
        let fourth = try balancer.pick()
        #expect(fourth.endpoint.name != busy)
        first.succeed()
        second.fail(.timedOut)
        third.cancel()
        #expect(balancer.status.map(\.callsUnderWay).reduce(0, +) == 1)
        Self.forget(fourth)
        let status = balancer.status
        #expect(status.map(\.callsUnderWay) == [0, 0])
        #expect(status.reduce(0) { $0 + $1.successes } == 1)
        #expect(status.reduce(0) { $0 + $1.failures } == 1)
        #expect(status.reduce(0) { $0 + $1.timeouts } == 1)
        #expect(status.reduce(0) { $0 + $1.cancellations } == 2)
    }

    /// What a thrown error does to a pick.
    private static func forget(_ pick: consuming Pick) {}

    /// Below the threshold health is ignored, at a threshold of 0 a call fails at once with a typed error.
    @Test func panicIsExplicit() throws {
        let brave = try makeBalancer(makeEndpoints([1, 1, 1, 1]), .roundRobin, panic: 0.5)
        let plain = try makeBalancer(makeEndpoints([1, 1, 1, 1]), .roundRobin)
        for balancer in [brave, plain] {
            for name in ["a", "b"] as [EndpointName] {
                try balancer.setHealth(of: name, isHealthy: false, by: "http", reason: "status 500")
            }
            #expect(try balancer.tally(100) == ["c": 50, "d": 50], "at the threshold there is no panic")
        }
        for balancer in [brave, plain] { try balancer.setHealth(of: "c", isHealthy: false, by: "http") }
        #expect(try brave.tally(100) == ["a": 25, "b": 25, "c": 25, "d": 25])
        #expect(brave.explain().levels.contains { $0.contains("health is ignored") })
        #expect(try plain.tally(100) == ["d": 100])
        for balancer in [brave, plain] { try balancer.setHealth(of: "d", isHealthy: false, by: "http") }
        #expect(try brave.tally(100).count == 4)
        let error = #expect(throws: BalancingError.self) { try plain.pick().succeed() }
        #expect(error?.code == .noneAvailable)
        #expect(error?.message.contains("4 endpoints") == true)
        #expect(error?.message.contains("out of health") == true)
    }

    /// Removing one of N endpoints moves the keys of that one, and hardly any others; the order of the list does not count.
    @Test(arguments: [
        (BalancingAlgorithm.ringHash(loadFactor: nil), 1.0), (.rendezvous, 1.0), (.maglev, 2.0),
    ])
    func hashDisruptionBounded(algorithm: BalancingAlgorithm, bound: Double) throws {
        let count = 20
        let keys = 20_000
        let endpoints = try makeManyEndpoints(count)
        let before = try makeBalancer(endpoints, algorithm)
        let shuffled = try makeBalancer(endpoints.reversed(), algorithm, seed: 7)
        let after = try makeBalancer(Array(endpoints.dropFirst()), algorithm)
        let homes = try before.picks(keys) { PickContext(key: "key-\($0)") }
        #expect(try shuffled.picks(keys) { PickContext(key: "key-\($0)") } == homes)
        let moved = zip(homes, try after.picks(keys) { PickContext(key: "key-\($0)") }).filter { $0 != $1 }.count
        #expect(Double(moved) / Double(keys) <= bound / Double(count) + 0.02)
        // An endpoint that is out of health keeps its place: only its own keys go elsewhere, and they come back.
        try before.setHealth(of: "e000", isHealthy: false, by: "tcp")
        let meanwhile = try before.picks(keys) { PickContext(key: "key-\($0)") }
        #expect(zip(homes, meanwhile).allSatisfy { $0 == "e000" ? $1 != "e000" : $0 == $1 })
        try before.setHealth(of: "e000", isHealthy: true, by: "tcp")
        #expect(try before.picks(keys) { PickContext(key: "key-\($0)") } == homes)
    }
}
