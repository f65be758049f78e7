import NIOCore
import NIOSSL

/// What a proxy shows to clients in their handshakes: never changed, only replaced, so that a handshake that has begun ends with what it
/// began with, and connections that are open have nothing to do with it.
struct ServerCertificates: Sendable {
    /// For HTTP, where client and proxy agree on a version of it.
    let http: NIOSSLContext
    /// For TCP, where the proxy does not know what is spoken.
    let tcp: NIOSSLContext

    /// - Parameter certificates: At least one; the first is for clients that name no host, or none of those that are known.
    init(
        _ certificates: [ServerCertificate], minimumVersion: ProxyTLS.Version, offersHTTP2: Bool,
        clientRoots: [NIOSSLCertificate]
    ) throws {
        let first = certificates[0]
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: first.chain, privateKey: first.key)
        configuration.minimumTLSVersion = minimumVersion == .tls13 ? .tlsv13 : .tlsv12
        // Many clients never answer the goodbye; the connection shall not stay open for that.
        configuration.shutdownTimeout = .seconds(2)
        if !clientRoots.isEmpty {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(clientRoots)
        }
        if certificates.count > 1 {
            let table = NameTable(certificates)
            configuration.sslContextCallback = { values, promise in
                promise.succeed(table.choice(for: values.serverHostname))
            }
        }
        self.tcp = try NIOSSLContext(configuration: configuration)
        configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        self.http = try NIOSSLContext(configuration: configuration)
    }

    /// Which certificate is for which host.
    private struct NameTable: Sendable {
        private var choices: [String: NIOSSLContextConfigurationOverride] = [:]

        init(_ certificates: [ServerCertificate]) {
            for certificate in certificates {
                var choice = NIOSSLContextConfigurationOverride()
                choice.certificateChain = certificate.chain
                choice.privateKey = certificate.key
                // Of two certificates for a name, that which was given first is used.
                for name in certificate.names where self.choices[name] == nil { self.choices[name] = choice }
            }
        }

        /// The certificate for a host: one for just this name, or one for all names in its domain, or the first of all.
        func choice(for host: String?) -> NIOSSLContextConfigurationOverride {
            guard var host = host?.lowercased() else { return .noChanges }
            if host.hasSuffix(".") { host.removeLast() }
            if let exact = self.choices[host] { return exact }
            guard let dot = host.firstIndex(of: "."), let wild = self.choices["*\(host[dot...])"] else {
                return .noChanges
            }
            return wild
        }
    }
}
