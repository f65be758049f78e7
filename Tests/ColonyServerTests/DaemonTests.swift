import AsyncHTTPClient
import ColonyCore
import ColonyMemory
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization
import Testing

@testable import ColonyServer

@Suite("The daemon")
struct DaemonTests {
    /// Makes a self-signed certificate for localhost and gives `body` its files.
    private func withCertificate(_ body: (_ chain: String, _ key: String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let chain = folder.appendingPathComponent("chain.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
            chain,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        try #require(openssl.terminationStatus == 0, "openssl made a certificate")
        try await body(chain, key)
    }

    @Test("With a certificate the daemon speaks TLS, and nothing else")
    func tls() async throws {
        try await self.withCertificate { chain, key in
            try await withServer {
                $0.certificate = .init(chainFile: chain, keyFile: key)
            } _: { server in
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .file(chain)
                let client = HTTPClient(
                    eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(tlsConfiguration: tls))
                let outcome: Result<Void, any Error>
                do {
                    var request = HTTPClientRequest(url: "https://localhost:\(server.port)/v1/locks/t/acquire")
                    request.method = .POST
                    request.body = .bytes(ByteBuffer(string: #"{"ttl_ms":1000}"#))
                    let response = try await client.execute(request, timeout: .seconds(10))
                    #expect(response.status == .ok)
                    outcome = .success(())
                } catch {
                    outcome = .failure(error)
                }
                try await client.shutdown()
                try outcome.get()
                let plain = try await RawConnection.open(port: server.port)
                try await plain.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try await eventually("a client without TLS is turned away") { plain.isClosed }
                #expect(!plain.text.contains("200 OK"))
            }
        }
    }

    @Test("A certificate that cannot be used is found before anything listens, and named")
    func wrongCertificate() async throws {
        try await self.withCertificate { chain, key in
            try await self.withCertificate { _, otherKey in
                for (chainFile, keyFile) in [
                    ("/nowhere/chain.pem", key), (chain, "/nowhere/key.pem"), (chain, otherKey),
                ] {
                    var configuration = DaemonConfiguration()
                    configuration.certificate = .init(chainFile: chainFile, keyFile: keyFile)
                    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                    let error = #expect(throws: DaemonError.self) {
                        try Daemon(configuration: configuration, engine: MemoryLeaseEngine(), logger: logger)
                    }
                    #expect(error?.code == .invalidCertificate)
                    #expect(error?.message.contains(chainFile) == true)
                }
            }
        }
    }

    @Test("What still runs when the drain limit passes is ended, and nothing is left held")
    func drainLimit() async throws {
        let engine = StuckEngine()
        try await withServer(engine: engine) {
            $0.limits.drain = .milliseconds(200)
        } _: { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(RawConnection.post("/v1/locks/s/acquire", #"{"ttl_ms":1000}"#))
            try await eventually("the request runs") { engine.isBusy }
            await server.stop()
            try await eventually("the connection ends") { connection.isClosed }
        }
    }

    @Test("Errors of the store keep their meaning")
    func storeErrors() async throws {
        for (code, status, name) in [
            (LeaseError.Code.storageFailed, 500, "store_failed"), (.unavailable, 503, "store_unavailable"),
            (.closed, 503, "store_unavailable"), (.invalidRequest, 400, "invalid_request"),
        ] {
            try await withServer(engine: FailingEngine(code)) { server in
                let reply = try await server.post("/v1/locks/a/acquire", #"{"ttl_ms":1000}"#)
                #expect(reply.status == status)
                #expect(reply.code == name)
                #expect(reply.detail.contains("no luck"))
                #expect((reply.headers["retry-after"] != nil) == (status == 503))
                #expect(try await server.send(.GET, "/v1/locks").code == "unsupported", "this engine cannot list")
                #expect(try await server.send(.GET, "/metrics").text.contains(#"{result="failed"} 1"#))
            }
        }
    }

    @Test("Log records are one line each, for people or as JSON, whatever they contain")
    func logs() throws {
        let lines = Mutex<[String]>([])
        for format in DaemonConfiguration.Log.Format.allCases {
            var handler = LineLogHandler(label: "colony", format: format, clock: SystemWallClock()) { line in
                lines.withLock { $0.append(line) }
            }
            handler.logLevel = .debug
            let logger = Logger(label: "colony") { _ in handler }
            logger.info("he said \"no\"\nand left", metadata: ["name": "a b\u{1B}[0m", "level": "forged"])
        }
        let written = lines.withLock { $0 }
        #expect(written.count == 2)
        #expect(written.allSatisfy { $0.hasSuffix("\n") && $0.dropLast().utf8.allSatisfy { $0 >= 0x20 } })
        #expect(written[0].contains(#"he said "no"\u{a}and left level=forged name="a b\\u{1b}[0m""#), "\(written[0])")
        let record = try #require(JSONSerialization.jsonObject(with: Data(written[1].utf8)) as? [String: String])
        #expect(record["message"] == "he said \"no\"\nand left")
        #expect(record["level"] == "info")
        #expect(record["metadata.level"] == "forged")
    }
}

/// An engine that fails in one way.
private final class FailingEngine: LeaseEngine {
    private let code: LeaseError.Code

    init(_ code: LeaseError.Code) { self.code = code }

    var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }
    private var error: LeaseError { LeaseError(self.code, "no luck") }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition { throw self.error }
    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? { throw self.error }
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        throw self.error
    }
    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { throw self.error }
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool { throw self.error }
}

/// An engine that answers only when it is cancelled.
private final class StuckEngine: LeaseEngine {
    private let busy = Atomic(false)
    var isBusy: Bool { self.busy.load(ordering: .relaxed) }
    var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    private func hang() async -> LeaseError {
        self.busy.store(true, ordering: .relaxed)
        while (try? await HostClock().sleep(for: .seconds(60))) != nil {}
        return LeaseError(.cancelled, "cancelled")
    }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition { throw await self.hang() }
    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? { throw await self.hang() }
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool { false }
    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { nil }
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool { throw await self.hang() }
}
