internal import NIOCore
internal import NIOSSL

/// How a proxy speaks TLS with endpoints.
public struct UpstreamTLS: Sendable {
    /// What the certificate of an endpoint must be like.
    public enum Verification: Hashable, Sendable {
        /// It leads to a root that is trusted, and is for the endpoint's name.
        case full
        /// It is not looked at: anybody on the way can read and change what is said. For tests.
        case none
    }

    /// The name that is asked for and that the certificate must have; `nil` is the endpoint's host. A certificate for the numeric address to
    /// which the connection goes is taken as well.
    public let serverName: String?
    /// The file with the certificates that are trusted; `nil` for those of the system.
    public let trustRootsFile: String?
    /// What the certificate of an endpoint must be like.
    public let verification: Verification
    let context: NIOSSLContext
    /// Of the certificates in the file, so that other ones under the same name are not taken for the same.
    private let roots: [NIOSSLCertificate]

    /// What makes a connection one that may be used on after the settings have changed.
    struct Kind: Hashable {
        let serverName: String?
        let roots: [NIOSSLCertificate]
        let verification: Verification
    }

    var kind: Kind {
        Kind(serverName: self.serverName, roots: self.roots, verification: self.verification)
    }

    /// Reads the files, which takes as long as that takes; the roots of the system are many.
    ///
    /// - Parameters:
    ///   - serverName: 1 to 255 bytes of printable ASCII, and no numeric address, for which TLS has no place in its handshake.
    ///   - trustRootsFile: Certificates in PEM that are trusted in place of those of the system.
    ///   - verification: What the certificate of an endpoint must be like.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which names the file and what is wrong with it.
    public init(
        serverName: String? = nil, trustRootsFile: String? = nil, verification: Verification = .full
    ) throws(ProxyError) {
        if let serverName {
            guard (1...255).contains(serverName.utf8.count),
                serverName.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), NetworkAddress.bytes(of: serverName) == nil
            else {
                throw ProxyError(.invalidConfiguration, "\"\(serverName)\" is not possible as a server name")
            }
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.applicationProtocols = ["http/1.1"]
        configuration.certificateVerification = verification == .full ? .fullVerification : .none
        configuration.shutdownTimeout = .seconds(2)
        if let trustRootsFile {
            self.roots = try PEMFile.certificates(trustRootsFile, as: "trust roots file")
            configuration.trustRoots = .certificates(self.roots)
        } else {
            self.roots = []
        }
        do {
            self.context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ProxyError(.invalidConfiguration, "TLS towards endpoints cannot be set up", cause: error)
        }
        self.serverName = serverName
        self.trustRootsFile = trustRootsFile
        self.verification = verification
    }
}
