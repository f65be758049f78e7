import ColonyBalancing
import ColonyCore
import ColonyProxy
import Synchronization

/// A balancer with what operators and sources have said of its endpoints. It outlives reloads that leave the balancer's settings alone.
final class UpstreamCore: Sendable {
    private struct State {
        /// The endpoints as the file or a source has them.
        var found: DiscoveredEndpoints
        /// Weights that operators have set.
        var weights: [EndpointName: Int] = [:]
        var checker: HealthChecker?
    }

    let balancer: LoadBalancer
    private let state: Mutex<State>
    /// Held while endpoints are handed on, so that the last one to be heard is the last one to be used.
    private let order = Mutex(())

    init(_ endpoints: [Endpoint], options: BalancerOptions, clock: any MonotonicClock) throws(BalancingError) {
        self.balancer = try LoadBalancer(endpoints, options: options, clock: clock)
        self.state = Mutex(State(found: DiscoveredEndpoints(endpoints: endpoints)))
    }

    /// Takes over what is known from a balancer with other settings. Its counts and ejections are not.
    init(
        _ endpoints: [Endpoint], options: BalancerOptions, clock: any MonotonicClock, like other: UpstreamCore
    ) throws(BalancingError) {
        let before = other.state.withLock { $0 }
        self.balancer = try LoadBalancer([], options: options, clock: clock)
        self.state = Mutex(
            State(
                found: DiscoveredEndpoints(endpoints: endpoints, unhealthy: before.found.unhealthy),
                weights: before.weights))
        try self.apply()
        let present = Set(self.balancer.endpoints.map(\.name))
        for status in other.balancer.status where present.contains(status.endpoint.name) {
            switch status.state {
            case .draining: try self.balancer.setState(.draining, of: status.endpoint.name)
            case .maintenance: try self.balancer.setState(.maintenance, of: status.endpoint.name)
            default: break
            }
        }
        for status in before.checker?.status ?? []
        where status.hasVerdict && !status.isHealthy && present.contains(status.endpoint) {
            try self.balancer.setHealth(
                of: status.endpoint, isHealthy: false, by: status.check, reason: status.reason)
        }
    }

    /// Everything that was found, also what a subset leaves out.
    var found: [Endpoint] { self.state.withLock { $0.found.endpoints } }

    /// The weight that an operator has set.
    func weight(of name: EndpointName) -> Int? { self.state.withLock { $0.weights[name] } }

    /// What a source has found, or the file says now.
    func use(_ found: DiscoveredEndpoints) throws(BalancingError) {
        try self.change { $0.found = found }
    }

    /// Sets the weight of an endpoint in place of its own, or gives its own back.
    func setWeight(_ weight: Int?, of name: EndpointName) throws(BalancingError) {
        try self.change { $0.weights[name] = weight }
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
    func setChecker(_ checker: HealthChecker?) {
        self.state.withLock { $0.checker = checker }
        checker?.setEndpoints(self.balancer.endpoints)
    }

    private func apply() throws(BalancingError) {
        let (found, weights, checker) = self.state.withLock { ($0.found, $0.weights, $0.checker) }
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
        checker?.setEndpoints(self.balancer.endpoints)
    }
}
