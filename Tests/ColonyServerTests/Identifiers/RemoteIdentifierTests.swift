import ColonyConformance
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonyRemote
import ColonySQLite
import Foundation
import Testing

/// Identifiers and ranges over HTTP, as Swift programs see them.
@Suite("Identifiers from a daemon, in Swift", .timeLimit(.minutes(5)))
struct RemoteIdentifierTests {
    @Test(arguments: SegmentConformance.cases)
    func `the promises of the segment port hold through a daemon`(check: SegmentCase) async throws {
        try await withServer { server async throws in
            let url = try EngineURL(server.url)
            let harness = LiveSegmentHarness(effort: 0.1) { try await RemoteSegmentEngine.connect(to: url) }
            let outcome = await check.run(on: harness)
            #expect(outcome == .passed)
        }
    }

    @Test func `the guarantee is known after asking, and the least is assumed before`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-ids-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let segments = SQLiteSegmentEngine(path: folder.appendingPathComponent("colony.db").path)
        try await withServer(segments: segments) { server async throws in
            let url = try EngineURL(server.url)
            let engine = try await RemoteSegmentEngine.connect(to: url)
            #expect(engine.guarantee == Guarantee(reach: .network, survival: .powerLoss))
            let unasked: RemoteSegmentEngine = try .colony(server.url)
            #expect(unasked.guarantee == Guarantee(reach: .network, survival: .nothing))
        }
        await segments.close()
    }

    @Test func `every kind is issued, and each identifier once`() async throws {
        try await withServer { server async throws in
            let identifiers = try RemoteIdentifiers(url: EngineURL(server.url))
            for kind in IdentifierKind.allCases {
                let tag: SegmentTag? = kind == .segment ? "a/b?c" : nil
                var all = try await identifiers.issue(kind, tag: tag)
                all += try await identifiers.issue(kind, count: RemoteIdentifiers.largestBatch, tag: tag)
                #expect(Set(all).count == RemoteIdentifiers.largestBatch + 1, "\(kind)")
                if kind != .segment { #expect(throws: Never.self) { try ParsedIdentifier(text: all[0]) } }
            }
        }
    }

    @Test func `a request that cannot be right does not leave the process`() async throws {
        let identifiers = try RemoteIdentifiers(url: EngineURL("http://127.0.0.1:1"))
        for (kind, count, tag, quoted) in [
            (.uuid7, 0, nil, "0"), (.uuid7, 10_001, nil, "10001"), (.segment, 1, nil, "tag"), (.ulid, 1, "x", "x"),
        ] as [(IdentifierKind, Int, SegmentTag?, String)] {
            let error = await #expect(throws: IdentifierError.self) {
                try await identifiers.issue(kind, count: count, tag: tag)
            }
            #expect(error?.code == .invalidRequest && error?.message.contains(quoted) == true)
        }
        let error = await #expect(throws: IdentifierError.self) { try await identifiers.issue(.uuid7) }
        #expect(error?.code == .unavailable && error?.message.contains("Connection refused") == true)
        let engine: RemoteSegmentEngine = try .colony("http://127.0.0.1:1")
        let zero = await #expect(throws: IdentifierError.self) {
            try await engine.takeSegment(SegmentRequest("a", count: 0))
        }
        #expect(zero?.code == .invalidRequest)
    }

    @Test func `refusals keep their codes, their words, and how long to wait`() async throws {
        let lease = MemoryLeaseEngine()
        for worker in SnowflakeLayout.classic.workers {
            _ = try await lease.tryAcquire(
                LeaseName("snowflake/colony/0/\(worker)"), owner: "another", for: .seconds(600))
        }
        try await withServer(engine: lease) { server async throws in
            let identifiers = try RemoteIdentifiers(url: EngineURL(server.url))
            let error = await #expect(throws: IdentifierError.self) { try await identifiers.issue(.snowflake) }
            #expect(error?.code == .noWorkerFree)
            #expect(error?.retryAfter != nil)
            #expect(error?.message.contains("the daemon at \(server.url) says: ") == true)
        }
        try await withServer(segments: nil) { server async throws in
            let identifiers = try RemoteIdentifiers(url: EngineURL(server.url))
            let url = try EngineURL(server.url)
            let error = await #expect(throws: IdentifierError.self) { try await identifiers.issue(.snowflake) }
            #expect(error?.code == .invalidRequest, "asking again is of no use")
            let connecting = await #expect(throws: IdentifierError.self) {
                try await RemoteSegmentEngine.connect(to: url)
            }
            #expect(connecting?.code == .invalidRequest)
        }
    }

    @Test func `a cancelled request is cancelled`() async throws {
        let lease = MemoryLeaseEngine()
        for worker in SnowflakeLayout.classic.workers {
            _ = try await lease.tryAcquire(
                LeaseName("snowflake/colony/0/\(worker)"), owner: "another", for: .seconds(600))
        }
        try await withServer(engine: lease) { server async throws in
            let identifiers = try RemoteIdentifiers(url: EngineURL(server.url))
            let request = Task { try await identifiers.issue(.snowflake) }
            try await eventually("the daemon looks for a number") {
                try await server.send(.GET, "/v1/ids").json["failure"] != nil
            }
            request.cancel()
            let error = await #expect(throws: IdentifierError.self) { try await request.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test func `a node and a generator run over a daemon`() async throws {
        try await withServer { server async throws in
            let segments: RemoteSegmentEngine = try .colony(server.url)
            let numbers = SegmentIDGenerator("orders", on: segments)
            #expect(try await numbers.next() == 1)
            await numbers.close()
            let leases: RemoteLeaseEngine = try .colony(server.url)
            let node = try SnowflakeNode(namespace: "elsewhere", workers: .leased(from: leases), moments: segments)
            let ids = try await node.withNode { node in try await node.next(100, waitingUpTo: .seconds(10)) }
            #expect(Set(ids).count == 100)
        }
    }

    @Test(arguments: ["sqlite:a.db", "http:", "http://a,b"])
    func `an address that is none is refused and quoted`(url: String) throws {
        #expect(throws: InvalidName.self) { _ = try RemoteIdentifiers(url: EngineURL(url)) }
        #expect(throws: InvalidName.self) { _ = try RemoteSegmentEngine(url: EngineURL(url)) }
    }
}
