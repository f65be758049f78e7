import ColonyClusterTransport
import ColonyCore
import Foundation
import RealServers
import Testing

/// An authority of a test, and the certificates of nodes that it has given out, in files that are gone afterwards.
final class TestAuthority: Sendable {
    private static let program = ["/usr/bin/openssl", "/opt/homebrew/bin/openssl"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    static let isAvailable: Bool = {
        if TestAuthority.program != nil || InstalledPrograms.isMissingAnError { return true }
        print("skipped: openssl is not installed")
        return false
    }()

    private static let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder("colony-authority")
        try self.openssl(
            ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=Test Root"] + Self.curve
                + ["-keyout", self.path("root.key"), "-out", self.path("root.pem")])
    }

    func path(_ file: String) -> String { "\(self.folder.path)/\(file)" }

    /// - Parameters:
    ///   - file: What its files are called.
    ///   - days: How long it is valid; it has expired if that is negative.
    /// - Returns: The certificate of a node, which trusts this authority or another one.
    func issue(
        _ file: String, for name: NodeID, days: Int = 2, trusting other: TestAuthority? = nil
    ) throws -> NodeCertificates {
        try self.openssl(
            ["req", "-nodes", "-subj", "/CN=\(name)"] + Self.curve
                + ["-keyout", self.path("\(file).key"), "-out", self.path("\(file).csr")])
        try "subjectAltName=DNS:\(name)\nbasicConstraints=CA:FALSE\n"
            .write(toFile: self.path("\(file).ext"), atomically: true, encoding: .utf8)
        try self.openssl([
            "x509", "-req", "-in", self.path("\(file).csr"), "-CA", self.path("root.pem"), "-CAkey",
            self.path("root.key"), "-set_serial", "\(UInt32.random(in: 1 ... .max))", "-days", "\(days)", "-extfile",
            self.path("\(file).ext"), "-out", self.path("\(file).pem"),
        ])
        return try NodeCertificates(
            chainFile: self.path("\(file).pem"), keyFile: self.path("\(file).key"),
            authoritiesFile: (other ?? self).path("root.pem"))
    }

    private func openssl(_ arguments: [String]) throws {
        try Run.toEnd(try #require(Self.program, "openssl is not installed"), arguments)
    }
}
