public import ColonyCore
internal import NIOSSL

/// How a proxy proves to its clients who it is. Read once from files; to take in files that have changed, make another one and give it to
/// the proxy.
public struct ProxyTLS: Sendable {
    /// A certificate and its key.
    public struct CertificateFiles: Hashable, Sendable {
        /// The certificate and those that lead from it to a root, in this order, in PEM.
        public let chain: String
        /// Its private key, in PEM, without a passphrase.
        public let key: String

        /// Names the files. They are read by ``ProxyTLS/init(_:minimumVersion:offersHTTP2:clientTrustRootsFile:clock:)``.
        public init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }
    }

    /// A version of TLS.
    public enum Version: Hashable, Sendable {
        /// RFC 5246: for clients from before 2018.
        case tls12
        /// RFC 8446.
        case tls13
    }

    /// The files, in the order in which they were given.
    public let certificates: [CertificateFiles]
    /// The oldest version that is spoken.
    public let minimumVersion: Version
    /// Whether HTTP/2 is offered to clients in HTTP mode.
    public let offersHTTP2: Bool
    /// The roots of the certificates that clients must have; `nil` if they need none.
    public let clientTrustRootsFile: String?
    /// What is odd about the certificates without making them useless, in sentences: one that has expired, for example.
    public let warnings: [String]
    let served: ServerCertificates

    /// Reads the files, which takes as long as that takes: some milliseconds on a local disk.
    ///
    /// A client that names a host in its handshake gets the certificate that has it among its alternative names, exactly or with an asterisk
    /// in place of the first label. Others get the first certificate.
    ///
    /// - Parameters:
    ///   - certificates: From 1 to 1,000. Where two are for one name, the earlier one is used for it.
    ///   - minimumVersion: The oldest version that is spoken.
    ///   - offersHTTP2: Whether HTTP/2 is offered to clients in HTTP mode.
    ///   - clientTrustRootsFile: Certificates in PEM. A client without a certificate that leads to one of them is refused.
    ///   - clock: What tells whether a certificate has expired.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which names the file and what is wrong with it.
    public init(
        _ certificates: [CertificateFiles], minimumVersion: Version = .tls12, offersHTTP2: Bool = true,
        clientTrustRootsFile: String? = nil, clock: any WallClock = SystemWallClock()
    ) throws(ProxyError) {
        guard (1...1_000).contains(certificates.count) else {
            throw ProxyError(
                .invalidConfiguration, "\(certificates.count) certificates are not possible: from 1 to 1000")
        }
        let now = clock.now
        var read: [ServerCertificate] = []
        for files in certificates { read.append(try ServerCertificate(files, now: now)) }
        var roots: [NIOSSLCertificate] = []
        if let clientTrustRootsFile { roots = try PEMFile.certificates(clientTrustRootsFile, as: "trust roots file") }
        do {
            self.served = try ServerCertificates(
                read, minimumVersion: minimumVersion, offersHTTP2: offersHTTP2, clientRoots: roots)
        } catch {
            throw ProxyError(.invalidConfiguration, "TLS cannot be set up with these certificates", cause: error)
        }
        self.certificates = certificates
        self.minimumVersion = minimumVersion
        self.offersHTTP2 = offersHTTP2
        self.clientTrustRootsFile = clientTrustRootsFile
        self.warnings = read.compactMap(\.warning)
    }
}
