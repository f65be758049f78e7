import ColonyCoordination
import ColonyCore
import ColonyRESP
import ColonyRedis
import NIOCore
import NIOPosix
import RealServers
import Testing

@Suite("A lease engine and a Redis that fails", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisLeaseFailureTests {
    /// What asking an engine at a URL fails with, and how long that took.
    private func failure(_ url: String) async throws -> (error: LeaseError?, after: Duration) {
        let engine = try RedisLeaseEngine(url: url)
        let clock = HostClock()
        let start = clock.now
        let error = await leaseError {
            try await engine.acquire("job", owner: "me", for: .seconds(10), upTo: .seconds(30))
        }
        await engine.close()
        return (error, start.duration(to: clock.now))
    }

    /// The error names the URL without its secret, says nothing of caches, and comes within the time-out of a second and
    /// what a busy machine needs.
    private func expect(
        _ code: LeaseError.Code, _ part: String, at url: String, _ place: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let (error, time) = try await self.failure(url)
        #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
        let text = error?.description ?? ""
        #expect(text.contains(place), "\(text)", sourceLocation: sourceLocation)
        #expect(text.contains(part), "\(text)", sourceLocation: sourceLocation)
        #expect(!text.contains("S3CRET") && !text.contains("cache"), "\(text)", sourceLocation: sourceLocation)
        #expect(time < .seconds(15), "\(time)", sourceLocation: sourceLocation)
    }

    @Test func `a wrong password is refused`() async throws {
        let server = try await RedisProcess(["--requirepass", "right"])
        let place = "redis://:***@127.0.0.1:\(server.port)"
        try await self.expect(.storageFailed, "WRONGPASS", at: "redis://:S3CRET@127.0.0.1:\(server.port)", place)
        try await self.expect(
            .storageFailed, "WRONGPASS", at: "redis://somebody:S3CRET@127.0.0.1:\(server.port)",
            "redis://somebody:***@127.0.0.1:\(server.port)")
        try await self.expect(
            .storageFailed, "NOAUTH", at: "redis://127.0.0.1:\(server.port)", "redis://127.0.0.1:\(server.port)")
        #expect(try await self.failure("redis://:right@127.0.0.1:\(server.port)").error == nil)
    }

    @Test func `a user who may not do it is told what is missing`() async throws {
        let server = try await RedisProcess()
        let socket = try server.connect()
        #expect(
            try socket.ask("ACL", "SETUSER", "reader", "on", ">S3CRET", "~*", "&*", "+@read", "+@connection").text
                == "OK")
        try await self.expect(
            .storageFailed, "NOPERM", at: "redis://reader:S3CRET@127.0.0.1:\(server.port)",
            "redis://reader:***@127.0.0.1:\(server.port)")
    }

    @Test func `a port on which nobody listens is unavailable`() async throws {
        let port = try FreePort.take()
        try await self.expect(
            .unavailable, "connect", at: "redis://:S3CRET@127.0.0.1:\(port)", "redis://:***@127.0.0.1:\(port)")
    }

    @Test func `TLS to a plain port is unavailable within the time-out`() async throws {
        let server = try await RedisProcess()
        try await self.expect(
            .unavailable, "", at: "rediss://:S3CRET@127.0.0.1:\(server.port)", "rediss://:***@127.0.0.1:\(server.port)")
    }

    @Test func `another kind of server is told apart`() async throws {
        let peer = try await HalfPeer(answer: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        try await self.expect(
            .unavailable, "protocol", at: "redis://:S3CRET@127.0.0.1:\(peer.port)",
            "redis://:***@127.0.0.1:\(peer.port)")
        try await peer.stop()
    }

    @Test func `a server that accepts and never answers is unavailable within the time-out`() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = silent.localAddress?.port ?? 0
        for (scheme, place) in [("redis", "redis"), ("rediss", "rediss")] {
            try await self.expect(
                .unavailable, "127.0.0.1:\(port)", at: "\(scheme)://:S3CRET@127.0.0.1:\(port)",
                "\(place)://:***@127.0.0.1:\(port)")
        }
        try await self.expect(
            .unavailable, "", at: "redis+cluster://:S3CRET@127.0.0.1:\(port),localhost:\(port)",
            "redis+cluster://:***@127.0.0.1:\(port),localhost:\(port)")
        try await silent.close()
    }

    @Test func `a server that is no cluster, and a cluster that is asked as one server, are told apart`() async throws {
        let server = try await RedisProcess()
        try await self.expect(
            .storageFailed, "cluster", at: "redis+cluster://127.0.0.1:\(server.port)",
            "redis+cluster://127.0.0.1:\(server.port)")
        let cluster = try await RedisClusterProcess()
        var codes: Set<String> = []
        for node in cluster.nodes {
            if let error = try await self.failure("redis://127.0.0.1:\(node.port)").error {
                codes.insert(error.code.description)
                #expect(error.message.contains("redis+cluster"), "\(error)")
            }
        }
        #expect(codes == ["storageFailed"])
    }

    @Test func `a replica is unavailable, for it may become what it is not yet`() async throws {
        let server = try await RedisProcess()
        let replica = try await RedisProcess(["--replicaof", "127.0.0.1 \(server.port)"])
        try await Polling.eventually("it is in step") {
            try replica.connect().ask("INFO", "replication").text?.contains("master_link_status:up") == true
        }
        try await self.expect(
            .unavailable, "READONLY", at: "redis://127.0.0.1:\(replica.port)", "redis://127.0.0.1:\(replica.port)")
    }

    @Test func `a closed engine ends who waits with closed`() async throws {
        let server = try await RedisProcess()
        let (holder, engine) = (try server.leases(), try server.leases())
        let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let turn = Task {
            await leaseError { try await engine.acquire("job", owner: "a", for: .seconds(1), upTo: .seconds(600)) }?
                .code
        }
        let change = Task {
            await leaseError { try await engine.waitForChange(of: "job", from: lease.token, upTo: .seconds(600)) }?.code
        }
        try await Polling.eventually("both wait") { try await holder.inspect("job")?.waiters.count == 1 }
        await engine.close()
        #expect(await turn.value == .closed)
        #expect(await change.value == .closed)
        #expect(await leaseError { try await engine.inspect("job") }?.code == .closed)
        await engine.close()
        await holder.close()
    }

    @Test func `renewalSurvivesReconnect`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        var configuration = LockConfiguration()
        configuration.duration = .seconds(30)
        let lock = DistributedLock("job", on: engine, configuration: configuration)
        let renewals = try await lock.withLock { lease in
            for _ in 1...5 {
                try server.connect().ask("CLIENT", "KILL", "TYPE", "normal")
                try await Polling.eventually("it is renewed over a new connection") {
                    do throws(LeaseError) {
                        return try await engine.renew(lease, for: .seconds(30)) != nil
                    } catch {
                        return false
                    }
                }
            }
            return try await engine.inspect("job")?.renewals ?? 0
        }
        #expect(renewals >= 5)
        #expect(try await engine.inspect("job") == nil)
        // A lease that has run out, of the same owner in the same process, is a new grant that can be renewed as well.
        let old = try #require(try await engine.tryAcquire("job", owner: "me", for: .milliseconds(10)).lease)
        try await Polling.eventually("it has run out") { try await engine.inspect("job") == nil }
        let new = try #require(try await engine.tryAcquire("job", owner: "me", for: .seconds(60)).lease)
        #expect(new.token > old.token)
        #expect(try await engine.renew(old, for: .seconds(60)) == nil)
        #expect(try await engine.renew(new, for: .seconds(60)) != nil)
        await engine.close()
    }
}
