import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("Endpoints that come, go, and change")
struct EndpointChangeTests {
    @Test("an empty balancer says so, and picks as soon as endpoints are there")
    func emptyAtFirst() throws {
        let balancer = try makeBalancer([], .leastRequest(.two))
        let error = #expect(throws: BalancingError.self) { try balancer.pick().succeed() }
        #expect(error?.code == .noEndpoints)
        try balancer.setEndpoints(makeEndpoints([1]))
        #expect(try balancer.picks(2) == ["a", "a"])
        try balancer.setEndpoints([])
        #expect(throws: BalancingError.self) { try balancer.pick().succeed() }
    }

    @Test("two endpoints with one name are refused, and nothing changes")
    func duplicatesAreRefused() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .roundRobin)
        let endpoints = try makeEndpoints([1, 1, 1])
        let error = #expect(throws: BalancingError.self) { try balancer.setEndpoints(endpoints + [endpoints[2]]) }
        #expect(error?.code == .duplicateEndpoint)
        #expect(error?.message.contains("\"c\"") == true)
        #expect(balancer.endpoints.count == 2)
        #expect(try balancer.picks(2) == ["a", "b"])
    }

    @Test("more endpoints than a balancer takes are refused with the numbers")
    func tooManyAreRefused() throws {
        let error = #expect(throws: BalancingError.self) {
            try makeBalancer(makeManyEndpoints(10_001), .random)
        }
        #expect(error?.code == .tooManyEndpoints)
        #expect(error?.message.contains("10001") == true && error?.message.contains("10000") == true)
    }

    @Test("an endpoint that stays keeps its load and number; one with a new address is a new one")
    func identityIsNameAndAddress() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .roundRobin)
        let pick = try balancer.pick()
        let before = balancer.status
        try balancer.setEndpoints([
            Endpoint("10.0.0.1:80", name: "a", weight: 9, zone: "z"), Endpoint("10.0.0.9:80", name: "b"),
        ])
        let after = balancer.status
        #expect(after[0].number == before[0].number)
        #expect(after[0].callsUnderWay == 1)
        #expect(pick.endpoint.weight == 9 && pick.endpoint.zone == "z")
        #expect(after[1].number != before[1].number)
        pick.succeed()
        #expect(balancer.status[0].successes == 1)
    }

    @Test(
        "addresses of version 4 are the same key however a listener sees them, and of version 6 the first half counts")
    func addressesAreKeys() {
        #expect(PickContext(clientAddress: "::ffff:192.0.2.7") == PickContext(clientAddress: "192.0.2.7"))
        #expect(PickContext(clientAddress: "192.0.2.7") != PickContext(clientAddress: "192.0.2.8"))
        #expect(PickContext(clientAddress: "2001:db8::1") == PickContext(clientAddress: "2001:db8::2"))
        #expect(PickContext(clientAddress: "2001:db8::1") != PickContext(clientAddress: "2001:db8:0:1::1"))
    }

    @Test("what was held against an endpoint does not follow its name to another address")
    func ejectionsStayBehind() async throws {
        let clock = ManualClock()
        let balancer = try LoadBalancer(
            makeEndpoints([1, 1]),
            options: BalancerOptions(algorithm: .roundRobin, outliers: OutlierOptions(successRate: nil)), clock: clock)
        func fail(_ name: String) throws {
            for _ in 0..<5 {
                let pick = try balancer.pick(PickContext(hash: nil, sticky: EndpointName(name)))
                let isSticky = pick.isSticky
                #expect(isSticky)
                pick.fail()
            }
        }
        try fail("b")
        #expect(balancer.status[1].state == .ejected)
        var events = balancer.events().makeAsyncIterator()
        try balancer.setEndpoints([makeEndpoints([1])[0], Endpoint("10.0.0.9:80", name: "b")])
        #expect(await events.next()?.kind == .removed)
        #expect(await events.next()?.kind == .added)
        #expect(balancer.status[1].state == .inService)
        try fail("b")
        #expect(balancer.status[1].state == .ejected, "the new one is judged like any other")
    }

    @Test("a call that is under way when its endpoint and the balancer go still ends")
    func picksOutliveTheBalancer() throws {
        var balancer: LoadBalancer? = try makeBalancer(makeEndpoints([1, 1]), .roundRobin)
        let first = try #require(balancer).pick()
        let second = try #require(balancer).pick()
        try balancer?.setEndpoints(makeEndpoints([1]))
        balancer = nil
        #expect(first.endpoint.name == "a")
        #expect(second.endpoint.name == "b")
        first.fail(.error)
        second.succeed()
    }

    @Test("health is kept for each check apart, and an endpoint is in health when no check objects")
    func checksAreApart() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .roundRobin)
        try balancer.setHealth(of: "a", isHealthy: false, by: "http", reason: "status 503")
        try balancer.setHealth(of: "a", isHealthy: false, by: "tcp", reason: "refused")
        #expect(balancer.status[0].state == .unhealthy)
        #expect(
            balancer.status[0].reasons == [
                "the check http says it is out: status 503", "the check tcp says it is out: refused",
            ])
        try balancer.setHealth(of: "a", isHealthy: true, by: "tcp")
        #expect(try balancer.picks(4) == ["b", "b", "b", "b"])
        try balancer.forgetHealth(by: "http")
        #expect(try balancer.tally(4) == ["a": 2, "b": 2])
        let error = #expect(throws: BalancingError.self) {
            try balancer.setHealth(of: "nobody", isHealthy: true, by: "tcp")
        }
        #expect(error?.code == .unknownEndpoint)
        #expect(error?.message.contains("\"nobody\"") == true)
    }

    @Test("a draining endpoint takes bound sessions only, one in maintenance takes none, and neither brings on panic")
    func operatorsDecide() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1, 1, 1]), .roundRobin, panic: 0.6)
        try balancer.setState(.draining, of: "a")
        try balancer.setState(.maintenance, of: "b")
        #expect(Set(try balancer.picks(20)) == ["c", "d"])
        let bound = try balancer.pick(PickContext(hash: nil, sticky: "a"))
        #expect(bound.endpoint.name == "a" && bound.isSticky)
        bound.succeed()
        let unbound = try balancer.pick(PickContext(hash: nil, sticky: "b"))
        #expect(unbound.endpoint.name != "b" && !unbound.isSticky)
        unbound.succeed()
        #expect(balancer.status.map(\.state) == [.draining, .maintenance, .inService, .inService])
        try balancer.setState(.active, of: "a")
        #expect(Set(try balancer.picks(20)) == ["a", "c", "d"])
    }

    @Test("a session whose endpoint is gone or out falls back to the algorithm")
    func stickinessFallsBack() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .roundRobin)
        try balancer.setHealth(of: "b", isHealthy: false, by: "tcp")
        for name in ["b", "nobody"] as [EndpointName] {
            let pick = try balancer.pick(PickContext(hash: nil, sticky: name))
            #expect(pick.endpoint.name == "a" && !pick.isSticky)
            pick.succeed()
        }
    }

    @Test(
        "a retry goes to another endpoint, and fails if there is none",
        arguments: BalancingAlgorithm.named.map(\.algorithm))
    func retriesAvoid(algorithm: BalancingAlgorithm) throws {
        let balancer = try makeBalancer(makeEndpoints([1, 1, 1]), algorithm)
        var avoided: [UInt64] = []
        for _ in 0..<3 {
            let pick = try balancer.pick(PickContext(hash: 42, avoiding: avoided))
            #expect(!avoided.contains(pick.number))
            avoided.append(pick.number)
            pick.fail()
        }
        let error = #expect(throws: BalancingError.self) {
            try balancer.pick(PickContext(hash: 42, avoiding: avoided)).succeed()
        }
        #expect(error?.code == .noneAvailable)
        #expect(error?.message.contains("avoided") == true)
    }

    @Test("changes are told in their order")
    func eventsAreInOrder() async throws {
        let balancer = try makeBalancer(makeEndpoints([1]), .roundRobin)
        var events = balancer.events().makeAsyncIterator()
        try balancer.setEndpoints(makeEndpoints([1, 1]))
        try balancer.setHealth(of: "b", isHealthy: false, by: "tcp", reason: "refused")
        try balancer.setHealth(of: "b", isHealthy: false, by: "tcp", reason: "refused again")
        try balancer.setHealth(of: "b", isHealthy: true, by: "tcp")
        try balancer.setState(.draining, of: "a")
        try balancer.setEndpoints(makeEndpoints([1]))
        let expected: [(BalancerEvent.Kind, EndpointName)] = [
            (.added, "b"), (.failed(check: "tcp"), "b"), (.recovered(check: "tcp"), "b"),
            (.administered(.draining), "a"), (.removed, "b"),
        ]
        for (kind, name) in expected {
            let event = await events.next()
            #expect(event?.kind == kind)
            #expect(event?.endpoint == name)
        }
    }

    @Test("many threads pick while endpoints change, and every call is counted once")
    func changesUnderLoad() async throws {
        let balancer = try LoadBalancer(makeManyEndpoints(20), options: BalancerOptions(algorithm: .leastRequest(.two)))
        let calls = 20_000
        let ended = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<calls { try balancer.pick().succeed() }
                    return calls
                }
            }
            for round in 0..<200 {
                try balancer.setHealth(of: "e001", isHealthy: round % 2 == 1, by: "tcp")
                try balancer.setEndpoints(makeManyEndpoints(19 + round % 2))
            }
            return try await group.reduce(0, +)
        }
        #expect(ended == 4 * calls)
        let status = balancer.status
        #expect(status.allSatisfy { $0.callsUnderWay == 0 })
        // The last endpoint came and went; what it had counted went with it.
        #expect(status.reduce(0) { $0 + $1.successes } <= UInt64(4 * calls))
        #expect(status.dropLast().reduce(0) { $0 + $1.successes } > UInt64(2 * calls))
    }
}
