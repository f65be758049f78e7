public import ColonyBalancing
public import ColonyCore
public import ServiceLifecycle

/// Something that finds endpoints while the program runs, and hands them on whenever they change.
///
/// It is a service: it works within `run()`, ends with graceful shutdown or cancellation, and never fails for good. What it cannot
/// find out just now leaves everything as it was, because calls to endpoints that may be gone do better than calls to none.
public protocol EndpointSource: Service {
    /// How it goes.
    var status: EndpointSourceStatus { get }
}

/// Takes what a source has found, the whole of it each time.
///
/// An error of it is reported by the source, and the next finding is handed on all the same.
public typealias EndpointReceiver = @Sendable (DiscoveredEndpoints) throws(BalancingError) -> Void

/// What a source has found.
public struct DiscoveredEndpoints: Hashable, Sendable {
    /// All endpoints, at least one, in an order that does not change as long as they do not.
    public let endpoints: [Endpoint]
    /// Those that say of themselves that they cannot work, with the reason.
    public let unhealthy: [EndpointName: String]
    /// Those that had said so the last time and do not say it any more.
    public let recovered: [EndpointName]

    package init(
        endpoints: [Endpoint], unhealthy: [EndpointName: String] = [:], recovered: [EndpointName] = []
    ) {
        self.endpoints = endpoints
        self.unhealthy = unhealthy
        self.recovered = recovered
    }
}

/// How a source of endpoints stands at one moment.
public struct EndpointSourceStatus: Hashable, Sendable {
    /// Where it looks, such as `dns web.example:80` or `registry orders`.
    public let source: String
    /// How many endpoints it has handed on last.
    public var endpoints = 0
    /// Why what was handed on last may be out of date, or is not all that was found, as a sentence; `nil` if all is well.
    public var problem: String?
    /// Attempts in a row that found nothing.
    public var failures = 0
    /// When it last found endpoints; `nil` if it never has.
    public var lastFound: MonotonicInstant?

    package init(source: String) {
        self.source = source
    }
}

extension LoadBalancer {
    /// The name of the check under which ``take(_:)`` keeps what instances say of themselves.
    public static var discoveryCheck: String { "discovery" }

    /// Puts what a source has found in the place of the present endpoints: the usual ``EndpointReceiver``.
    ///
    /// Endpoints that stay keep their load, their health, and what operators said of them.
    ///
    /// - Throws: `BalancingError` with code `duplicateEndpoint` or `tooManyEndpoints`; nothing changes then.
    public func take(_ found: DiscoveredEndpoints) throws(BalancingError) {
        try self.setEndpoints(found.endpoints)
        // Of a subset only a part is there.
        let present = Set(self.endpoints.map(\.name))
        for name in found.recovered where present.contains(name) {
            try self.setHealth(of: name, isHealthy: true, by: Self.discoveryCheck)
        }
        for (name, reason) in found.unhealthy where present.contains(name) {
            try self.setHealth(of: name, isHealthy: false, by: Self.discoveryCheck, reason: reason)
        }
    }
}
