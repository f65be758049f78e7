import ColonyProxy
import Foundation
import NIOSSL
import RealServers
import Testing

/// An authority of a test, and the certificates that it has given out, in files that are gone afterwards.
final class TestCertificates: Sendable {
    struct Files: Sendable {
        let chain: String
        let key: String

        var forProxy: ProxyTLS.CertificateFiles { ProxyTLS.CertificateFiles(chain: self.chain, key: self.key) }
    }

    let folder: TemporaryFolder
    /// The root that the others lead to.
    let root: String

    static let isAvailable: Bool = {
        let missing = ["openssl", "curl"].filter { Program.path(of: $0) == nil }
        if missing.isEmpty || InstalledPrograms.isMissingAnError { return true }
        print("skipped: \(missing.joined(separator: ", ")) is not installed")
        return false
    }()

    init() async throws {
        self.folder = try TemporaryFolder("tls")
        self.root = "\(self.folder.path)/root.pem"
        try await Self.openssl(
            [
                "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=Test Root", "-keyout", "root.key", "-out",
                "root.pem",
            ]
                + Self.curve, in: self.folder)
    }

    /// - Parameters:
    ///   - names: As openssl writes alternative names.
    ///   - days: How long it is valid.
    func issue(_ file: String, for names: String, days: Int = 2) async throws -> Files {
        try await Self.openssl(
            ["req", "-nodes", "-subj", "/CN=\(file)", "-keyout", "\(file).key", "-out", "\(file).csr"] + Self.curve,
            in: self.folder)
        try "subjectAltName=\(names)\nbasicConstraints=CA:FALSE\n"
            .write(toFile: "\(self.folder.path)/\(file).ext", atomically: true, encoding: .utf8)
        try await Self.openssl(
            [
                "x509", "-req", "-in", "\(file).csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
                "-days", "\(days)", "-extfile", "\(file).ext", "-out", "\(file).pem",
            ], in: self.folder)
        return Files(chain: "\(self.folder.path)/\(file).pem", key: "\(self.folder.path)/\(file).key")
    }

    /// What a client needs that trusts the root.
    func client(protocols: [String] = []) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(self.root)
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }

    /// What an endpoint with such a certificate needs.
    static func server(_ files: Files) throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(files.chain).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(file: files.key, format: .pem))))
    }

    private static let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]

    private static func openssl(_ arguments: [String], in folder: TemporaryFolder) async throws {
        let ended = try await Program.run("openssl", arguments, in: folder.path)
        try #require(ended.status == 0, "openssl \(arguments.first ?? ""): \(ended.complaint)")
    }
}
