#if ZooKeeper
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "ZooKeeper that cannot be used", .enabled(if: ZooKeeperProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct ZooKeeperFailureTests {
    private static let options = "/colony?session_timeout_ms=4000&timeout_ms=600"

    /// Asks once; the answer has to be an error of this code, in time, that names the URL without its secret.
    private func refuses(
        _ code: LeaseError.Code, at port: Int, suffix: String = Self.options, user: String = "me:secret@"
    ) async throws {
        let engine = try ZooKeeperLeaseEngine(url: EngineURL("zookeeper://\(user)127.0.0.1:\(port)\(suffix)"))
        let clock = HostClock()
        let start = clock.now
        let error = await failure { try await engine.tryAcquire("job", owner: "me", for: .seconds(2)) }
        #expect(error?.code == code)
        #expect(start.duration(to: clock.now) < .seconds(20))
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("127.0.0.1:\(port)"), "\(text)")
        #expect(!text.contains("secret"))
        await engine.close()
    }

    @Test func `nobody listens`() async throws {
        try await self.refuses(.unavailable, at: 1)
    }

    @Test func `a host without an address`() async throws {
        let engine = try ZooKeeperLeaseEngine(url: EngineURL("zookeeper://no.such.host.invalid/x?timeout_ms=600"))
        let error = await failure { try await engine.tryAcquire("job", owner: "me", for: .seconds(2)) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("no.such.host.invalid") == true)
        await engine.close()
    }

    @Test func `a server that accepts and never answers`() async throws {
        let relay = try Relay(to: 1, .silence)
        defer { relay.close() }
        try await self.refuses(.unavailable, at: relay.port)
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "-ERR unknown command\r\n", "\u{0}\u{0}\u{0}\u{0}"])
    func `a server of another kind`(answer: String) async throws {
        let relay = try Relay(to: 1, .answer(answer))
        defer { relay.close() }
        try await self.refuses(.unavailable, at: relay.port)
    }

    @Test func `a root that may only be read`() async throws {
        let server = try await ZooKeeperProcess()
        let owner = try ZooKeeperLeaseEngine(
            url: EngineURL("zookeeper://owner:hidden@127.0.0.1:\(server.port)\(Self.options)0"))
        // Nodes that are made with credentials belong to them.
        let lease = try #require(try await owner.tryAcquire("job", owner: "o", for: .seconds(3)).lease)
        try await self.refuses(.storageFailed, at: server.port, suffix: "/colony?timeout_ms=6000")
        try await self.refuses(.storageFailed, at: server.port, suffix: "/colony?timeout_ms=6000", user: "")
        #expect(try await owner.release("job", owner: "o", token: lease.token))
        await owner.close()
    }

    @Test func `a closed engine refuses, and its leases are free at once`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine()
        let other = try server.engine()
        _ = try await engine.tryAcquire("job", owner: "a", for: .seconds(6))
        let waiter = Task { try await other.acquire("job", owner: "b", for: .seconds(6), upTo: .seconds(60)) }
        try await eventually("somebody waits") { try await other.inspect("job")?.waiters.count == 1 }
        let clock = HostClock()
        let start = clock.now
        await engine.close()
        #expect(try await waiter.value.lease?.owner == "b")
        #expect(start.duration(to: clock.now) < .seconds(6))
        #expect(await failure { try await engine.inspect("job") }?.code == .closed)
        await other.close()
    }

    @Test func `a lost answer to the making of a node leaves one node`() async throws {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        defer { relay.close() }
        let engine = try ZooKeeperLeaseEngine(
            url: try server.url("/colony?session_timeout_ms=8000&timeout_ms=20000", at: relay.port))
        let observer = try server.engine()
        _ = try await engine.inspect("job")
        // The first grant makes the node of the lock, so that the next request is the making of a contender.
        let first = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(5)).lease)
        #expect(try await engine.release("job", owner: "a", token: first.token))
        for round in 1...5 {
            relay.swallowAnswer(to: "-lock-")
            let lease = try #require(
                try await engine.tryAcquire("job", owner: "b", for: .seconds(5)).lease, "round \(round)")
            #expect(relay.swallowed == round)
            let record = try #require(try await observer.inspect("job"))
            #expect(record.token == lease.token && record.owner == "b" && record.waiters.isEmpty)
            #expect(try await engine.release("job", owner: "b", token: lease.token))
            #expect(try await observer.inspect("job") == nil)
        }
        await engine.close()
        await observer.close()
    }

    @Test func `a lost answer to a fair request keeps one place in the queue`() async throws {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        defer { relay.close() }
        let engine = try ZooKeeperLeaseEngine(
            url: try server.url("/colony?session_timeout_ms=8000&timeout_ms=20000", at: relay.port))
        let observer = try server.engine()
        let first = try #require(try await observer.tryAcquire("job", owner: "a", for: .seconds(7)).lease)
        _ = try await engine.inspect("job")
        relay.swallowAnswer(to: "-lock-")
        let waiter = Task { try await engine.acquire("job", owner: "b", for: .seconds(5), upTo: .seconds(60)) }
        try await eventually("b waits") { try await observer.inspect("job")?.waiters.map(\.owner) == ["b"] }
        #expect(relay.swallowed == 1)
        #expect(try await observer.release("job", owner: "a", token: first.token))
        let lease = try #require(try await waiter.value.lease)
        #expect(lease.token > first.token)
        #expect(try await engine.release("job", owner: "b", token: lease.token))
        #expect(try await observer.inspect("job") == nil)
        await engine.close()
        await observer.close()
    }

    @Test func `a lease survives a broken connection, and a renewal after it works`() async throws {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        defer { relay.close() }
        let engine = try ZooKeeperLeaseEngine(
            url: try server.url("/colony?session_timeout_ms=8000&timeout_ms=20000", at: relay.port))
        var lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(6)).lease)
        for _ in 1...5 {
            relay.cut()
            let renewed = try #require(try await engine.renew(lease, for: .seconds(6)))
            #expect(renewed.token == lease.token && renewed.expiry > lease.expiry)
            lease = renewed
        }
        await engine.close()
    }

    @Test func `a lease is no longer than the session lets it be, and the answer says so`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine("/colony?session_timeout_ms=5000&timeout_ms=20000")
        let clock = HostClock()
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(600)).lease)
        #expect(lease.duration == .milliseconds(4_500))
        #expect(lease.expiry <= clock.now.advanced(by: .milliseconds(4_500)))
        await engine.close()
    }

    @Test func `nothing is kept for calls that are over`() async throws {
        let server = try await ZooKeeperProcess()
        weak var kept: ZooKeeperLeaseEngine?
        do {
            let engine = try server.engine()
            kept = engine
            let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(5)).lease)
            let waiter = Task { try await engine.acquire("job", owner: "b", for: .seconds(5), upTo: .seconds(60)) }
            try await eventually("b waits") { try await engine.inspect("job")?.waiters.count == 1 }
            waiter.cancel()
            _ = await waiter.result
            #expect(try await engine.release("job", owner: "a", token: lease.token))
            await engine.close()
        }
        try await eventually("the engine is gone") { kept == nil }
    }
}
#endif
