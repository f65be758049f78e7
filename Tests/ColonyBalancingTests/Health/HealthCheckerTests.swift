import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("The health checker")
struct HealthCheckerTests {
    private static func endpoints(_ count: Int) throws -> [Endpoint] {
        try (0..<count).map { try Endpoint("10.0.0.\($0):80", name: EndpointName("e\($0)")) }
    }

    /// Runs a checker for so long on the clock of the simulation, and then to its end.
    private static func run(
        _ checker: HealthChecker, for duration: Duration, _ simulation: Simulation,
        meanwhile: () async throws -> Void = {}
    ) async throws {
        let task = simulation.spawn { await checker.run() }
        try await meanwhile()
        try await simulation.clock.sleep(for: duration)
        task.cancel()
        _ = try await task.value
        #expect(checker.probesUnderWay == 0)
    }

    @Test("two checks of one address keep their states apart, and single blips evict nobody")
    func healthKeyedByCheck() throws {
        try Simulation(seed: 1).run { simulation in
            // Two endpoints at one address, as when two routes lead there, and two checks of which one fails at one of them.
            let endpoints = try ["first", "second"].map { try Endpoint("10.0.0.1:80", name: EndpointName($0)) }
            let checks = try [
                HealthCheck("ready", .http(.init(path: "/ready")), interval: .seconds(1), rise: 2, fall: 3),
                HealthCheck("alive", .tcp, interval: .seconds(1), rise: 2, fall: 3),
            ]
            let probe = ScriptedProbe(simulation) { call, number in
                if call.check == "ready", call.endpoint == "first" { return number < 10 ? .good : .bad }
                // Every third result of all others is a failure, and at times two follow each other.
                return number % 3 == 2 || number % 12 == 3 ? .bad : .good
            }
            let told = ToldTransitions()
            let checker = try HealthChecker(checks, probe: probe, clock: simulation.clock) { told.append($0) }
            checker.setEndpoints(endpoints)
            try await Self.run(checker, for: .seconds(60), simulation)

            let bad = told.list.filter { !$0.isHealthy }
            #expect(bad.map { "\($0.check) \($0.endpoint)" } == ["ready first"])
            #expect(bad.first?.reason == "3 probes in a row failed: 503")
            let status = checker.status
            #expect(
                status.map { "\($0.endpoint) \($0.check)" } == [
                    "first ready", "first alive", "second ready", "second alive",
                ])
            #expect(status.map(\.isHealthy) == [false, true, true, true])
            #expect(probe.calls.count > 200)
            #expect(probe.mostOfOnePair == 1)
        }
    }

    @Test("no more probes are under way than there are places, and all endpoints get theirs")
    func concurrencyIsBounded() throws {
        try Simulation(seed: 2).run { simulation in
            let probe = ScriptedProbe(simulation) { _, _ in .init(delay: .milliseconds(100)) }
            let check = try HealthCheck("a", .tcp, interval: .seconds(1))
            let checker = try HealthChecker(
                [check], probe: probe, concurrentProbes: 3, clock: simulation.clock,
                generator: simulation.generator(for: "checker"))
            let endpoints = try Self.endpoints(40)
            checker.setEndpoints(endpoints)
            try await Self.run(checker, for: .seconds(20), simulation)
            #expect(probe.mostUnderWay == 3)
            // Thirty probes a second for forty endpoints that want one each: nobody gets much less than three quarters.
            let counts = endpoints.map { probe.calls(of: $0.name).count }
            #expect(counts.allSatisfy { (13...17).contains($0) }, "\(counts)")
        }
    }

    @Test("a probe that overruns its timeout has failed, is cancelled, and tells nothing more")
    func overrunsFail() throws {
        try Simulation(seed: 3).run { simulation in
            let probe = ScriptedProbe(simulation) { _, number in number == 0 ? .good : .init(delay: .seconds(60)) }
            let check = try HealthCheck(
                "a", .tcp, interval: .seconds(5), timeout: .seconds(1), jitter: 0, fall: 2)
            let told = ToldTransitions()
            let checker = try HealthChecker([check], probe: probe, clock: simulation.clock) { told.append($0) }
            checker.setEndpoints(try Self.endpoints(1))
            let start = simulation.clock.now
            try await Self.run(checker, for: .seconds(13), simulation)
            #expect(probe.cancelled == [6, 11].map { start.advanced(by: .seconds($0)) })
            #expect(told.list.map(\.isHealthy) == [true, false])
            #expect(told.list.last?.reason == "2 probes in a row failed: no answer within 1 s")
            #expect(told.list.last?.at == start.advanced(by: .seconds(11)))
            #expect(checker.status.first?.consecutiveFailures == 2)
        }
    }

    @Test("a probe that is deaf to its cancellation is never overtaken by another of its pair, also after a new start")
    func pairsNeverOverlap() throws {
        try Simulation(seed: 4).run { simulation in
            let probe = ScriptedProbe(simulation) { _, _ in .init(delay: .seconds(7), isDeafToCancellation: true) }
            let check = try HealthCheck("a", .tcp, interval: .seconds(2), timeout: .seconds(1), jitter: 0)
            let checker = try HealthChecker([check], probe: probe, clock: simulation.clock)
            let endpoints = try Self.endpoints(1)
            checker.setEndpoints(endpoints)
            let start = simulation.clock.now
            try await Self.run(checker, for: .seconds(22), simulation) {
                try await simulation.clock.sleep(for: .seconds(3))
                #expect(checker.status.first?.consecutiveFailures == 1)
                #expect(checker.status.first?.nextProbe == nil, "it is still under way")
                checker.setEndpoints([])
                checker.setEndpoints(endpoints)
                #expect(checker.status.first?.hasVerdict == false)
            }
            #expect(probe.mostOfOnePair == 1)
            #expect(probe.calls.map { start.duration(to: $0.at) } == [0, 7, 14, 21].map { .seconds($0) })
        }
    }

    @Test("cancellation ends all probes, tells nothing, and the checker can run again")
    func cancellationLeavesNothing() throws {
        try Simulation(seed: 5).run { simulation in
            let probe = ScriptedProbe(simulation) { _, number in number == 0 ? .init(delay: .seconds(1)) : .good }
            let check = try HealthCheck("a", .tcp, interval: .seconds(5), timeout: .seconds(2), jitter: 0)
            let told = ToldTransitions()
            let checker = try HealthChecker([check], probe: probe, clock: simulation.clock) { told.append($0) }
            checker.setEndpoints(try Self.endpoints(5))
            #expect(probe.calls.isEmpty, "nothing runs by itself")
            try await Self.run(checker, for: .milliseconds(500), simulation)
            #expect(probe.cancelled.count == 5)
            #expect(probe.underWay == 0)
            #expect(simulation.clock.sleeperCount == 0)
            #expect(told.list.isEmpty)
            #expect(checker.status.allSatisfy { $0.lastResult == nil && $0.nextProbe != nil })
            try await Self.run(checker, for: .seconds(1), simulation)
            #expect(told.list.map(\.isHealthy) == Array(repeating: true, count: 5))
        }
    }

    @Test("jitter spreads the first probes over its part of the interval, and keeps them spread")
    func jitterSpreads() throws {
        try Simulation(seed: 6).run { simulation in
            let probe = ScriptedProbe(simulation) { _, _ in .good }
            let check = try HealthCheck("a", .tcp, interval: .seconds(10), jitter: 0.5)
            let checker = try HealthChecker(
                [check], probe: probe, clock: simulation.clock, generator: simulation.generator(for: "checker"))
            checker.setEndpoints(try Self.endpoints(200))
            let start = simulation.clock.now
            try await Self.run(checker, for: .seconds(200), simulation)
            let times = probe.calls.map { Int(start.duration(to: $0.at) / .milliseconds(1)) }
            // Two hundred in the first five seconds: forty in each.
            for second in 0..<5 {
                let found = times.count { (second * 1_000..<(second + 1) * 1_000).contains($0) }
                #expect((20...60).contains(found), "\(found) in second \(second)")
            }
            // Later twenty in each second.
            for second in stride(from: 60, to: 200, by: 20) {
                let found = times.count { (second * 1_000..<(second + 20) * 1_000).contains($0) }
                #expect((330...470).contains(found), "\(found) from second \(second)")
            }
        }
    }

    @Test("endpoints come, go, and move while the checker runs")
    func endpointsAreLive() throws {
        try Simulation(seed: 7).run { simulation in
            let probe = ScriptedProbe(simulation) { call, _ in call.address == "10.0.0.0:80" ? .bad : .good }
            let check = try HealthCheck("a", .tcp, interval: .seconds(1), jitter: 0, fall: 2)
            let told = ToldTransitions()
            let checker = try HealthChecker([check], probe: probe, clock: simulation.clock) { told.append($0) }
            let endpoints = try Self.endpoints(3)
            let moved = try Endpoint("10.9.9.9:80", name: "e0")
            let clock = simulation.clock
            let start = clock.now
            try await Self.run(checker, for: .seconds(5), simulation) {
                try await clock.sleep(for: .milliseconds(500))
                #expect(probe.calls.isEmpty)
                checker.setEndpoints(Array(endpoints[0..<2]))
                try await clock.sleep(for: .seconds(3))
                #expect(told.list.map(\.isHealthy).sorted { !$0 && $1 } == [false, true])
                // One goes, one comes, one moves; what is known of the one that moved holds no longer.
                checker.setEndpoints([moved, endpoints[2]])
                #expect(told.list.last?.reason == "not probed yet, assumed healthy")
                #expect(told.list.last?.isHealthy == true)
            }
            #expect(probe.calls(of: "e1").allSatisfy { $0.at <= start.advanced(by: .milliseconds(3_500)) })
            #expect(probe.calls(of: "e2").first?.at == start.advanced(by: .milliseconds(3_500)))
            #expect(Set(probe.calls(of: "e0").suffix(3).map(\.address)) == ["10.9.9.9:80"])
            #expect(checker.status.map(\.endpoint) == ["e0", "e2"])
            #expect(checker.status.allSatisfy { $0.isHealthy && $0.hasVerdict })
        }
    }

    @Test("an endpoint that stays keeps its state, and a probe of one that goes is cancelled and tells nothing")
    func whoStaysKeepsItsState() throws {
        try Simulation(seed: 8).run { simulation in
            let probe = ScriptedProbe(simulation) { call, _ in
                call.endpoint == "e0" ? .bad : .init(isSuccess: false, delay: .seconds(2))
            }
            let check = try HealthCheck("a", .tcp, interval: .seconds(60), timeout: .seconds(5), jitter: 0)
            let told = ToldTransitions()
            let checker = try HealthChecker([check], probe: probe, clock: simulation.clock) { told.append($0) }
            let endpoints = try Self.endpoints(2)
            checker.setEndpoints(endpoints)
            try await Self.run(checker, for: .seconds(10), simulation) {
                try await simulation.clock.sleep(for: .seconds(1))
                checker.setEndpoints([try Endpoint("10.0.0.0:80", name: "e0", weight: 7)])
                checker.setEndpoints([try Endpoint("10.0.0.0:80", name: "e0", weight: 7)])
            }
            #expect(told.list.map(\.endpoint) == ["e0"])
            #expect(probe.cancelled.count == 1)
            #expect(probe.calls(of: "e0").count == 1)
            #expect(checker.status.map(\.isHealthy) == [false])
        }
    }

    @Test("that new endpoints are assumed to be unhealthy is told at once")
    func assumptionsAreTold() throws {
        let told = ToldTransitions()
        let check = try HealthCheck("a", .tcp, initially: .unhealthy)
        let clock = ManualClock()
        let checker = try HealthChecker(
            [check], probe: ScriptedProbe(clock: clock) { _, _ in .good }, clock: clock
        ) { told.append($0) }
        checker.setEndpoints(try Self.endpoints(2))
        #expect(told.list.map(\.isHealthy) == [false, false])
        #expect(told.list.map(\.reason) == Array(repeating: "not probed yet, assumed unhealthy", count: 2))
    }

    @Test("checks with one name and impossible numbers of places are refused")
    func badSettingsAreQuoted() throws {
        let probe = ScriptedProbe(clock: ManualClock()) { _, _ in .good }
        let check = try HealthCheck("twice", .tcp)
        let names = #expect(throws: BalancingError.self) { try HealthChecker([check, check], probe: probe) }
        #expect(names?.message.contains("twice") == true)
        let places = #expect(throws: BalancingError.self) { try HealthChecker([], probe: probe, concurrentProbes: 0) }
        #expect(places?.message.contains("0") == true)
    }
}
