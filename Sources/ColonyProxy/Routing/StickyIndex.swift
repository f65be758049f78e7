import ColonyBalancing

/// Which endpoints the values of a sticky cookie stand for, as a worker knows them.
///
/// Endpoints come and go behind it. A value that is not known has it look again, at most once a second: a client that makes values up is no
/// cause for more work. An endpoint that has gone stays known until then; the balancer does not pick it all the same.
///
/// Used on the event loop of its worker only.
final class StickyIndex {
    private static let pause: Int64 = 1_000_000_000

    private let plan: StickyPlan
    private let balancer: LoadBalancer
    private var names: [StickyValue: EndpointName] = [:]
    private var nextLook = Int64.min

    init(_ plan: StickyPlan, _ balancer: LoadBalancer) {
        self.plan = plan
        self.balancer = balancer
    }

    func endpoint(
        _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer, now: Int64
    ) -> EndpointName? {
        guard let text = CookieReading.value(of: self.plan.name, parser, bytes), let value = StickyValue(text) else {
            return nil
        }
        if let name = self.names[value] { return name }
        guard now >= self.nextLook else { return nil }
        self.nextLook = now + Self.pause
        self.names = [:]
        for endpoint in self.balancer.endpoints { self.names[self.plan.value(of: endpoint.name)] = endpoint.name }
        return self.names[value]
    }

    /// An endpoint that has just been told to a client is known.
    func note(_ name: EndpointName) {
        // Endpoints that came and went would fill it.
        if self.names.count >= 2 * LoadBalancer.endpointLimit { self.names = [:] }
        self.names[self.plan.value(of: name)] = name
    }
}
