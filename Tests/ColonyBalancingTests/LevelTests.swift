import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("Levels of priority, and zones")
struct LevelTests {
    private func balancer(panic: Double = 0) throws -> LoadBalancer {
        let near = try makeEndpoints([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        let far = try makeEndpoints([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], priority: 1, from: 10)
        return try makeBalancer(near + far, .random, panic: panic)
    }

    /// The share of calls that the first level gets.
    private func firstShare(_ balancer: LoadBalancer) throws -> Double {
        let tally = try balancer.tally(20_000)
        return Double(tally.filter { $0.key < "k" }.values.reduce(0, +)) / 20_000
    }

    private func fail(_ count: Int, _ balancer: LoadBalancer, from letter: UInt8 = 97) throws {
        for number in 0..<count {
            let name = try EndpointName(String(UnicodeScalar(letter + UInt8(number))))
            try balancer.setHealth(of: name, isHealthy: false, by: "tcp")
        }
    }

    /// The table of Envoy's documentation on priority levels, with an overprovisioning factor of 1.4.
    @Test(
        "calls spill over as health goes",
        arguments: [(0, 1.0), (2, 1.0), (3, 0.98), (5, 0.7), (8, 0.28), (10, 0)])
    func callsSpillOver(failed: Int, share: Double) throws {
        let balancer = try self.balancer()
        try self.fail(failed, balancer)
        #expect(abs(try self.firstShare(balancer) - share) < 0.015)
    }

    @Test("levels that together cannot carry the calls share them in proportion to what they can carry")
    func bothAreWeak() throws {
        let balancer = try self.balancer()
        try self.fail(8, balancer)
        try self.fail(9, balancer, from: 107)
        // 0.28 and 0.14 of what is needed.
        #expect(abs(try self.firstShare(balancer) - 2.0 / 3) < 0.015)
    }

    @Test("no level panics while another carries its calls")
    func panicIsTheLastResort() throws {
        let balancer = try self.balancer(panic: 0.5)
        try self.fail(9, balancer)
        #expect(Set(try balancer.picks(2_000).filter { $0 < "k" }) == ["j"])
        try self.fail(9, balancer, from: 107)
        #expect(Set(try balancer.picks(5_000)).count == 20)
    }

    @Test("endpoints of the own zone come first and others carry what they cannot")
    func ownZoneFirst() throws {
        let endpoints = try makeEndpoints([1, 1, 1, 1], zone: "a") + makeEndpoints([1, 1], zone: "b", from: 4)
        let balancer = try makeBalancer(endpoints, .roundRobin, zone: "a")
        #expect(Set(try balancer.picks(100)) == ["a", "b", "c", "d"])
        for name in ["a", "b", "c", "d"] as [EndpointName] {
            try balancer.setHealth(of: name, isHealthy: false, by: "tcp")
        }
        #expect(Set(try balancer.picks(100)) == ["e", "f"])
        #expect(balancer.explain().levels.count == 2)
    }

    @Test("a retry goes to a level that gets no other calls, if its own has no other endpoint")
    func retriesReachTheNextLevel() throws {
        let backup = try makeEndpoints([1, 1]) + makeEndpoints([1], priority: 1, from: 2)
        let balancer = try makeBalancer(backup, .roundRobin)
        #expect(Set(try balancer.picks(50)) == ["a", "b"])
        var avoided: [UInt64] = []
        for name in ["a", "b", "c"] {
            let pick = try balancer.pick(PickContext(hash: nil, avoiding: avoided))
            #expect(pick.endpoint.name.rawValue == name)
            avoided.append(pick.number)
            pick.fail()
        }
        #expect(throws: BalancingError.self) {
            try balancer.pick(PickContext(hash: nil, avoiding: avoided)).succeed()
        }
        let zones = try makeEndpoints([1], zone: "near") + makeEndpoints([1], zone: "far", from: 1)
        let zoned = try makeBalancer(zones, .leastRequest(.two), zone: "near")
        let first = try zoned.pick()
        #expect(first.endpoint.name == "a")
        let second = try zoned.pick(PickContext(hash: nil, avoiding: [first.number]))
        #expect(second.endpoint.name == "b")
        first.fail()
        second.succeed()
    }

    @Test("of a zone only those count that operators have left in, each priority for itself")
    func zonesAreCountedByPriority() throws {
        let endpoints =
            try makeEndpoints([1], zone: "a") + makeEndpoints([1, 1], zone: "b", from: 1)
            + makeEndpoints([1, 1], zone: "a", priority: 1, from: 3)
        let balancer = try LoadBalancer(
            endpoints, options: BalancerOptions(algorithm: .roundRobin, zone: "a", leastEndpointsInZone: 2))
        #expect(Set(try balancer.picks(12)) == ["a", "b", "c"])
    }

    @Test("an own zone with too few endpoints is not preferred")
    func smallZonesAreNotPreferred() throws {
        let endpoints = try makeEndpoints([1], zone: "a") + makeEndpoints([1, 1, 1], zone: "b", from: 1)
        let balancer = try LoadBalancer(
            endpoints, options: BalancerOptions(algorithm: .roundRobin, zone: "a", leastEndpointsInZone: 2))
        #expect(Set(try balancer.picks(8)) == ["a", "b", "c", "d"])
    }
}

@Suite("Why a call goes where it goes")
struct ExplanationTests {
    @Test("each endpoint has a reason, and a key has a home")
    func reasons() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1, 2, 1]), .rendezvous)
        try balancer.setHealth(of: "a", isHealthy: false, by: "http", reason: "status 503")
        try balancer.setState(.draining, of: "b")
        let context = PickContext(key: "user:42")
        let explanation = balancer.explain(context)
        let pick = try balancer.pick(context)
        #expect(explanation.chosen == pick.endpoint.name)
        pick.succeed()
        #expect(explanation.findings[0].reason == "not picked: the check http says it is out: status 503")
        #expect(explanation.findings[1].reason == "not picked: an operator has set it to draining")
        let home = try #require(explanation.chosen)
        #expect(explanation.findings.map(\.mayBePicked) == ["a", "b", "c", "d"].map { $0 == home.rawValue })
        #expect(explanation.findings.contains { $0.reason == "not for this call, which is at home at \(home)" })
        #expect(balancer.explain().chosen == nil)
        #expect(balancer.explain().rule.contains("no key"))
        #expect(explanation.description.contains("The call goes to"))
    }

    @Test("an explanation takes no turn")
    func nothingIsPicked() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .roundRobin)
        #expect(try balancer.picks(1) == ["a"])
        for _ in 0..<3 { _ = balancer.explain() }
        #expect(try balancer.picks(1) == ["b"])
        #expect(balancer.status.map(\.callsUnderWay) == [0, 0])
        #expect(balancer.status.map(\.expectedShare) == [0.5, 0.5])
    }

    @Test("settings that cannot work are refused and quoted")
    func badSettings() {
        let errors = [
            #expect(throws: BalancingError.self) { try BalancerOptions(panicThreshold: 1.5) },
            #expect(throws: BalancingError.self) { try BalancerOptions(panicThreshold: .nan) },
            #expect(throws: BalancingError.self) { try BalancerOptions(overprovisioning: 0.5) },
            #expect(throws: BalancingError.self) { try BalancerOptions(leastEndpointsInZone: 0) },
            #expect(throws: BalancingError.self) { try BalancerOptions(algorithm: .ringHash(loadFactor: 1)) },
            #expect(throws: BalancingError.self) { try BalancerOptions(algorithm: .peakEWMA(decay: .zero)) },
            #expect(throws: BalancingError.self) { try EndpointSubset(size: 0, caller: "x") },
            #expect(throws: BalancingError.self) { try BalancingAlgorithm("least-requests") },
        ]
        let quoted = ["1.5", "nan", "0.5", "0", "1.0", "0.0 seconds", "0", "\"least-requests\""]
        for (error, value) in zip(errors, quoted) {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(value) == true, "\(error?.message ?? "")")
        }
    }

    @Test("algorithms are read by the names that they show")
    func namesRoundTrip() throws {
        for (name, algorithm) in BalancingAlgorithm.named {
            #expect(try BalancingAlgorithm(name) == algorithm)
            #expect(algorithm.description == name)
        }
    }
}
