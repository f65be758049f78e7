/// How a balancer chooses and what it does when endpoints fail.
public struct BalancerOptions: Hashable, Sendable {
    /// How an endpoint is chosen among those that may be picked. Least request of two, if nothing is said: it fits most services, because it
    /// needs no weights to be right and notices by itself who is slow.
    public let algorithm: BalancingAlgorithm
    /// Below which share of its weight in health a level ignores health and spreads calls over all its endpoints, from 0 to 1. 0, which is the
    /// default, is never: calls then fail at once with ``BalancingError/Code-swift.struct/noneAvailable``. Envoy's default of 0.5 surprises
    /// people, so it has to be asked for.
    public let panicThreshold: Double
    /// How many times its weight in health a level is trusted to carry before calls spill over to the next level, from 1 to 10; 1.4 as in
    /// Envoy: a level keeps its calls until less than 71 % of it is in health.
    public let overprovisioning: Double
    /// The balancer's own zone. Endpoints in it come before those of the same priority elsewhere. `nil` makes no difference between zones.
    public let zone: String?
    /// How many endpoints the own zone must have so that it comes first, from 1 to ``LoadBalancer/endpointLimit``; 1 by default. More keeps a zone of few endpoints from carrying the
    /// calls of many callers.
    public let leastEndpointsInZone: Int
    /// Which part of the endpoints is used, if not all of them.
    public let subset: EndpointSubset?
    /// How endpoints whose calls go wrong are taken out for a while; `nil`, the default, lets health checks alone decide.
    public let outliers: OutlierOptions?
    /// How an endpoint that is new, or back, gets its share of calls little by little; `nil`, the default, gives it the whole share at once.
    public let slowStart: SlowStart?

    /// Checks and keeps settings.
    ///
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        algorithm: BalancingAlgorithm = .leastRequest(.two), panicThreshold: Double = 0, overprovisioning: Double = 1.4,
        zone: String? = nil, leastEndpointsInZone: Int = 1, subset: EndpointSubset? = nil,
        outliers: OutlierOptions? = nil, slowStart: SlowStart? = nil
    ) throws(BalancingError) {
        try algorithm.check()
        try SettingBounds.check(panicThreshold, in: 0...1, "the panic threshold")
        try SettingBounds.check(overprovisioning, in: 1...10, "the overprovisioning factor")
        try SettingBounds.check(
            leastEndpointsInZone, in: 1...LoadBalancer.endpointLimit, "the least number of endpoints in the zone")
        self.algorithm = algorithm
        self.panicThreshold = panicThreshold
        self.overprovisioning = overprovisioning
        self.zone = zone
        self.leastEndpointsInZone = leastEndpointsInZone
        self.subset = subset
        self.outliers = outliers
        self.slowStart = slowStart
    }

    private init(standard algorithm: BalancingAlgorithm) {
        self.algorithm = algorithm
        self.panicThreshold = 0
        self.overprovisioning = 1.4
        self.zone = nil
        self.leastEndpointsInZone = 1
        self.subset = nil
        self.outliers = nil
        self.slowStart = nil
    }

    /// Least request of two, without panic and without zones.
    public static var standard: BalancerOptions { BalancerOptions(standard: .leastRequest(.two)) }
}
