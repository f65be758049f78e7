import ColonyBalancing
import ColonyCore

/// Which name is looked up for endpoints, and how often.
public struct DNSEndpointsOptions: Hashable, Sendable {
    /// The name whose addresses, of both versions of IP, are endpoints.
    public let host: String
    /// The port of all of them.
    public let port: Int
    /// How often the name is looked up, before jitter.
    public let interval: Duration
    /// By which share of itself the interval is made longer or shorter by chance.
    public let jitter: Double
    /// How long an answer may take.
    public let timeout: Duration
    /// What each endpoint is like.
    public let weight: Int
    /// Where they run.
    public let zone: String?
    /// The level that they belong to.
    public let priority: Int

    /// The legal intervals.
    public static var intervals: ClosedRange<Duration> { .milliseconds(100)...(.seconds(86_400)) }
    /// The legal time-outs.
    public static var timeouts: ClosedRange<Duration> { .milliseconds(1)...(.seconds(300)) }

    /// Makes settings from values that may come from outside.
    ///
    /// - Parameters:
    ///   - name: `host:port`.
    ///   - interval: Within ``intervals``. Thirty seconds: the system's call does not tell how long an answer holds, and most names of
    ///     services may be kept for about that long.
    ///   - jitter: From 0 to 0.5. A tenth keeps many proxies from asking in the same moment.
    ///   - timeout: Within ``timeouts``. Five seconds are what a resolver gives a server before it asks the next one.
    ///   - weight: Within `Endpoint.weights`, for each address.
    ///   - priority: Within `Endpoint.priorities`.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ name: String, interval: Duration = .seconds(30), jitter: Double = 0.1, timeout: Duration = .seconds(5),
        weight: Int = 1, zone: String? = nil, priority: Int = 0
    ) throws(ProxyError) {
        func refused(_ reason: String) -> ProxyError { ProxyError(.invalidConfiguration, reason) }
        guard let address = HostAndPort(name), let port = address.port, address.host.utf8.count <= 253 else {
            throw refused("the name \"\(name)\" to look up is not host:port")
        }
        guard Self.intervals.contains(interval) else {
            throw refused("an interval of \(interval.text) for a name is not possible: from 100 ms to a day")
        }
        guard (0...0.5).contains(jitter) else {
            throw refused("a jitter of \(jitter) for a name is not possible: from 0 to 0.5")
        }
        guard Self.timeouts.contains(timeout) else {
            throw refused("a time-out of \(timeout.text) for a name is not possible: from a millisecond to 300 s")
        }
        do throws(BalancingError) {
            _ = try Endpoint("127.0.0.1:\(port)", weight: weight, zone: zone, priority: priority)
        } catch {
            throw ProxyError(.invalidConfiguration, error.message, cause: error)
        }
        self.host = address.host
        self.port = port
        self.interval = interval
        self.jitter = jitter
        self.timeout = timeout
        self.weight = weight
        self.zone = zone
        self.priority = priority
    }

    /// The name with its port.
    public var name: String { HostAndPort.text(host: self.host, port: self.port) }
}
