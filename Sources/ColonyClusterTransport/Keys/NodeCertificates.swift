public import ColonyCluster
import ColonyCore
import NIOCore
import NIOSSL
import Synchronization

/// The certificates by which nodes of an election know each other over TLS 1.3: each shows its own, and demands one of the other side.
///
/// A certificate must lead to one of the given authorities, be valid at present, and have the name of its node as a DNS name among its alternative names. So, other than with a
/// key that all have, a node can speak in its own name only. If it says for what it may be used, that has to be both of servers and of clients.
///
/// The files are read when this is made, and again by ``reload()``.
public final class NodeCertificates: Sendable {
    /// What connections are made with, which is replaced as a whole.
    struct Contexts: Sendable {
        let accepting: NIOSSLContext
        let dialling: NIOSSLContext
    }

    /// The file with the certificate of this node, and those in between up to an authority, in PEM.
    public let chainFile: String
    /// The file with the private key of this node, in PEM without a passphrase.
    public let keyFile: String
    /// The file with the certificates of the authorities that are trusted, in PEM. Those of the system are not.
    public let authoritiesFile: String
    private let state: Mutex<Contexts>

    /// Reads the files.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which names the file. Nothing of what is in a file is in an error.
    public init(chainFile: String, keyFile: String, authoritiesFile: String) throws(ClusterError) {
        self.chainFile = chainFile
        self.keyFile = keyFile
        self.authoritiesFile = authoritiesFile
        self.state = Mutex(try Self.read(chainFile, keyFile, authoritiesFile))
    }

    /// Reads the files again, as after a certificate was renewed. It holds for connections that are made from then on. If one cannot be read all stays as it is.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`.
    public func reload() throws(ClusterError) {
        let contexts = try Self.read(self.chainFile, self.keyFile, self.authoritiesFile)
        self.state.withLock { $0 = contexts }
    }

    var contexts: Contexts { self.state.withLock { $0 } }

    // MARK: Reading

    private static func read(_ chain: String, _ key: String, _ authorities: String) throws(ClusterError) -> Contexts {
        let certificates = try self.certificates(chain, "certificate file")
        let roots = try self.certificates(authorities, "file of authorities")
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw ClusterError(
                .invalidConfiguration,
                "the key file \(NameRules.quoted(key)) cannot be read, or holds no private key in PEM without a passphrase"
            )
        }
        var accepting = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        var dialling = TLSConfiguration.makeClientConfiguration()
        dialling.certificateChain = certificates.map { .certificate($0) }
        dialling.privateKey = .privateKey(privateKey)
        do {
            return Contexts(
                accepting: try self.context(&accepting, roots), dialling: try self.context(&dialling, roots))
        } catch {
            throw ClusterError(
                .invalidConfiguration,
                "the key in \(NameRules.quoted(key)) does not belong to the first certificate in \(NameRules.quoted(chain))"
            )
        }
    }

    private static func context(
        _ configuration: inout TLSConfiguration, _ roots: [NIOSSLCertificate]
    ) throws -> NIOSSLContext {
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .certificates(roots)
        // The name is that of a node and not of a host, and compared by `PeerNames`.
        configuration.certificateVerification = .noHostnameVerification
        configuration.shutdownTimeout = .seconds(1)
        return try NIOSSLContext(configuration: configuration)
    }

    private static func certificates(_ path: String, _ role: String) throws(ClusterError) -> [NIOSSLCertificate] {
        let found = try? NIOSSLCertificate.fromPEMFile(path)
        guard let found, !found.isEmpty else {
            throw ClusterError(
                .invalidConfiguration,
                "the \(role) \(NameRules.quoted(path)) cannot be read, or holds no certificate in PEM")
        }
        return found
    }
}

/// In whose name the other side of a connection may speak.
enum PeerNames: Hashable {
    /// In anybody's: all have one key, or none.
    case any
    /// In those that its certificate has.
    case certified(Set<String>)

    /// Those of the other side of a connection whose handshake is over.
    init(_ context: ChannelHandlerContext) {
        guard let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self) else {
            self = .any
            return
        }
        let names = handler.peerCertificate?._subjectAlternativeNames().compactMap { name in
            name.nameType == .dnsName ? String(decoding: name.contents, as: UTF8.self) : nil
        }
        self = .certified(Set(names ?? []))
    }

    func contain(_ name: String) -> Bool {
        switch self {
        case .any: true
        case .certified(let names): names.contains(name)
        }
    }
}
