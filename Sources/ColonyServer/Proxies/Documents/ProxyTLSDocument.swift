import ColonyCore
import ColonyProxy

/// `tls` of a proxy: how it proves to clients who it is.
struct ProxyTLSDocument: Sendable {
    var certificates: [ProxyTLS.CertificateFiles] = []
    var minimumVersion = ProxyTLS.Version.tls12
    var http2 = true
    var clientTrustRoots: String?

    private static let keys: [SectionKey<ProxyTLSDocument>] = [
        SectionKey("certificates") { value, tls throws(DaemonError) in
            for entry in try value.entries() { tls.certificates.append(try CertificateDocument.read(entry)) }
        },
        .choice("minimum_version", \.minimumVersion, [("1.2", .tls12), ("1.3", .tls13)]), .flag("http2", \.http2),
        .text("client_trust_roots", \.clientTrustRoots),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ProxyTLS {
        try value.make(Self.keys, from: ProxyTLSDocument()) { document in
            try ProxyTLS(
                document.certificates, minimumVersion: document.minimumVersion, offersHTTP2: document.http2,
                clientTrustRootsFile: document.clientTrustRoots)
        }
    }
}

/// An entry of `certificates`.
struct CertificateDocument: Sendable {
    var certificate: String?
    var key: String?

    private static let keys: [SectionKey<CertificateDocument>] = [
        .text("certificate", \.certificate), .text("key", \.key),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ProxyTLS.CertificateFiles {
        let document = try value.read(Self.keys, into: CertificateDocument())
        guard let certificate = document.certificate else { throw value.refused("\(value.path) has no certificate") }
        guard let key = document.key else { throw value.refused("\(value.path) has no key") }
        return ProxyTLS.CertificateFiles(chain: certificate, key: key)
    }
}
