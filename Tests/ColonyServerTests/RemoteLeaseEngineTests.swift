import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyRemote
import ColonyServer
import Testing

/// The lease port over HTTP: every promise of the port through a daemon, and what becomes of what goes wrong on the way.
@Suite struct RemoteLeaseEngineTests {
    @Test(.timeLimit(.minutes(5)))
    func `the lease suite passes through a daemon`() async throws {
        try await withServer { server in
            let url = try EngineURL(server.url)
            let report = await LeaseConformance.run(
                on: LiveLeaseHarness(timeScale: 0.1, effort: 0.05) { try RemoteLeaseEngine(url: url) }, title: "daemon")
            #expect(report.isPassed, "\(report.text)")
        }
    }

    @Test func `a daemon that is not there is unavailable, with its address and the reason`() async throws {
        let engine: RemoteLeaseEngine = try .colony("http://127.0.0.1:1")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await engine.tryAcquire("job", owner: .unique(), for: .seconds(10))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message == "the daemon at http://127.0.0.1:1 cannot be reached: Connection refused")
    }

    @Test func `a daemon that stops in the middle of a wait is unavailable`() async throws {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            _ = try await server.engine.tryAcquire("job", owner: .unique(), for: .seconds(60))
            let answer = Task {
                try await engine.acquire("job", owner: .unique(), for: .seconds(10), upTo: .seconds(30))
            }
            try await eventually("the request waits") {
                try await !(engine.inspect("job")?.waiters.isEmpty ?? true)
            }
            await server.stop()
            let error = await #expect(throws: LeaseError.self) { _ = try await answer.value }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func `a cancelled wait is cancelled at once and leaves nobody in the queue`() async throws {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            _ = try await server.engine.tryAcquire("job", owner: .unique(), for: .seconds(60))
            let wait = Task {
                try await engine.acquire("job", owner: .unique(), for: .seconds(10), upTo: .seconds(30))
            }
            try await eventually("the request waits") { try await engine.inspect("job")?.waiters.count == 1 }
            wait.cancel()
            let error = await #expect(throws: LeaseError.self) { _ = try await wait.value }
            #expect(error?.code == .cancelled)
            try await eventually("the place in the queue is free") {
                try await engine.inspect("job")?.waiters.isEmpty ?? false
            }
        }
    }

    @Test(arguments: ["..", ".", "a/b", "a?b#c", "100 %", "é", "renew", "\\", "a+b=c&d"])
    func `names with a meaning in URLs are names`(text: String) async throws {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let name = try LeaseName(text)
            let owner = OwnerID.unique()
            let lease = try #require(try await engine.tryAcquire(name, owner: owner, for: .seconds(10)).lease)
            #expect(try await server.engine.inspect(name)?.token == lease.token)
            #expect(try await engine.records(withPrefix: text, after: nil, limit: 10).map(\.name) == [name])
            #expect(try await engine.breakLease(name)?.owner == owner)
        }
    }

    @Test func `a lease that was waited for ends when the daemon says, not one wait earlier`() async throws {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let clock = HostClock()
            _ = try await server.engine.tryAcquire("job", owner: .unique(), for: .seconds(4))
            let answer = try await engine.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(60))
            let lease = try #require(answer.lease)
            let record = try #require(try await server.engine.inspect("job"))
            let end = clock.now.advanced(by: record.remaining)
            #expect(lease.expiry <= end)
            #expect(lease.expiry.duration(to: end) < .seconds(2), "a wait of four seconds must not count")
        }
    }

    @Test(arguments: ["sqlite:a.db", "http:", "http://a,b"])
    func `an address that is none is refused and quoted`(url: String) throws {
        let error = #expect(throws: InvalidName.self) { _ = try RemoteLeaseEngine(url: EngineURL(url)) }
        #expect(error?.reason.contains("http://HOST:PORT") == true)
    }

    @Test func `a request that the daemon refuses is an invalid request with the daemon's words`() async throws {
        try await withServer(configure: { $0.limits.nameBytes = 8 }) { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let error = await #expect(throws: LeaseError.self) {
                _ = try await engine.tryAcquire("a-longer-name", owner: .unique(), for: .seconds(10))
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("the daemon at \(server.url) says: ") == true)
        }
    }
}
