import ColonyBalancing
import ColonyCore
import ColonyProxy

/// An upstream as the configuration file describes it, while it is being read.
struct UpstreamDocument: Sendable {
    var algorithm = BalancingAlgorithm.leastRequest(.two)
    var decay: Duration?
    var loadFactor: Double?
    var panicThreshold = 0.0
    var overprovisioning = 1.4
    var zone: String?
    var leastEndpointsInZone = 1
    var subset: EndpointSubset?
    /// On unless said otherwise, as with `colony proxy`.
    var outliers: OutlierOptions?
    var slowStart: SlowStart?
    var endpoints: [Endpoint]?
    var dns: DNSEndpointsOptions?
    var registry: LeaseName?
    var pool = UpstreamPoolOptions()
    // Read last, because they take over the name of `dns`.
    var health: SectionValue?
    var tls: SectionValue?

    private static let keys: [SectionKey<UpstreamDocument>] = [
        SectionKey("algorithm") { value, upstream throws(DaemonError) in
            upstream.algorithm = try value.choice(BalancingAlgorithm.named.map { ($0.name, $0.algorithm) })
        },
        .duration("decay", \.decay), .number("load_factor", \.loadFactor),
        .number("panic_threshold", \.panicThreshold), .number("overprovisioning", \.overprovisioning),
        .text("zone", \.zone), .integer("least_endpoints_in_zone", \.leastEndpointsInZone),
        SectionKey("subset") { value, upstream throws(DaemonError) in
            upstream.subset = try SubsetDocument.read(value)
        },
        SectionKey("outliers") { value, upstream throws(DaemonError) in
            upstream.outliers = value.isOff ? nil : try OutliersDocument.read(value)
        },
        SectionKey("slow_start") { value, upstream throws(DaemonError) in
            upstream.slowStart = value.isOff ? nil : try SlowStartDocument.read(value)
        },
        SectionKey("endpoints") { value, upstream throws(DaemonError) in
            upstream.endpoints = try EndpointDocument.readAll(value)
        },
        SectionKey("dns") { value, upstream throws(DaemonError) in upstream.dns = try DNSDocument.read(value) },
        SectionKey("registry") { value, upstream throws(DaemonError) in
            upstream.registry = try RegistryDocument.read(value)
        },
        SectionKey("pool") { value, upstream throws(DaemonError) in upstream.pool = try PoolDocument.read(value) },
        SectionKey("health") { value, upstream in upstream.health = value },
        SectionKey("tls") { value, upstream in upstream.tls = value },
    ]

    static func read(_ name: String, _ value: SectionValue) throws(DaemonError) -> UpstreamDefinition {
        var empty = UpstreamDocument()
        do {
            empty.outliers = try OutlierOptions()
        } catch {
            throw value.refused(error)
        }
        let document = try value.read(Self.keys, into: empty) { _ = try $0.options() }
        let definition: UpstreamDefinition
        do {
            definition = UpstreamDefinition(
                name: name, options: try document.options(), source: try document.source(value),
                checks: try document.health.map { value throws(DaemonError) in
                    try HealthDocument.readAll(value, dns: document.dns)
                } ?? [],
                pool: document.pool,
                tls: try document.tls.flatMap { value throws(DaemonError) in
                    try UpstreamTLSDocument.read(value, dns: document.dns)
                })
            try definition.check()
        } catch let error as DaemonError {
            throw error
        } catch {
            throw value.refused(error)
        }
        return definition
    }

    private func source(_ value: SectionValue) throws(DaemonError) -> UpstreamDefinition.Source {
        switch (self.endpoints, self.dns, self.registry) {
        case (let endpoints?, nil, nil): return .fixed(endpoints)
        case (nil, let dns?, nil): return .dns(dns)
        case (nil, nil, let service?): return .registry(service)
        case (nil, nil, nil): throw value.refused("\(value.path) has none of endpoints, dns, and registry")
        default: throw value.refused("\(value.path) has more than one of endpoints, dns, and registry")
        }
    }

    private func options() throws -> BalancerOptions {
        var algorithm = self.algorithm
        if let decay {
            guard case .peakEWMA = algorithm else {
                throw BalancingError(.invalidConfiguration, "decay is for the algorithm peak-ewma, not \(algorithm)")
            }
            algorithm = .peakEWMA(decay: decay)
        }
        if let loadFactor {
            guard case .ringHash(_?) = algorithm else {
                throw BalancingError(
                    .invalidConfiguration, "load_factor is for the algorithm bounded-ring-hash, not \(algorithm)")
            }
            algorithm = .ringHash(loadFactor: loadFactor)
        }
        return try BalancerOptions(
            algorithm: algorithm, panicThreshold: self.panicThreshold, overprovisioning: self.overprovisioning,
            zone: self.zone, leastEndpointsInZone: self.leastEndpointsInZone, subset: self.subset,
            outliers: self.outliers, slowStart: self.slowStart)
    }
}
