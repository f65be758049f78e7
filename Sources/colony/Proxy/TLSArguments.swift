import ArgumentParser
import ColonyBalancing
import ColonyCore
import ColonyProxy

/// What the command line says of TLS, on both sides of the proxy.
struct TLSArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A certificate with its chain, in PEM: clients are spoken with in TLS. May be repeated; the first is for clients that name no host that another is for.",
            valueName: "file"))
    var tlsCertificate: [String] = []

    @Option(
        help: ArgumentHelp(
            "The private key of a certificate, in PEM; as many as certificates, in their order.", valueName: "file"))
    var tlsKey: [String] = []

    @Flag(name: .customLong("no-http2"), help: "Offer only HTTP/1.1 to clients in TLS.")
    var noHTTP2 = false

    @Flag(help: "Speak TLS with the upstreams; their certificates are checked.")
    var upstreamTLS = false

    @Option(
        name: .customLong("upstream-tls-ca"),
        help: ArgumentHelp(
            "The certificates that are trusted in those of the upstreams, in PEM; means --upstream-tls. (default: those of the system)",
            valueName: "file"))
    var upstreamCA: String?

    @Option(
        name: .customLong("upstream-tls-name"),
        help: ArgumentHelp(
            "The name in the certificates of the upstreams; means --upstream-tls. (default: the host of each)",
            valueName: "name"))
    var upstreamName: String?

    func validate() throws {
        guard self.tlsCertificate.count == self.tlsKey.count else {
            throw ValidationError(
                "There are \(self.tlsCertificate.count) of --tls-certificate and \(self.tlsKey.count) of --tls-key: each certificate needs its key."
            )
        }
        if self.noHTTP2, self.tlsCertificate.isEmpty {
            throw ValidationError("--no-http2 means nothing without --tls-certificate: without TLS there is no HTTP/2.")
        }
    }

    /// Reads the files.
    func clients() throws(ProxyError) -> ProxyTLS? {
        guard !self.tlsCertificate.isEmpty else { return nil }
        return try ProxyTLS(
            zip(self.tlsCertificate, self.tlsKey).map { ProxyTLS.CertificateFiles(chain: $0, key: $1) },
            offersHTTP2: !self.noHTTP2)
    }

    private var isForUpstreams: Bool { self.upstreamTLS || self.upstreamCA != nil || self.upstreamName != nil }

    /// Reads the file.
    func upstreams() throws(ProxyError) -> UpstreamTLS? {
        guard self.isForUpstreams else { return nil }
        return try UpstreamTLS(serverName: self.upstreamName, trustRootsFile: self.upstreamCA)
    }

    /// A health check that asks in the way in which requests go.
    func check(_ kind: HealthCheck.Kind) throws(BalancingError) -> HealthCheck.Kind {
        guard self.isForUpstreams else { return kind }
        let tls = try HealthCheck.TLS(serverName: self.upstreamName, trustRootsFile: self.upstreamCA)
        switch kind {
        case .tls: return .tls(tls)
        case .http(let http): return .http(try HealthCheck.HTTP(path: http.path, tls: tls))
        default: return kind
        }
    }
}
