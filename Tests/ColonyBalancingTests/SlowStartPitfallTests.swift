import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("Endpoints that start slowly")
struct SlowStartPitfallTests {
    private func balancer(_ algorithm: BalancingAlgorithm, _ clock: ManualClock) throws -> LoadBalancer {
        try LoadBalancer(
            makeManyEndpoints(10),
            options: BalancerOptions(
                algorithm: algorithm, slowStart: SlowStart(window: .seconds(100), minimumShare: 0.05)),
            clock: clock, generator: SeededGenerator(seed: 11))
    }

    /// A new endpoint follows the declared curve, at no load, where others would win every comparison, and at high load, where it would.
    @Test(arguments: [
        BalancingAlgorithm.leastRequest(.two), .leastRequest(.all), .roundRobin, .weightedRoundRobin, .random,
        .weightedRandom, .peakEWMA(decay: .seconds(10)), .ringHash(loadFactor: nil), .maglev, .rendezvous, .addressHash,
    ])
    func slowStartNeitherFloodsNorStarves(algorithm: BalancingAlgorithm) throws {
        let clock = ManualClock()
        let balancer = try self.balancer(algorithm, clock)
        clock.advance(by: .seconds(200))
        balancer.advance()
        try balancer.setEndpoints(makeManyEndpoints(11))
        let whole = 1.0 / 11
        for (second, share) in [(0, 0.05), (25, 0.25), (50, 0.5), (75, 0.75), (100, 1)] {
            clock.advance(by: .seconds(second == 0 ? 0 : 25))
            balancer.advance()
            let calls = 20_000
            let tally = try balancer.tally(calls) { PickContext(key: "key-\($0)") }
            let got = Double(tally["e010"] ?? 0) / Double(calls)
            // Placements by key are less even than chance; what counts there is the curve, relative to the whole share.
            let tolerance = algorithm.isByKey ? 0.5 : 0.2
            #expect(abs(got - share * whole) < share * whole * tolerance + 0.002, "\(got) after \(second) s")
        }
    }

    @Test(
        "under load a new endpoint gets at once what its share says, and no more",
        arguments: [BalancingAlgorithm.leastRequest(.two), .leastRequest(.all)])
    func loadIsReachedButNotExceeded(algorithm: BalancingAlgorithm) throws {
        let clock = ManualClock()
        let balancer = try self.balancer(algorithm, clock)
        clock.advance(by: .seconds(200))
        balancer.advance()
        var picks = PickBag()
        for _ in 0..<400 { picks.add(try balancer.pick()) }
        try balancer.setEndpoints(makeManyEndpoints(11))
        clock.advance(by: .seconds(25))
        balancer.advance()
        for _ in 0..<200 { picks.add(try balancer.pick()) }
        let load = balancer.status[10].callsUnderWay
        // The others have about 58 each; a quarter of that, and a few that chance gave.
        #expect((8...24).contains(load), "\(load)")
        picks.end()
    }

    @Test("endpoints that all start together do not wait for each other")
    func allStartTogether() throws {
        let clock = ManualClock()
        let balancer = try self.balancer(.roundRobin, clock)
        #expect(balancer.status.allSatisfy { $0.slowStartShare == 1 })
        #expect(try balancer.tally(100).values.allSatisfy { $0 == 10 })
    }

    @Test(
        "keys find an endpoint also while all that are left are starting",
        arguments: [BalancingAlgorithm.maglev, .rendezvous])
    func keysFindSomebody(algorithm: BalancingAlgorithm) throws {
        let clock = ManualClock()
        let balancer = try LoadBalancer(
            makeManyEndpoints(3),
            options: BalancerOptions(
                algorithm: algorithm, panicThreshold: 0.5, slowStart: SlowStart(window: .seconds(100))),
            clock: clock)
        for name in ["e000", "e001", "e002"] as [EndpointName] {
            try balancer.setHealth(of: name, isHealthy: false, by: "tcp")
            #expect(try balancer.tally(300) { PickContext(key: "key-\($0)") }.values.reduce(0, +) == 300)
        }
    }

    @Test("an endpoint that was out of health starts slowly when it is back")
    func recoveryIsAStart() throws {
        let clock = ManualClock()
        let balancer = try self.balancer(.roundRobin, clock)
        clock.advance(by: .seconds(200))
        balancer.advance()
        try balancer.setHealth(of: "e003", isHealthy: false, by: "tcp")
        try balancer.setHealth(of: "e003", isHealthy: true, by: "tcp")
        #expect(abs(balancer.status[3].slowStartShare - 0.05) < 0.001)
        clock.advance(by: .seconds(100))
        #expect(balancer.advance() == nil)
        #expect(balancer.status[3].slowStartShare == 1)
    }
}

