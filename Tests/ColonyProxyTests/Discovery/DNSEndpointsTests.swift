import ColonyBalancing
import ColonyCore
import ColonySimulation
import NIOCore
import Synchronization
import Testing

@testable import ColonyProxy

@Suite("Endpoints by a name in DNS")
struct DNSEndpointsTests {
    /// Name servers that say what the test wants.
    private final class Servers: Sendable {
        private let state = Mutex<(answer: HostLookup.Answer, count: Int)>((.success([]), 0))

        var count: Int { self.state.withLock { $0.count } }

        func say(_ addresses: [String]) throws {
            let found = try addresses.map { try SocketAddress(ipAddress: $0, port: 0) }
            self.state.withLock { $0.answer = .success(found) }
        }

        func fail(_ reason: String) { self.state.withLock { $0.answer = .failure(HostLookupFailure(reason)) } }

        func lookup() -> HostLookup {
            HostLookup { _ in
                self.state.withLock { state in
                    state.count += 1
                    return state.answer
                }
            }
        }
    }

    /// Runs `body` while a balancer follows the servers, with a clock that the body moves.
    private func following(
        _ servers: Servers, timeout: Duration = .seconds(5), lookup: HostLookup? = nil,
        _ body: (LoadBalancer, DNSEndpoints, ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let balancer = try LoadBalancer([], clock: clock)
        let source = DNSEndpoints(
            try DNSEndpointsOptions(
                "web.example:8080", interval: .seconds(30), timeout: timeout, weight: 3, zone: "a", priority: 1),
            names: lookup ?? servers.lookup(), clock: clock, logger: .silent
        ) { found throws(BalancingError) in
            try balancer.take(found)
        }
        let run = Task { try await source.run() }
        defer { run.cancel() }
        try await body(balancer, source, clock)
        run.cancel()
        try await run.value
    }

    /// Lets time pass until `condition` holds.
    private func passing(_ clock: ManualClock, until what: String, _ condition: () -> Bool) async throws {
        try await eventually(what) {
            if condition() { return true }
            clock.advance(by: .seconds(1))
            return false
        }
    }

    @Test("Addresses of both versions are endpoints, in an order of their own")
    func bothVersions() async throws {
        let servers = Servers()
        try servers.say(["10.0.0.2", "fd00::1", "10.0.0.1", "10.0.0.2"])
        try await self.following(servers) { balancer, source, _ in
            try await eventually("three endpoints") { balancer.endpoints.count == 3 }
            #expect(
                balancer.endpoints.map(\.address.description) == ["10.0.0.1:8080", "10.0.0.2:8080", "[fd00::1]:8080"])
            #expect(balancer.endpoints.allSatisfy { $0.weight == 3 && $0.zone == "a" && $0.priority == 1 })
            try await eventually("a status without a problem") { source.status.endpoints == 3 }
            #expect(source.status.problem == nil)
            #expect(source.status.source == "dns web.example:8080")
        }
    }

    @Test("An endpoint that stays keeps its health, its state, and its number")
    func identity() async throws {
        let servers = Servers()
        try servers.say(["10.0.0.1", "10.0.0.2"])
        try await self.following(servers) { balancer, _, clock in
            try await eventually("two endpoints") { balancer.endpoints.count == 2 }
            try balancer.setHealth(of: "10.0.0.1:8080", isHealthy: false, by: "check", reason: "down")
            try balancer.setState(.draining, of: "10.0.0.2:8080")
            let before = balancer.status
            try servers.say(["10.0.0.3", "10.0.0.2", "10.0.0.1"])
            try await self.passing(clock, until: "a third endpoint") { balancer.endpoints.count == 3 }
            let after = balancer.status
            #expect(after.prefix(2).map(\.number) == before.map(\.number))
            #expect(after.map(\.state) == [.unhealthy, .draining, .inService])
        }
    }

    @Test("Failures and empty answers keep the last endpoints, are told, and are asked about sooner")
    func failures() async throws {
        let servers = Servers()
        try servers.say(["10.0.0.1"])
        try await self.following(servers) { balancer, source, clock in
            try await eventually("an endpoint") { source.status.endpoints == 1 }
            servers.fail("the servers are on fire")
            try await self.passing(clock, until: "a failure") { source.status.failures >= 3 }
            #expect(balancer.endpoints.map(\.address.description) == ["10.0.0.1:8080"])
            #expect(source.status.problem == "the servers are on fire")
            #expect(source.status.endpoints == 1)
            try servers.say([])
            try await self.passing(clock, until: "an empty answer") {
                source.status.problem == "web.example has no address"
            }
            #expect(balancer.endpoints.count == 1)
            try servers.say(["10.0.0.9"])
            try await self.passing(clock, until: "the new address") {
                balancer.endpoints.map(\.address.description) == ["10.0.0.9:8080"]
            }
            try await eventually("no problem any more") { source.status.problem == nil }
            #expect(source.status.failures == 0)
        }
    }

    @Test("A server that does not answer is given up after the time-out")
    func silence() async throws {
        let gate = ThreadCondition(false)
        let lookup = HostLookup { _ in
            gate.waitLoop { isOpen in isOpen ? .done(()) : .wait(atMost: .seconds(30)) }
            return .failure(HostLookupFailure("too late"))
        }
        defer {
            gate.withLock { $0 = true }
            gate.signal()
        }
        try await self.following(Servers(), timeout: .seconds(2), lookup: lookup) { _, source, clock in
            try await self.passing(clock, until: "a problem") { source.status.problem != nil }
            #expect(source.status.problem == "no answer for web.example within 2 s")
        }
    }

    @Test(
        "Settings that cannot work are refused with the value",
        arguments: [
            ("web.example", Duration.seconds(30), 0.1, "web.example"),
            ("web.example:0", .seconds(30), 0.1, "example:0"),
            ("web.example:80", .milliseconds(1), 0.1, "1 ms"), ("web.example:80", .seconds(30), 0.9, "0.9"),
        ])
    func refused(name: String, interval: Duration, jitter: Double, quoted: String) {
        do throws(ProxyError) {
            _ = try DNSEndpointsOptions(name, interval: interval, jitter: jitter)
            Issue.record("it was taken")
        } catch {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains(quoted), "\(error.message)")
        }
    }

    @Test("After failures the pause grows from a second to the interval, and jitter stays within its share")
    func pauses() {
        var state = DiscoveryState(source: "dns x")
        var pauses: [Duration] = []
        for _ in 0..<8 {
            _ = state.failed("no")
            pauses.append(state.pause(interval: .seconds(30), jitter: 0, chance: .random(in: 0...(.max))))
        }
        #expect(pauses == [1, 2, 4, 8, 16, 30, 30, 30].map { Duration.seconds($0) })
        _ = state.found(1, at: MonotonicInstant(nanoseconds: 0))
        let ends = [UInt64.min, .max].map { state.pause(interval: .seconds(30), jitter: 0.1, chance: $0) }
        #expect(ends == [.seconds(27), .seconds(33)])
    }
}
