import ColonyBalancing
import ColonyProxy

/// `tls` of a check: how a probe speaks TLS. `true` is with all that is usual.
struct CheckTLSDocument: Sendable {
    var verify = true
    var serverName: String?
    var trustRoots: String?

    private static let keys: [SectionKey<CheckTLSDocument>] = [
        .flag("verify", \.verify), .text("server_name", \.serverName), .text("trust_roots", \.trustRoots),
    ]

    /// - Parameter dns: What the endpoints were found by: their addresses are in no certificate.
    static func read(_ value: SectionValue, dns: DNSEndpointsOptions?) throws(DaemonError) -> HealthCheck.TLS? {
        var empty = CheckTLSDocument()
        empty.serverName = dns?.host
        if value.scalar != nil {
            guard try value.flag() else { return nil }
            let document = empty
            do throws(BalancingError) {
                return try HealthCheck.TLS(serverName: document.serverName)
            } catch {
                throw value.refused(error)
            }
        }
        return try value.make(Self.keys, from: empty) { document in
            try HealthCheck.TLS(
                verifies: document.verify, serverName: document.serverName, trustRootsFile: document.trustRoots)
        }
    }
}
