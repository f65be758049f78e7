import ColonyCore
import ColonyProxy
import ColonySimulation
import Foundation
import RealServers
import Testing

@Suite("Files of certificates", .timeLimit(.minutes(2)), .enabled(if: TestCertificates.isAvailable))
struct CertificateFileTests {
    private static func message(_ make: () throws -> Void) -> String? {
        do {
            try make()
            return nil
        } catch let error as ProxyError where error.code == .invalidConfiguration {
            return error.message
        } catch {
            return "not typed: \(error)"
        }
    }

    @Test("each bad file gives an error that names it and says what is wrong")
    func namesTheFile() async throws {
        let certificates = try await TestCertificates()
        let a = try await certificates.issue("a", for: "DNS:example.org")
        let b = try await certificates.issue("b", for: "DNS:example.org")
        let folder = certificates.folder.path
        try "no PEM".write(toFile: "\(folder)/text", atomically: true, encoding: .utf8)
        try "".write(toFile: "\(folder)/empty", atomically: true, encoding: .utf8)
        func tls(_ chain: String, _ key: String) -> String? {
            Self.message { _ = try ProxyTLS([ProxyTLS.CertificateFiles(chain: chain, key: key)]) }
        }
        #expect(tls(a.chain, a.key) == nil)
        #expect(
            tls("\(folder)/none", a.key)
                == "the certificate file \"\(folder)/none\" cannot be read: no such file or directory")
        #expect(
            tls(folder, a.key) == "the certificate file \"\(folder)\" cannot be read: is a directory")
        #expect(
            tls("\(folder)/text", a.key)?.contains(
                "the certificate file \"\(folder)/text\" holds no certificate in PEM")
                == true)
        #expect(tls("\(folder)/empty", a.key)?.contains("holds no certificate in PEM") == true)
        // The key in place of the certificate.
        #expect(tls(a.key, a.key)?.contains("\"\(a.key)\" holds no certificate in PEM") == true)
        #expect(
            tls(a.chain, "\(folder)/none")
                == "the key file \"\(folder)/none\" cannot be read: no such file or directory")
        #expect(
            tls(a.chain, "\(folder)/text")
                == "the key file \"\(folder)/text\" holds no private key in PEM without a passphrase")
        #expect(
            tls(a.chain, b.key)
                == "the key in \"\(b.key)\" does not belong to the first certificate in \"\(a.chain)\"")
        #expect(tls("", a.key) == "\"\" is not possible as the name of a certificate file")
        let roots = Self.message { _ = try ProxyTLS([a.forProxy], clientTrustRootsFile: "\(folder)/text") }
        #expect(roots?.contains("the trust roots file \"\(folder)/text\" holds no certificate") == true)
        #expect(Self.message { _ = try ProxyTLS([]) } == "0 certificates are not possible: from 1 to 1000")
        #expect(Self.message { _ = try UpstreamTLS(trustRootsFile: "\(folder)/none") }?.contains("none") == true)
        #expect(Self.message { _ = try UpstreamTLS(serverName: "127.0.0.1") }?.contains("server name") == true)
        #expect(Self.message { _ = try UpstreamTLS(serverName: "a b") }?.contains("server name") == true)
    }

    @Test("a key with a passphrase is refused, and nothing of it is in the error")
    func refusesEncryptedKeys() async throws {
        let certificates = try await TestCertificates()
        let a = try await certificates.issue("a", for: "DNS:example.org")
        let locked = "\(certificates.folder.path)/locked.key"
        let ended = try await Program.run(
            "openssl", ["pkey", "-in", a.key, "-aes256", "-passout", "pass:secret", "-out", locked])
        try #require(ended.status == 0)
        let error = #expect(throws: ProxyError.self) {
            try ProxyTLS([ProxyTLS.CertificateFiles(chain: a.chain, key: locked)])
        }
        #expect(error?.message.contains("holds no private key in PEM without a passphrase") == true)
        let base64 = try String(contentsOfFile: locked, encoding: .utf8).split(separator: "\n")[1]
        #expect(error?.description.contains(base64) == false)
    }

    @Test("a certificate that has expired, or is not valid yet, is a warning")
    func warnsOfTime() async throws {
        let certificates = try await TestCertificates()
        let a = try await certificates.issue("a", for: "DNS:example.org")
        let now = SystemWallClock().now
        let later = try ProxyTLS([a.forProxy], clock: FixedClock(now: now.advanced(by: .seconds(3 * 86_400))))
        #expect(later.warnings == ["the certificate in \"\(a.chain)\" has expired"])
        let earlier = try ProxyTLS([a.forProxy], clock: FixedClock(now: now.advanced(by: .seconds(-3_600))))
        #expect(earlier.warnings == ["the certificate in \"\(a.chain)\" is not valid yet"])
    }

    private struct FixedClock: WallClock {
        let now: WallTime
    }
}
