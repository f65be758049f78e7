import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("A health checker and a balancer")
struct HealthBalancerTests {
    @Test(
        "a balancer that is told picks nobody whom a check has found unhealthy, and picks them again when they are back"
    )
    func balancerFollows() throws {
        try Simulation(seed: 9).run { simulation in
            let clock = simulation.clock
            let start = clock.now
            let probe = ScriptedProbe(simulation) { call, _ in
                let second = start.duration(to: call.at) / .seconds(1)
                // One check fails at one endpoint for ten seconds; the other check, and both at the other endpoint, have single blips.
                if call.check == "ready", call.endpoint == "e0", (10..<20).contains(second) { return .bad }
                return Int(second) % 5 == 4 ? .bad : .good
            }
            let endpoints = try (0..<2).map { try Endpoint("10.0.0.\($0):80", name: EndpointName("e\($0)")) }
            let balancer = try LoadBalancer(
                endpoints, options: BalancerOptions(algorithm: .roundRobin), clock: clock,
                generator: simulation.generator(for: "balancer"))
            let checks = try ["ready", "alive"].map { try HealthCheck($0, .tcp, interval: .seconds(1), jitter: 0) }
            let checker = try HealthChecker(checks, probe: probe, clock: clock) { transition in
                try? balancer.setHealth(
                    of: transition.endpoint, isHealthy: transition.isHealthy, by: transition.check,
                    reason: transition.reason)
            }
            checker.setEndpoints(endpoints)
            let task = simulation.spawn { await checker.run() }
            func picked() throws -> Set<EndpointName> {
                var names: Set<EndpointName> = []
                for _ in 0..<4 {
                    let pick = try balancer.pick()
                    names.insert(pick.endpoint.name)
                    pick.succeed()
                }
                return names
            }
            for second in 0..<30 {
                try await clock.sleep(until: start.advanced(by: .milliseconds(second * 1_000 + 500)), tolerance: nil)
                // Down with the third failure in a row, of which the blip in second 9 is the first; up with the second success.
                let isDown = (11..<21).contains(second)
                let names = try picked()
                #expect(names == (isDown ? ["e1"] : ["e0", "e1"]), "second \(second)")
            }
            task.cancel()
            _ = try await task.value
        }
    }
}
