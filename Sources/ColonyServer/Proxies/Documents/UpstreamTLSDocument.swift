import ColonyCore
import ColonyProxy

/// `tls` of an upstream: how the proxy speaks TLS with its endpoints. `true` is with all that is usual.
struct UpstreamTLSDocument: Sendable {
    var verify = true
    var serverName: String?
    var trustRoots: String?

    private static let keys: [SectionKey<UpstreamTLSDocument>] = [
        .flag("verify", \.verify), .text("server_name", \.serverName), .text("trust_roots", \.trustRoots),
    ]

    /// - Parameter dns: What the endpoints were found by: their addresses are in no certificate.
    static func read(_ value: SectionValue, dns: DNSEndpointsOptions?) throws(DaemonError) -> UpstreamTLS? {
        var empty = UpstreamTLSDocument()
        empty.serverName = dns?.host
        if value.scalar != nil {
            guard try value.flag() else { return nil }
            let document = empty
            do throws(ProxyError) {
                return try UpstreamTLS(serverName: document.serverName)
            } catch {
                throw value.refused(error)
            }
        }
        return try value.make(Self.keys, from: empty) { document in
            try UpstreamTLS(
                serverName: document.serverName, trustRootsFile: document.trustRoots,
                verification: document.verify ? .full : .none)
        }
    }
}
