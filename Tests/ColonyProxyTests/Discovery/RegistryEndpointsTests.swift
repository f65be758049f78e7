import ColonyBalancing
import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyProxy
import Synchronization
import Testing

@Suite("Endpoints from the registry")
struct RegistryEndpointsTests {
    private func instance(_ id: LeaseName, _ address: String, weight: Int = 1) -> ServiceInstance {
        ServiceInstance(
            id: id, address: address, port: 8080, metadata: ["priority": "2"], weight: weight, zone: "eu-1")
    }

    /// Runs `body` while a balancer follows the service `web`.
    private func following(
        _ body: (LoadBalancer, RegistryEndpoints, Registry, CutEngine) async throws -> Void
    ) async throws {
        let engine = CutEngine()
        let registry = Registry(on: engine)
        let balancer = try LoadBalancer([])
        let source = RegistryEndpoints(of: "web", in: registry, logger: .silent) { found throws(BalancingError) in
            try balancer.take(found)
        }
        let run = Task { try await source.run() }
        defer { run.cancel() }
        try await body(balancer, source, registry, engine)
        run.cancel()
        try await run.value
    }

    @Test("Instances come and go with their records, and keep what is known of them")
    func instances() async throws {
        try await self.following { balancer, source, registry, _ in
            let first = try await registry.register(self.instance("web-1", "10.0.0.1", weight: 5_000), as: "web")
            try await eventually("an endpoint") { balancer.endpoints.count == 1 }
            let endpoint = try #require(balancer.endpoints.first)
            #expect(endpoint.name == "web-1")
            #expect(endpoint.address.description == "10.0.0.1:8080")
            #expect(endpoint.weight == 1_000)
            #expect(endpoint.zone == "eu-1")
            #expect(endpoint.priority == 2)
            try balancer.setState(.maintenance, of: "web-1")
            let second = try await registry.register(self.instance("web-2", "fd00::2"), as: "web")
            try await eventually("two endpoints") { balancer.endpoints.count == 2 }
            #expect(balancer.endpoints.last?.address.description == "[fd00::2]:8080")
            #expect(balancer.status.map(\.state) == [.maintenance, .inService])
            try await first.update { $0.weight = 7 }
            try await eventually("the new weight") { balancer.endpoints.first?.weight == 7 }
            #expect(balancer.status.first?.state == .maintenance)
            await first.deregister()
            try await eventually("one endpoint") { balancer.endpoints.map(\.name) == ["web-2"] }
            #expect(source.status.problem == nil)
            await second.deregister()
        }
    }

    @Test("An instance says itself that it is unhealthy, that it is well again, and that it drains")
    func health() async throws {
        try await self.following { balancer, _, registry, _ in
            let first = try await registry.register(self.instance("web-1", "10.0.0.1"), as: "web")
            let second = try await registry.register(self.instance("web-2", "10.0.0.2"), as: "web")
            try await eventually("two endpoints") { balancer.endpoints.count == 2 }
            try await first.update { $0.health = .unhealthy }
            try await eventually("an unhealthy endpoint") {
                balancer.status.map(\.state) == [.unhealthy, .inService]
            }
            #expect(balancer.status.first?.reasons.first?.contains("says so itself") == true)
            try await first.update { $0.health = .healthy }
            try await eventually("two healthy endpoints") {
                balancer.status.map(\.state) == [.inService, .inService]
            }
            try await second.update { $0.health = .draining }
            try await eventually("one endpoint") { balancer.endpoints.map(\.name) == ["web-1"] }
            await first.deregister()
            await second.deregister()
        }
    }

    @Test("A store that cannot be reached, and an empty list, leave the endpoints as they are, and are told")
    func outage() async throws {
        try await self.following { balancer, source, registry, engine in
            let first = try await registry.register(self.instance("web-1", "10.0.0.1"), as: "web")
            try await eventually("an endpoint") { source.status.endpoints == 1 }
            engine.cut(true)
            try await eventually("a problem") { source.status.problem == "the store cannot be reached" }
            #expect(balancer.endpoints.map(\.name) == ["web-1"])
            engine.cut(false)
            try await eventually("no problem any more") { source.status.problem == nil }
            await first.deregister()
            try await eventually("an empty list") { source.status.problem == "web has no instances that take calls" }
            #expect(balancer.endpoints.map(\.name) == ["web-1"])
            let second = try await registry.register(self.instance("web-2", "10.0.0.2"), as: "web")
            try await eventually("the new instance") { balancer.endpoints.map(\.name) == ["web-2"] }
            await second.deregister()
        }
    }

    @Test("A record that cannot be used is told, and the others are used")
    func badRecords() async throws {
        try await self.following { balancer, source, registry, engine in
            _ = try await engine.put(RegistryWrite(Array("no JSON".utf8), for: "bad"), in: "service/web")
            let first = try await registry.register(self.instance("web-1", "10.0.0.1"), as: "web")
            try await eventually("an endpoint") { balancer.endpoints.count == 1 }
            try await eventually("a problem") { source.status.problem == "the record bad cannot be read" }
            await first.deregister()
        }
    }
}

/// The memory engine behind a connection that can be cut.
private final class CutEngine: RegistryEngine {
    private let base = MemoryLeaseEngine()
    private let isCut = Mutex(false)

    var guarantee: Guarantee { self.base.guarantee }

    func cut(_ isCut: Bool) { self.isCut.withLock { $0 = isCut } }

    private func pass<Answer>(_ effect: () async throws(LeaseError) -> Answer) async throws(LeaseError) -> Answer {
        if self.isCut.withLock({ $0 }) { throw LeaseError(.unavailable, "the connection is cut") }
        let answer = try await effect()
        if self.isCut.withLock({ $0 }) { throw LeaseError(.unavailable, "the connection is cut") }
        return answer
    }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try await self.base.tryAcquire(name, owner: owner, for: duration)
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.base.renew(lease, for: duration)
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.base.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { try await self.base.inspect(name) }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.base.waitForChange(of: name, from: token, upTo: limit)
    }

    func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try await self.pass { () async throws(LeaseError) in try await self.base.put(write, in: group) }
    }

    func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.pass { () async throws(LeaseError) in
            try await self.base.renewRecord(key, in: group, owner: owner, for: duration)
        }
    }

    func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        try await self.pass { () async throws(LeaseError) in
            try await self.base.removeRecord(key, from: group, if: condition)
        }
    }

    func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        try await self.pass { () async throws(LeaseError) in try await self.base.snapshot(of: group) }
    }

    /// Looks often, because a cut is no change that the engine could wake the watch for.
    func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.pass { () async throws(LeaseError) in
            try await self.base.waitForChange(in: group, since: revision, upTo: min(limit, .milliseconds(20)))
        }
    }
}
