import ColonyBalancing
import ColonyCore
import ColonyProxy
import Testing

@testable import ColonyServer

@Suite("An upstream of the daemon and what is known of its endpoints")
struct UpstreamCoreTests {
    private static func endpoints(_ names: String...) throws -> [Endpoint] {
        try names.enumerated().map { try Endpoint("10.0.0.\($0.offset + 1):80", name: EndpointName($0.element)) }
    }

    private static func core(_ endpoints: [Endpoint]) throws -> UpstreamCore {
        try UpstreamCore(endpoints, options: .standard, clock: HostClock())
    }

    private static func states(_ core: UpstreamCore) -> [String: EndpointStatus.State] {
        Dictionary(core.balancer.status.map { ($0.endpoint.name.rawValue, $0.state) }) { first, _ in first }
    }

    @Test("What an operator has said holds when an endpoint goes and comes back")
    func wordsHold() throws {
        let core = try Self.core(Self.endpoints("a", "b"))
        try core.setState(.maintenance, of: "a")
        try core.use(Self.endpoints("b"))
        try core.use(Self.endpoints("a", "b"))
        #expect(Self.states(core) == ["a": .maintenance, "b": .inService])
        try core.setState(.active, of: "a")
        try core.use(Self.endpoints("b"))
        try core.use(Self.endpoints("a", "b"))
        #expect(Self.states(core) == ["a": .inService, "b": .inService])
    }

    @Test("What operators say while a balancer with other settings is prepared is taken over")
    func wordsAreTakenOver() throws {
        let endpoints = try Self.endpoints("a", "b")
        let core = try Self.core(endpoints)
        try core.setState(.draining, of: "b")
        let next = try UpstreamCore(
            endpoints, options: .standard, clock: HostClock(), like: core, keepsFindings: false, checks: [])
        #expect(Self.states(next) == ["a": .inService, "b": .draining])
        try core.setState(.maintenance, of: "a")
        try core.setState(.active, of: "b")
        try core.setWeight(7, of: "a")
        try next.takeOver(from: core)
        #expect(Self.states(next) == ["a": .maintenance, "b": .inService])
        #expect(next.balancer.endpoints.map(\.weight) == [7, 1])
    }

    @Test("What a source said of an instance is forgotten when nobody says it any more")
    func findingsEnd() throws {
        let endpoints = try Self.endpoints("a", "b")
        let core = try Self.core(endpoints)
        let (first, second) = (UpstreamCore.SourceTag(), UpstreamCore.SourceTag())
        core.setSource(first)
        try core.use(DiscoveredEndpoints(endpoints: endpoints, unhealthy: ["a": "it says so"]), from: first)
        #expect(Self.states(core) == ["a": .unhealthy, "b": .inService])
        // Another source, which never knew of it.
        core.setSource(second)
        try core.use(DiscoveredEndpoints(endpoints: endpoints), from: first)
        #expect(Self.states(core) == ["a": .unhealthy, "b": .inService])
        try core.use(DiscoveredEndpoints(endpoints: endpoints), from: second)
        #expect(Self.states(core) == ["a": .inService, "b": .inService])
        // A file in place of a source.
        try core.use(DiscoveredEndpoints(endpoints: endpoints, unhealthy: ["b": "it says so"]), from: second)
        core.setSource(nil)
        try core.use(endpoints)
        #expect(Self.states(core) == ["a": .inService, "b": .inService])
    }

    @Test("A checker that was taken away says nothing any more")
    func oldCheckersAreSilent() throws {
        let core = try Self.core(Self.endpoints("a"))
        let (first, second) = (UpstreamCore.SourceTag(), UpstreamCore.SourceTag())
        func transition(_ isHealthy: Bool) -> HealthTransition {
            HealthTransition(
                check: "http", endpoint: "a", isHealthy: isHealthy, reason: "a test", at: HostClock().now)
        }
        core.setChecker(nil, first)
        core.note(transition(false), from: first)
        #expect(Self.states(core) == ["a": .unhealthy])
        core.setChecker(nil, second)
        try core.forget(["http"])
        core.note(transition(false), from: first)
        #expect(Self.states(core) == ["a": .inService])
    }
}
