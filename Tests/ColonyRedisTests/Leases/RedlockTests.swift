import ColonyConformance
import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("Redlock over several servers", .enabled(if: RedisProcess.isAvailable), .serialized, .timeLimit(.minutes(10)))
struct RedlockTests {
    private func servers(_ count: Int = 3) async throws -> [RedisProcess] {
        var servers: [RedisProcess] = []
        for _ in 0..<count { servers.append(try await RedisProcess()) }
        return servers
    }

    private func engine(
        _ servers: [RedisProcess], _ change: (inout RedlockOptions) -> Void = { _ in }
    ) throws -> RedlockLeaseEngine {
        var options = RedlockOptions(servers: servers.map(\.address))
        options.timeout = .seconds(20)
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        change(&options)
        return try RedlockLeaseEngine(options)
    }

    @Test(.timeLimit(.minutes(5)))
    func `it keeps the promises of the lease port on three servers`() async throws {
        let servers = try await self.servers()
        let harness = LiveLeaseHarness { try self.engine(servers) }
        for check in LeaseConformance.cases(supportedBy: []) {
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `it keeps them while one of three is down`() async throws {
        let servers = try await self.servers()
        servers[1].kill()
        let harness = LiveLeaseHarness { try self.engine(servers) }
        for check in LeaseConformance.cases(supportedBy: [])
        where [.exclusivity, .tokens, .ownership, .renewal].contains(check.property) {
            // While one of the two that are left has released and the other has not, nobody knows what the third would say:
            // a renewal is then unavailable, where the case wants to hear that the lease is over.
            if check.name.hasPrefix("a lease is never raised again after its release") { continue }
            let entry = await check.run(on: harness)
            #expect(entry.outcome == .passed, "\(check)")
        }
    }

    @Test func `tokens rise over every majority, and past servers that come back empty`() async throws {
        let servers = try await self.servers()
        let engine = try self.engine(servers)
        var last = FencingToken(rawValue: 0)
        for round in 0..<12 {
            let down = servers[round % 3]
            down.kill()
            let lease = try #require(try await engine.tryAcquire("job", owner: .unique(), for: .seconds(60)).lease)
            #expect(lease.token > last, "round \(round)")
            last = lease.token
            #expect(try await engine.renew(lease, for: .seconds(60))?.token == lease.token)
            #expect(try await engine.release("job", owner: lease.owner, token: lease.token))
            try await down.start()
            try await Polling.eventually("all three are used") {
                guard let lease = try await engine.tryAcquire("all", owner: .unique(), for: .seconds(60)).lease else {
                    return false
                }
                let isEverywhere = try servers.allSatisfy { try $0.connect().ask("EXISTS", "all").integer == 1 }
                try await engine.release("all", owner: lease.owner, token: lease.token)
                return isEverywhere
            }
        }
        await engine.close()
    }

    @Test func `a token that one server is ahead with is written back to the others`() async throws {
        let servers = try await self.servers()
        let engine = try self.engine(servers)
        let first = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        #expect(try await engine.release("job", owner: "a", token: first.token))
        let counters = try #require(try servers[0].connect().ask("KEYS", "*colony:token").elements?.compactMap(\.text))
        let ahead = first.token.rawValue + 1_000_000_000_000
        try servers[0].connect().ask("SET", try #require(counters.first), "\(ahead)")
        let second = try #require(try await engine.tryAcquire("job", owner: "b", for: .seconds(60)).lease)
        #expect(second.token.rawValue == ahead + 1)
        for server in servers {
            #expect(
                try server.connect().ask("GET", try #require(counters.first)).text == second.token.description)
        }
        #expect(try await engine.release("job", owner: "b", token: second.token))
        // The one that was ahead is gone; the others know.
        servers[0].kill()
        let third = try #require(try await engine.tryAcquire("job", owner: "c", for: .seconds(60)).lease)
        #expect(third.token.rawValue == ahead + 2)
        await engine.close()
    }

    @Test func `without a majority nothing is granted and nothing stays`() async throws {
        let servers = try await self.servers()
        let engine = try self.engine(servers)
        servers[1].kill()
        servers[2].kill()
        let error = await leaseError { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("only 1 of 3") == true, "\(String(describing: error))")
        #expect(try servers[0].connect().ask("EXISTS", "job").integer == 0)
        try await servers[1].start()
        try await Polling.eventually("a majority is there") {
            await leaseError { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) } == nil
        }
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        // The holder is not told that its lease is over while it is not known.
        servers[1].kill()
        #expect(await leaseError { try await engine.renew(lease, for: .seconds(60)) }?.code == .unavailable)
        #expect(await leaseError { try await engine.inspect("job") }?.code == .unavailable)
        await engine.close()
    }

    @Test func `what holds a majority of keys for others excludes it`() async throws {
        let servers = try await self.servers()
        let engine = try self.engine(servers)
        for server in servers[..<2] { try server.connect().ask("SET", "job", "somebody", "PX", "600000", "NX") }
        guard case .held(let holder) = try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) else {
            Issue.record("two hold a majority")
            return
        }
        #expect(holder.owner == "somebody" && holder.token == FencingToken(rawValue: 0))
        #expect(try servers[2].connect().ask("EXISTS", "job").integer == 0)
        // One of three keeps nobody out.
        try servers[1].connect().ask("DEL", "job")
        #expect(try await engine.tryAcquire("job", owner: "a", for: .seconds(60)).lease != nil)
        await engine.close()
    }

    @Test func `a URL names the servers, and what cannot be is refused`() throws {
        let options = try RedlockOptions(url: "redlock://:S3CRET@a,b:7000,c/2?prefix=x%3A&survives=process-crash")
        #expect(
            options.servers == [RedisAddress(host: "a"), RedisAddress(host: "b", port: 7000), RedisAddress(host: "c")])
        #expect(options.database == 2)
        #expect(options.timeout == .milliseconds(250))
        #expect(try RedlockLeaseEngine(options).guarantee == Guarantee(reach: .network, survival: .processCrash))
        for (url, part) in [
            ("redlock://:S3CRET@a", "1 servers"), ("redlock://:S3CRET@a,b", "2 servers"),
            ("redlock://:S3CRET@a,b,a", "twice"), ("redis://:S3CRET@a,b,c", "scheme"),
            ("redlock://:S3CRET@a,b,c?survives=server-loss", "server-loss"), ("redlock://:S3CRET@a,b,c:0", "port"),
        ] {
            let error = #expect(throws: LeaseError.self) { try RedlockLeaseEngine(url: url) }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.description.contains("S3CRET") == false)
        }
    }
}