@Suite("Endpoints whose calls go wrong")
struct EjectionTests {
    private func balancer(
        _ clock: ManualClock, count: Int = 10, _ outliers: OutlierOptions
    ) throws -> LoadBalancer {
        try LoadBalancer(
            makeManyEndpoints(count), options: BalancerOptions(algorithm: .roundRobin, outliers: outliers),
            clock: clock,
            generator: SeededGenerator(seed: 3))
    }

    /// Ends `rounds` calls of each endpoint; those of the named ones fail.
    private func run(_ balancer: LoadBalancer, rounds: Int, failing: Set<String>, as failure: CallFailure = .error)
        throws
    {
        for _ in 0..<rounds * 10 {
            let pick = try balancer.pick()
            if failing.contains(pick.endpoint.name.rawValue) { pick.fail(failure) } else { pick.succeed() }
        }
    }

    @Test("failures in a row eject at once, and the endpoint comes back by itself")
    func streaksEject() async throws {
        let clock = ManualClock()
        let balancer = try self.balancer(clock, OutlierOptions(successRate: nil))
        var events = balancer.events().makeAsyncIterator()
        try self.run(balancer, rounds: 4, failing: ["e002"])
        #expect(balancer.status[2].failuresInARow == 4)
        #expect(balancer.status[2].state == .inService)
        try self.run(balancer, rounds: 1, failing: ["e002"])
        #expect(balancer.status[2].state == .ejected)
        #expect(balancer.status[2].reasons.first?.contains("5 calls in a row failed") == true)
        #expect(try balancer.tally(900)["e002"] == nil)
        let ejected = await events.next()
        #expect(ejected?.kind == .ejected && ejected?.endpoint == "e002")
        let end = try #require(balancer.advance())
        clock.advance(by: .seconds(34))
        balancer.advance()
        #expect(balancer.status[2].state == .inService, "ejected for 30 s and up to a tenth more, next change \(end)")
        #expect(balancer.status[2].failuresInARow == 0)
        #expect(try balancer.tally(100)["e002"] == 10)
        let restored = await events.next()
        #expect(restored?.kind == .restored)
    }

    @Test("a success in between ends a streak")
    func successesEndStreaks() throws {
        let balancer = try self.balancer(ManualClock(), OutlierOptions(successRate: nil))
        for _ in 0..<5 {
            try self.run(balancer, rounds: 4, failing: ["e002"])
            try self.run(balancer, rounds: 1, failing: [])
        }
        #expect(balancer.status.allSatisfy { $0.state == .inService })
    }

    @Test("an endpoint that fails more than the others is found at the end of an interval")
    func outliersAreFound() throws {
        let clock = ManualClock()
        let balancer = try self.balancer(clock, OutlierOptions(consecutiveErrors: nil))
        for round in 0..<200 {
            try self.run(balancer, rounds: 1, failing: round % 2 == 0 ? ["e007"] : [])
        }
        clock.advance(by: .seconds(10))
        balancer.advance()
        #expect(balancer.status.map(\.state).enumerated().allSatisfy { ($1 == .ejected) == ($0 == 7) })
        #expect(try balancer.restore("e007"))
        #expect(try balancer.restore("e007") == false)
        #expect(balancer.status[7].state == .inService)
    }

    @Test("however many fail, no more than the share are ejected, and calls go on")
    func ejectionLeavesSome() throws {
        let balancer = try self.balancer(ManualClock(), OutlierOptions(successRate: nil, maximumEjectedShare: 0.3))
        try self.run(balancer, rounds: 50, failing: Set((0..<10).map { "e00\($0)" }))
        #expect(balancer.status.filter { $0.state == .ejected }.count == 3)
        #expect(try balancer.tally(70).count == 7)
    }

    @Test("a run ends ejections by itself, and ends when it is cancelled")
    func runEndsEjections() async throws {
        let clock = ManualClock()
        let balancer = try self.balancer(clock, OutlierOptions(successRate: nil))
        let task = Task { await balancer.run() }
        try await clock.waitForSleepers(1)
        try self.run(balancer, rounds: 5, failing: ["e002"], as: .connectFailed)
        #expect(balancer.status[2].state == .ejected)
        #expect(balancer.status[2].connectFailures == 5)
        for _ in 0..<40 {
            clock.advance(by: .seconds(1))
            try await clock.waitForSleepers(1)
        }
        #expect(balancer.status[2].state == .inService)
        task.cancel()
        await task.value
    }
}
