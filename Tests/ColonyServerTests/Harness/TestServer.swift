import AsyncHTTPClient
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonyQueues
import ColonyResilience
import ColonyServer
import ColonyTransactions
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import ServiceLifecycle
import Testing

/// A daemon on a free port of 127.0.0.1, and what a test needs to talk to it.
struct TestServer: Sendable {
    let daemon: Daemon
    let engine: any LeaseEngine
    let port: Int
    let client: HTTPClient
    let stop: @Sendable () async -> Void

    var url: String { "http://127.0.0.1:\(self.port)" }

    /// An answer with its body read as JSON.
    struct Reply {
        let status: Int
        /// The header fields by their names in lower case.
        let headers: [String: String]
        let bytes: [UInt8]

        var text: String { String(decoding: self.bytes, as: UTF8.self) }
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(self.text.utf8)) as? [String: Any]) ?? [:]
        }
        var code: String? { self.json["code"] as? String }
        var detail: String { self.json["detail"] as? String ?? "" }
        func integer(_ key: String) -> Int? { (self.json[key] as? NSNumber)?.intValue }
    }

    enum Verb: String {
        case GET, POST, DELETE, HEAD, PUT, OPTIONS, PATCH
    }

    func send(
        _ method: Verb, _ path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> Reply {
        var headers = headers
        if body != nil, headers["Content-Type"] == nil { headers["Content-Type"] = "application/json" }
        return try await self.send(method, path, bytes: body.map { Array($0.utf8) }, headers: headers)
    }

    /// Sends bytes, declared as nothing unless the header fields say so.
    func send(
        _ method: Verb, _ path: String, bytes: [UInt8]?, headers: [String: String] = [:]
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: self.url + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let bytes { request.body = .bytes(ByteBuffer(bytes: bytes)) }
        let response = try await self.client.execute(request, timeout: .seconds(30))
        let buffer = try await response.body.collect(upTo: 32 << 20)
        let fields = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Reply(
            status: Int(response.status.code), headers: Dictionary(fields) { first, _ in first },
            bytes: Array(buffer.readableBytesView))
    }

    func post(_ path: String, _ body: String) async throws -> Reply {
        try await self.send(.POST, path, body)
    }
}

/// Runs `body` against a daemon of its own.
func withServer(
    engine: any LeaseEngine = MemoryLeaseEngine(), segments: (any SegmentEngine)? = MemorySegmentEngine(),
    queues: (any QueueAdministration)? = MemoryQueueEngine(),
    rateLimits: (any RateLimitEngine)? = MemoryRateLimitEngine(),
    journal: (any TransactionAdministration)? = MemoryTransactionJournal(),
    clock: any MonotonicClock = HostClock(), wallClock: any WallClock = SystemWallClock(),
    configure: (inout DaemonConfiguration) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
) async throws {
    var configuration = DaemonConfiguration()
    configuration.port = 0
    configure(&configuration)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let daemon = try Daemon(
        configuration: configuration, engine: engine, segments: segments, queues: queues,
        rateLimits: rateLimits, journal: journal, clock: clock, wallClock: wallClock,
        logger: logger)
    let group = ServiceGroup(services: [daemon], logger: logger)
    let running = Task { try await group.run() }
    let port: Int
    do {
        port = try await daemon.boundPort()
    } catch {
        _ = try? await running.value
        throw error
    }
    var clientConfiguration = HTTPClient.Configuration()
    clientConfiguration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: clientConfiguration)
    let server = TestServer(daemon: daemon, engine: engine, port: port, client: client) {
        await group.triggerGracefulShutdown()
    }
    let outcome: Result<Void, any Error>
    do {
        try await body(server)
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    try? await client.shutdown()
    await group.triggerGracefulShutdown()
    try await running.value
    try outcome.get()
}

/// Looks again and again until `condition` holds, for at most 45 seconds: a machine that runs every other test too may take that long.
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(45))
    while true {
        if try await condition() { return }
        guard clock.now < deadline else {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        try await clock.sleep(for: .milliseconds(5))
    }
}
