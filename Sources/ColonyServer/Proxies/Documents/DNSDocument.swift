import ColonyCore
import ColonyProxy

/// `dns`: a name whose addresses are endpoints.
struct DNSDocument: Sendable {
    var name: String?
    var interval = Duration.seconds(30)
    var jitter = 0.1
    var timeout = Duration.seconds(5)
    var weight = 1
    var zone: String?
    var priority = 0

    private static let keys: [SectionKey<DNSDocument>] = [
        .text("name", \.name), .duration("interval", \.interval), .number("jitter", \.jitter),
        .duration("timeout", \.timeout), .integer("weight", \.weight), .text("zone", \.zone),
        .integer("priority", \.priority),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> DNSEndpointsOptions {
        if value.scalar != nil {
            do {
                return try DNSEndpointsOptions(try value.text())
            } catch {
                throw value.refused(error)
            }
        }
        return try value.make(Self.keys, from: DNSDocument()) { document in
            guard let name = document.name else {
                throw ProxyError(.invalidConfiguration, "there is no name to look up")
            }
            return try DNSEndpointsOptions(
                name, interval: document.interval, jitter: document.jitter, timeout: document.timeout,
                weight: document.weight, zone: document.zone, priority: document.priority)
        }
    }
}
