import ColonyProxy
import NIOCore
import NIOSSL
import RealServers
import Synchronization
import Testing

@Suite("Certificates that change under load", .timeLimit(.minutes(3)), .enabled(if: TestCertificates.isAvailable))
struct CertificateReloadTests {
    private final class End: Sendable {
        let isReached = Mutex(false)
    }

    @Test("new certificates are for new connections; connections that are open, and requests under way, notice nothing")
    func reloads() async throws {
        let certificates = try await TestCertificates()
        var tls: [ProxyTLS] = []
        for number in 0..<2 {
            tls.append(try ProxyTLS([try await certificates.issue("c\(number)", for: "DNS:example.org").forProxy]))
        }
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("hello"))
        let listen = [try ListenAddress(host: "127.0.0.1", port: 0)]
        func options(_ number: Int) throws -> ProxyOptions {
            try ProxyOptions(mode: .http, listen: listen, workers: 2, tls: tls[number % 2], drain: .zero)
        }
        let upstream = try ProxyUpstream("default", balancer: RunningProxy.balancer(to: [endpoint.port]))
        let server = try ProxyServer(options: options(0), upstreams: [upstream], logger: .silent)
        let run = Task { try await server.run() }
        defer { server.shutDown() }
        let port = try await server.boundPorts[0]
        let kept = try await TestConnection.open(port: port, tls: certificates.client())
        let answer = HTTPRelayTests.answer("hello")
        let end = End()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var done = 0
                    while !end.isReached.withLock({ $0 }) {
                        let client = try await TestConnection.open(port: port, tls: certificates.client())
                        for _ in 0..<5 {
                            try await client.send(HTTPRelayTests.request())
                            #expect(try await client.receiveText(answer.utf8.count) == answer)
                            done += 1
                        }
                        await client.close()
                    }
                    return done
                }
            }
            for number in 1...20 {
                try await server.reconfigure(options(number), upstreams: [upstream])
                // Old connections are those from before all changes.
                try await kept.send(HTTPRelayTests.request())
                #expect(try await kept.receiveText(answer.utf8.count) == answer)
                let shown = try await Program.run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"])
                #expect(shown.output.contains("subject=CN = c\(number % 2)\n"), "\(number): \(shown.output)")
            }
            end.isReached.withLock { $0 = true }
            var done = 0
            for try await part in group { done += part }
            #expect(done > 20)
        }
        let statistics = await server.statistics()
        #expect(statistics.traffic.failedHandshakes == 0)
        #expect(statistics.traffic.abandonedRequests == 0)
        #expect(statistics.traffic.requests == statistics.traffic.answers.successful)
        server.shutDown()
        try await run.value
    }
}
