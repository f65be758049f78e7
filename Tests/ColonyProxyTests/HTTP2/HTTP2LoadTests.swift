import ColonyProxy
import Foundation
import RealServers
import Testing

@Suite("HTTP/2 under load", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct HTTP2LoadTests {
    private static let hasH2load: Bool = {
        if Program.path(of: "h2load") != nil || InstalledPrograms.isMissingAnError { return true }
        print("skipped: h2load is not installed (Debian's package is nghttp2-client)")
        return false
    }()

    @Test("h2load gets an answer for each request, with bodies both ways", .enabled(if: Self.hasH2load))
    func answersAll() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let body = String(repeating: "a", count: 40_000)
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer(body))
        try await withProxy(to: [endpoint.port], workers: 2, tls: ProxyTLS([files.forProxy]), mode: .http) { proxy in
            let ended = try await Program.run(
                "h2load", ["-n", "2000", "-c", "10", "-m", "20", "https://127.0.0.1:\(proxy.port)/a"])
            #expect(ended.output.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(ended.output)")
            #expect(ended.output.contains("2000 2xx"))
            #expect(ended.output.contains("Application protocol: h2"))
            #expect(endpoint.count == 2_000)
            try await eventually("all connections closed") {
                await proxy.server.statistics().traffic.activeConnections == 0
            }
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.requests == 2_000)
            #expect(statistics.traffic.answers.successful == 2_000)
            #expect(statistics.traffic.handshakes == 10)
        }
    }

    @Test("curl uploads and downloads what is larger than all windows, and it is the same")
    func largeBodies() async throws {
        let certificates = try await TestCertificates()
        let files = try await certificates.issue("a", for: "DNS:example.org")
        let endpoint = try await TestServer.start()
        let size = 3_000_000
        let source = "\(certificates.folder.path)/upload"
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try bytes.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: source)) }
        let target = "\(certificates.folder.path)/download"
        try await withProxy(to: [endpoint.port], tls: ProxyTLS([files.forProxy]), mode: .http) { proxy in
            async let ended = Program.curl(
                certificates, proxy.port,
                ["--http2", "--data-binary", "@\(source)", "-H", "Expect:", "-o", target, "-w", "%{http_version}"])
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("\r\ncontent-length: \(size)\r\n"))
            let received = try await server.receive(size)
            #expect(received == bytes)
            server.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n".utf8) + received)
            let result = try await ended
            #expect(result.output == "2", "\(result.complaint)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data(bytes))
        }
    }
}
