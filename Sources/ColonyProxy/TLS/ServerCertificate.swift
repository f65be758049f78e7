import ColonyCore
import NIOSSL

/// A certificate that was read, with its chain and its key.
struct ServerCertificate: Sendable {
    let chain: [NIOSSLCertificateSource]
    let key: NIOSSLPrivateKeySource
    /// The host names that it is for, in lower case; the first label may be an asterisk.
    let names: [String]
    /// What is odd about it without making it useless.
    let warning: String?

    init(_ files: ProxyTLS.CertificateFiles, now: WallTime) throws(ProxyError) {
        let chain = try PEMFile.certificates(files.chain, as: "certificate file")
        let key = try PEMFile.privateKey(files.key)
        self.chain = chain.map { .certificate($0) }
        self.key = .privateKey(key)
        do {
            // Nothing else says whether the two belong together.
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(certificateChain: self.chain, privateKey: self.key))
        } catch {
            throw ProxyError(
                .invalidConfiguration,
                "the key in \"\(files.key)\" does not belong to the first certificate in \"\(files.chain)\"",
                cause: error)
        }
        self.names = chain.first.map { Self.hostNames(of: $0) } ?? []
        self.warning = chain.first.flatMap { Self.warning(about: $0, in: files.chain, now: now) }
    }

    /// The names of DNS among those that the certificate is for.
    private static func hostNames(of certificate: NIOSSLCertificate) -> [String] {
        certificate._subjectAlternativeNames().compactMap { name in
            guard name.nameType == .dnsName else { return nil }
            let text = String(decoding: name.contents, as: UTF8.self).lowercased()
            return text.isEmpty ? nil : text
        }
    }

    private static func warning(about certificate: NIOSSLCertificate, in file: String, now: WallTime) -> String? {
        let seconds = now.millisecondsSince1970 / 1_000
        if Int64(certificate.notValidAfter) < seconds { return "the certificate in \"\(file)\" has expired" }
        if Int64(certificate.notValidBefore) > seconds { return "the certificate in \"\(file)\" is not valid yet" }
        return nil
    }
}
