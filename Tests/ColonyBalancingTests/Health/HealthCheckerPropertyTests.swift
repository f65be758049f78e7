import ColonyBalancing
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

@Suite("The health checker under random events")
struct HealthCheckerPropertyTests {
    @Test(
        "what was told adds up to the status, whatever happens", arguments: Seed(rawValue: 100).followed(by: 60))
    func toldIsTrue(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            let chance = Mutex(simulation.generator(for: "answers"))
            let probe = ScriptedProbe(simulation) { _, _ in
                chance.withLock { chance in
                    ScriptedProbe.Answer(
                        isSuccess: Int.random(in: 0..<3, using: &chance) > 0,
                        delay: .milliseconds(Int.random(in: 0...3_000, using: &chance)),
                        isDeafToCancellation: Bool.random(using: &chance))
                }
            }
            let checks = try [
                HealthCheck("a", .tcp, interval: .seconds(1), timeout: .seconds(2), rise: 1, fall: 2),
                HealthCheck("b", .tcp, interval: .seconds(2), timeout: .seconds(1), initially: .unhealthy),
                HealthCheck("c", .tcp, interval: .seconds(3), firstResultDecides: false),
            ]
            let told = ToldTransitions()
            let checker = try HealthChecker(
                checks, probe: probe, concurrentProbes: 7, clock: simulation.clock,
                generator: simulation.generator(for: "checker")
            ) { told.append($0) }
            let all = try (0..<6).map { try Endpoint("10.0.0.\($0):80", name: EndpointName("e\($0)")) }
            let moved = try (0..<6).map { try Endpoint("10.1.0.\($0):80", name: EndpointName("e\($0)")) }

            /// Applies what was told as a balancer does, which forgets those who are gone.
            var known: [String: Bool] = [:]
            var read = 0
            func catchUp() {
                let list = told.list
                for transition in list[read...] {
                    known["\(transition.check)/\(transition.endpoint)"] = transition.isHealthy
                }
                read = list.count
                for status in checker.status {
                    #expect(known["\(status.check)/\(status.endpoint)"] ?? true == status.isHealthy)
                }
            }

            let task = simulation.spawn { await checker.run() }
            var generator = simulation.generator(for: "changes")
            for _ in 0..<40 {
                let endpoints = (0..<6).compactMap { index -> Endpoint? in
                    switch Int.random(in: 0..<8, using: &generator) {
                    case 0: nil
                    case 1: moved[index]
                    default: all[index]
                    }
                }
                catchUp()
                checker.setEndpoints(endpoints)
                let names = Set(endpoints.map(\.name.rawValue))
                known = known.filter { entry in names.contains { entry.key.hasSuffix("/\($0)") } }
                catchUp()
                try await simulation.clock.sleep(
                    for: .milliseconds(Int.random(in: 0...5_000, using: &generator)))
                #expect(checker.probesUnderWay <= 7)
            }
            catchUp()
            task.cancel()
            _ = try await task.value
            #expect(checker.probesUnderWay == 0)
            #expect(probe.underWay == 0)
            #expect(probe.mostOfOnePair == 1)
            #expect(probe.mostUnderWay <= 7)
            #expect(probe.calls.count > 100)
        }
    }

    @Test("on real threads and with the real clock, pairs do not overlap and cancellation leaves nothing")
    func holdsOnRealThreads() async throws {
        let clock = HostClock()
        let probe = ScriptedProbe(clock: clock) { _, number in
            .init(isSuccess: number % 7 != 0, delay: .milliseconds(number % 4 == 0 ? 25 : 1))
        }
        let checks = try ["a", "b"].map {
            try HealthCheck($0, .tcp, interval: .milliseconds(10), timeout: .milliseconds(20))
        }
        let checker = try HealthChecker(checks, probe: probe, concurrentProbes: 16)
        let endpoints = try (0..<20).map { try Endpoint("10.0.0.\($0):80", name: EndpointName("e\($0)")) }
        let stream = checker.transitions(buffering: 1_000)
        let task = Task { await checker.run() }
        let changes = Task {
            var round = 0
            while !Task.isCancelled {
                round += 1
                checker.setEndpoints(Array(endpoints.dropLast(round % 3)))
                try await clock.sleep(for: .milliseconds(3))
            }
        }
        // Each endpoint has a first verdict, so that many transitions come for sure.
        var seen = 0
        for await _ in stream {
            seen += 1
            if seen == 40 { break }
        }
        let limit = clock.now.advanced(by: .seconds(30))
        while probe.calls.count < 1_000, clock.now < limit { try await clock.sleep(for: .milliseconds(5)) }
        changes.cancel()
        task.cancel()
        await task.value
        #expect(probe.calls.count >= 1_000)
        #expect(probe.underWay == 0)
        #expect(checker.probesUnderWay == 0)
        #expect(probe.mostOfOnePair == 1)
        #expect(probe.mostUnderWay <= 16)
    }
}
