import ColonyBalancing
import ColonyCore
import ColonyProxy
import Synchronization

/// A balancer with what operators and sources have said of its endpoints. It outlives reloads that leave the balancer's settings alone.
final class UpstreamCore: Sendable {
    /// Tells sources apart: one that was taken away may still be handing on what it has found.
    final class SourceTag: Sendable {}

    private struct State {
        /// The endpoints as the file or a source has them.
        var found: DiscoveredEndpoints
        /// Weights that operators have set.
        var weights: [EndpointName: Int] = [:]
        /// What operators have said of endpoints, also of such that are not there at present and may come back.
        var administrative: [EndpointName: AdministrativeState] = [:]
        var checker: HealthChecker?
        /// Whose findings count.
        var source: SourceTag?
    }

    let balancer: LoadBalancer
    private let state: Mutex<State>
    /// Whose verdicts count. Held while one is noted, so that none is when another checker has taken over. Changes of endpoints make checkers
    /// speak, so it is another lock than the next one.
    private let checking = Mutex<SourceTag?>(nil)
    /// Held while endpoints are handed on, so that the last one to be heard is the last one to be used.
    private let order = Mutex(())

    init(_ endpoints: [Endpoint], options: BalancerOptions, clock: any MonotonicClock) throws(BalancingError) {
        self.balancer = try LoadBalancer(endpoints, options: options, clock: clock)
        self.state = Mutex(State(found: DiscoveredEndpoints(endpoints: endpoints)))
    }

    /// Takes over what is known from a balancer with other settings. Its counts and ejections are not.
    ///
    /// - Parameters:
    ///   - keepsFindings: Whether a source goes on to tell how its instances are; otherwise nobody would ever take back what it has said.
    ///   - checks: The checks that go on to be made, by their names.
    init(
        _ endpoints: [Endpoint], options: BalancerOptions, clock: any MonotonicClock, like other: UpstreamCore,
        keepsFindings: Bool, checks: Set<String>
    ) throws(BalancingError) {
        let before = other.state.withLock { $0 }
        self.balancer = try LoadBalancer([], options: options, clock: clock)
        self.state = Mutex(
            State(
                found: DiscoveredEndpoints(
                    endpoints: endpoints, unhealthy: keepsFindings ? before.found.unhealthy : [:]),
                weights: before.weights, administrative: before.administrative))
        try self.apply()
        let present = Set(self.balancer.endpoints.map(\.name))
        for status in before.checker?.status ?? []
        where status.hasVerdict && !status.isHealthy && present.contains(status.endpoint)
            && checks.contains(status.check)
        {
            try self.balancer.setHealth(
                of: status.endpoint, isHealthy: false, by: status.check, reason: status.reason)
        }
    }

    /// Everything that was found, also what a subset leaves out.
    var found: [Endpoint] { self.state.withLock { $0.found.endpoints } }

    /// The weight that an operator has set.
    func weight(of name: EndpointName) -> Int? { self.state.withLock { $0.weights[name] } }

    /// What the file says now.
    func use(_ endpoints: [Endpoint]) throws(BalancingError) {
        try self.change { Self.replace(&$0.found, by: DiscoveredEndpoints(endpoints: endpoints)) }
    }

    /// What a source has found. It is passed over if the source does not count any more.
    func use(_ found: DiscoveredEndpoints, from source: SourceTag) throws(BalancingError) {
        try self.change { state in
            if state.source === source { Self.replace(&state.found, by: found) }
        }
    }

    /// What was said against an endpoint before, perhaps by another source, and is said no more, is taken back.
    private static func replace(_ found: inout DiscoveredEndpoints, by next: DiscoveredEndpoints) {
        let forgotten = found.unhealthy.keys.filter { next.unhealthy[$0] == nil && !next.recovered.contains($0) }
        found = DiscoveredEndpoints(
            endpoints: next.endpoints, unhealthy: next.unhealthy, recovered: next.recovered + forgotten)
    }

    /// Whose findings count from now on; `nil` for nobody's.
    func setSource(_ source: SourceTag?) { self.state.withLock { $0.source = source } }

    /// Sets the weight of an endpoint in place of its own, or gives its own back.
    func setWeight(_ weight: Int?, of name: EndpointName) throws(BalancingError) {
        try self.change { $0.weights[name] = weight }
    }

    /// Says what an operator says of an endpoint. It holds when the endpoint goes and comes back, too.
    func setState(_ administrative: AdministrativeState, of name: EndpointName) throws(BalancingError) {
        try self.order.withLock { _ throws(BalancingError) in
            try self.balancer.setState(administrative, of: name)
            self.state.withLock { $0.administrative[name] = administrative == .active ? nil : administrative }
        }
    }

    /// Takes over what operators have said while this one was prepared.
    func takeOver(from other: UpstreamCore) throws(BalancingError) {
        let before = other.state.withLock { $0 }
        try self.change { $0.weights = before.weights }
        for name in self.balancer.endpoints.map(\.name) {
            let administrative = before.administrative[name] ?? .active
            guard administrative != self.state.withLock({ $0.administrative[name] ?? .active }) else { continue }
            try self.setState(administrative, of: name)
        }
    }

    /// What a checker has found. It is passed over if the checker does not count any more.
    func note(_ transition: HealthTransition, from checking: SourceTag) {
        self.checking.withLock { present in
            if present === checking { self.balancer.note(transition) }
        }
    }

    /// Forgets what checks said that are made no more.
    func forget(_ checks: [String]) throws(BalancingError) {
        for check in checks { try self.balancer.forgetHealth(by: check) }
    }

    private func change(_ body: (inout State) -> Void) throws(BalancingError) {
        try self.order.withLock { _ throws(BalancingError) in
            let before = self.state.withLock { $0 }
            self.state.withLock { body(&$0) }
            do throws(BalancingError) {
                try self.apply()
            } catch {
                self.state.withLock { state in
                    state.found = before.found
                    state.weights = before.weights
                }
                throw error
            }
        }
    }

    /// Who probes the endpoints from now on.
    func setChecker(_ checker: HealthChecker?, _ checking: SourceTag?) {
        // When this is done, the one before has said its last word.
        self.checking.withLock { $0 = checking }
        self.state.withLock { $0.checker = checker }
        checker?.setEndpoints(self.balancer.endpoints)
    }

    private func apply() throws(BalancingError) {
        let (found, weights, checker, administrative) = self.state.withLock {
            ($0.found, $0.weights, $0.checker, $0.administrative)
        }
        let before = Set(self.balancer.endpoints.map(\.name))
        var endpoints: [Endpoint] = []
        for endpoint in found.endpoints {
            guard let weight = weights[endpoint.name], weight != endpoint.weight else {
                endpoints.append(endpoint)
                continue
            }
            endpoints.append(
                try Endpoint(
                    address: endpoint.address, name: endpoint.name, weight: weight, zone: endpoint.zone,
                    priority: endpoint.priority, metadata: endpoint.metadata))
        }
        try self.balancer.take(
            DiscoveredEndpoints(endpoints: endpoints, unhealthy: found.unhealthy, recovered: found.recovered))
        for name in self.balancer.endpoints.map(\.name) where !before.contains(name) {
            if let said = administrative[name] { try self.balancer.setState(said, of: name) }
        }
        checker?.setEndpoints(self.balancer.endpoints)
    }
}
