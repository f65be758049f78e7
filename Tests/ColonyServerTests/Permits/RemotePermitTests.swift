import ColonyConformance
import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyRemote
import ColonySQLite
import ColonyServer
import Foundation
import Testing

/// The ports of permits and of the registry over HTTP: every promise through a daemon, and what becomes of what goes wrong.
@Suite struct RemotePermitTests {
    @Test(.timeLimit(.minutes(5)))
    func `the suite of permits passes through a daemon`() async throws {
        try await withServer { server in
            let url = try EngineURL(server.url)
            let report = await PermitConformance.run(
                on: LiveLeaseHarness(timeScale: 0.1, effort: 0.05) { try RemoteLeaseEngine(url: url) }, title: "daemon")
            #expect(report.isPassed, "\(report.text)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `the suite of permits passes through a daemon over a file`() async throws {
        try await Self.withStore { server in
            let url = try EngineURL(server.url)
            let report = await PermitConformance.run(
                on: LiveLeaseHarness(timeScale: 0.1, effort: 0.05) { try RemoteLeaseEngine(url: url) }, title: "daemon")
            #expect(report.isPassed, "\(report.text)")
        }
    }

    @Test func `permits that were granted late end when the daemon says, counted from before the request left`()
        async throws
    {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let before = HostClock().now
            let answer = try await engine.takePermits(
                PermitRequest(1, of: "job", limit: 1, owner: .unique(), for: .seconds(60)))
            let after = HostClock().now
            let lease = try #require(answer.lease)
            #expect(lease.expiry >= before.advanced(by: .seconds(60)))
            #expect(lease.expiry <= after.advanced(by: .seconds(60)))
            let record = try await server.engine.inspectPermitsForTest("job")
            let end = HostClock().now.advanced(by: try #require(record.holders.first).remaining)
            #expect(lease.expiry <= end, "the client never believes in its lease for longer than the daemon")
        }
    }

    @Test func `a semaphore works through a daemon, in turn across clients`() async throws {
        try await withServer { server in
            let first: RemoteLeaseEngine = try .colony(server.url)
            let second: RemoteLeaseEngine = try .colony(server.url)
            let one = Semaphore("uploads", permits: 2, on: first)
            let held = try #require(try await one.acquire(2))
            let wait = Task {
                try await Semaphore("uploads", permits: 2, on: second).withPermit(waiting: .seconds(40)) { $0.token }
            }
            try await eventually("it has a place") { try await !one.inspect().claims.isEmpty }
            try await held.release()
            #expect(try await wait.value > held.token)
        }
    }

    @Test func `a daemon whose store keeps leases alone is unsupported, and elections work on it without records`()
        async throws
    {
        try await withServer(engine: LeasesAlone()) { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let error = await #expect(throws: LeaseError.self) { _ = try await engine.inspectPermits("job") }
            #expect(error?.code == .unsupported)
            let other = await #expect(throws: LeaseError.self) { _ = try await engine.snapshot(of: "group") }
            #expect(other?.code == .unsupported)

            let election = Election("scheduler", on: engine)
            let refusal = await #expect(throws: CoordinationError.self) {
                _ = try await election.campaign(upTo: .zero, as: "a", proclaiming: "http://10.0.0.7")
            }
            #expect(refusal?.code == .guaranteeNotMet)
            let leadership = try #require(try await election.campaign(upTo: .seconds(30), as: "a"))
            let leader = try await election.leader()
            #expect(leader?.name == "a")
            #expect(leader?.metadata == nil)
            try await leadership.resign()
        }
    }

    @Test func `a daemon that is not there is unavailable, for permits and for records`() async throws {
        let engine: RemoteLeaseEngine = try .colony("http://127.0.0.1:1")
        let request = PermitRequest(1, of: "job", limit: 1, owner: .unique(), for: .seconds(10))
        let first = await #expect(throws: LeaseError.self) { _ = try await engine.takePermits(request) }
        #expect(first?.code == .unavailable)
        let second = await #expect(throws: LeaseError.self) {
            _ = try await engine.put(RegistryWrite([], for: "k"), in: "g")
        }
        #expect(second?.code == .unavailable)
    }

    @Test func `semaphores are listed page by page, as memory and files have them`() async throws {
        func check(_ server: TestServer) async throws {
            let engine: RemoteLeaseEngine = try .colony(server.url)
            for name in ["b/2", "a", "b/1", "c"] {
                _ = try await engine.takePermits(
                    PermitRequest(2, of: try LeaseName(name), limit: 3, owner: "o", for: .seconds(60)))
            }
            _ = try await engine.takePermits(
                PermitRequest(2, of: "c", limit: 3, owner: "p", for: .seconds(60), claim: .seconds(60)))
            let all = try await engine.permitRecords(withPrefix: "", after: nil, limit: 10)
            #expect(all.map(\.name.rawValue) == ["a", "b/1", "b/2", "c"])
            #expect(all.map(\.held) == [2, 2, 2, 2])
            #expect(all.last?.claims.map(\.owner) == ["p"])
            let page = try await engine.permitRecords(withPrefix: "b/", after: "b/1", limit: 10)
            #expect(page.map(\.name.rawValue) == ["b/2"])
            #expect(try await engine.permitRecords(withPrefix: "", after: nil, limit: 2).count == 2)
        }
        try await withServer { try await check($0) }
        try await Self.withStore { try await check($0) }
    }

    /// Runs `body` against a daemon over a file of its own.
    static func withStore(_ body: (TestServer) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let engine = SQLiteLeaseEngine(path: folder.appendingPathComponent("colony.db").path)
        try await withServer(engine: engine) { try await body($0) }
        await engine.close()
    }
}

extension LeaseEngine {
    /// The permits of an engine that is known to keep some.
    func inspectPermitsForTest(_ name: LeaseName) async throws -> PermitRecord {
        let engine = try #require(self as? any PermitEngine)
        return try await engine.inspectPermits(name)
    }
}
