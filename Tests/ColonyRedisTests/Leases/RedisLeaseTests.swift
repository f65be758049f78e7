import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("Leases on Redis", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisLeaseTests {
    @Test func `the lock is the plain key with the owner, and ends with the lease; one counter for its slot stays`()
        async throws
    {
        let server = try await RedisProcess()
        let engine = try server.leases { $0.keyPrefix = "lock:" }
        let socket = try server.connect()
        let lease = try #require(try await engine.tryAcquire("orders/42", owner: "me", for: .seconds(60)).lease)
        #expect(try socket.ask("GET", "lock:orders/42").text == "me")
        let left = try #require(try socket.ask("PTTL", "lock:orders/42").integer)
        #expect((1...60_000).contains(left))
        let keys = try #require(try socket.ask("KEYS", "*").elements).compactMap(\.text).sorted()
        #expect(keys.count == 3 && keys.allSatisfy { $0.hasPrefix("lock:") }, "\(keys)")
        let counter = try #require(keys.first { $0.hasSuffix("colony:token") })
        #expect(try socket.ask("TTL", counter).integer == -1)
        #expect(try socket.ask("GET", counter).text == lease.token.description)
        let companion = try #require(keys.first { $0.contains("colony:lease:orders/42") })
        #expect(try #require(try socket.ask("PTTL", companion).integer) > 0)
        #expect(try await engine.release("orders/42", owner: "me", token: lease.token))
        #expect(try socket.ask("KEYS", "*").elements?.compactMap(\.text) == [counter])
        await engine.close()
    }

    @Test func `an acquisition and a release without contention are one script each`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        // The first of each teaches the server the script.
        let first = try #require(try await engine.tryAcquire("a", owner: "me", for: .seconds(60)).lease)
        try await engine.release("a", owner: "me", token: first.token)
        #expect(try server.connect().ask("CONFIG", "RESETSTAT").text == "OK")
        for _ in 1...10 {
            let lease = try #require(try await engine.tryAcquire("a", owner: "me", for: .seconds(60)).lease)
            #expect(try await engine.release("a", owner: "me", token: lease.token))
        }
        #expect(try server.calls(of: "evalsha") == 20)
        #expect(try server.calls(of: "eval") == 0)
        #expect(try server.calls(of: "publish") == 0)
        await engine.close()
    }

    @Test func `tokenMonotonicForever`() async throws {
        let server = try await RedisProcess(["--appendonly", "no"])
        var engine = try server.leases()
        var last = FencingToken(rawValue: 0)
        func grant(_ what: String) async throws {
            let lease = try #require(try await engine.tryAcquire("job", owner: .unique(), for: .milliseconds(20)).lease)
            #expect(lease.token > last, "\(what): \(lease.token) after \(last)")
            last = lease.token
        }
        try await grant("the first")
        try await Polling.eventually("it has run out") { try await engine.inspect("job") == nil }
        try await grant("after it ran out")
        _ = try await engine.breakLease("job")
        try await grant("after it was broken")
        await engine.close()
        engine = try server.leases()
        try await Polling.eventually("it has run out") { try await engine.inspect("job") == nil }
        try await grant("with another engine")
        // A server that has lost everything, as after a crash without persistence.
        server.kill()
        try await server.start()
        try await Polling.eventually("the server is used again") {
            await leaseError { try await engine.inspect("job") } == nil
        }
        try await grant("after the server has lost all")
        // One that has lost the last of it, as after a failover to a replica that lagged behind.
        try await Polling.eventually("it has run out") { try await engine.inspect("job") == nil }
        let socket = try server.connect()
        let keys = try #require(try socket.ask("KEYS", "*token").elements).compactMap(\.text)
        #expect(try socket.ask("SET", try #require(keys.first), "\(last.rawValue - 1000)").text == "OK")
        try await grant("after the counter has fallen back")
        // A counter that is ahead of the time goes on counting.
        try await Polling.eventually("it has run out") { try await engine.inspect("job") == nil }
        let ahead = last.rawValue + 1_000_000_000_000
        #expect(try socket.ask("SET", try #require(keys.first), "\(ahead)").text == "OK")
        try await grant("with a clock that fell back")
        #expect(last.rawValue == ahead + 1)
        await engine.close()
    }

    @Test func `scripts that the server has forgotten are sent again, also in the middle of a batch`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        var leases: [Lease] = []
        for number in 1...100 {
            if number.isMultiple(of: 10) { try server.connect().ask("SCRIPT", "FLUSH") }
            leases.append(
                try #require(
                    try await engine.tryAcquire(try LeaseName("job-\(number)"), owner: "me", for: .seconds(60)).lease))
        }
        try server.connect().ask("SCRIPT", "FLUSH")
        #expect(try await engine.renew(leases).count { $0 != nil } == 100)
        try server.connect().ask("SCRIPT", "FLUSH")
        #expect(try await engine.release("job-1", owner: "me", token: nil))
        try server.connect().ask("SCRIPT", "FLUSH")
        #expect(try await engine.records(withPrefix: "job-1", after: nil, limit: 100).count == 11)
        await engine.close()
    }

    @Test func `onlyOwnerReleases`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        let old = try #require(try await engine.tryAcquire("job", owner: "old", for: .milliseconds(20)).lease)
        try await Polling.eventually("it has run out") { try await engine.inspect("job") == nil }
        let new = try #require(try await engine.tryAcquire("job", owner: "new", for: .seconds(60)).lease)
        for token in [old.token, nil] {
            #expect(try await !engine.release("job", owner: "old", token: token))
        }
        #expect(try await engine.inspect("job")?.token == new.token)
        // The release of a task that is cancelled still releases.
        let release = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await leaseError { try await engine.release("job", owner: "new", token: new.token) }?.code
        }
        #expect(await release.value == .cancelled)
        try await Polling.eventually("it is released") { try await engine.inspect("job") == nil }
        await engine.close()
    }

    @Test func `a key that is something else is refused and left alone`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        let socket = try server.connect()
        #expect(try socket.ask("RPUSH", "list", "1").integer == 1)
        for call in [
            { _ = try await engine.tryAcquire("list", owner: "me", for: .seconds(1)) },
            { _ = try await engine.inspect("list") }, { _ = try await engine.breakLease("list") },
            { _ = try await engine.release("list", owner: "me", token: nil) },
        ] as [() async throws -> Void] {
            let error = await leaseError { try await call() }
            #expect(error?.code == .storageFailed)
            #expect(error?.message.contains("other than a string") == true, "\(String(describing: error))")
        }
        #expect(try socket.ask("LRANGE", "list", "0", "-1").elements?.count == 1)
        await engine.close()
    }

    @Test func `a name whose lock could be a key of Colony's own is refused`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        let lease = try #require(try await engine.tryAcquire("a", owner: "me", for: .seconds(60)).lease)
        let keys = try #require(try server.connect().ask("KEYS", "{*").elements).compactMap(\.text)
        #expect(keys.count == 2)
        for key in keys {
            let name = try LeaseName(key)
            // The owner of the counter is its number.
            let owner = try OwnerID(lease.token.description)
            #expect(
                await leaseError { try await engine.release(name, owner: owner, token: nil) }?.code == .invalidRequest)
            #expect(await leaseError { try await engine.breakLease(name) }?.code == .invalidRequest)
            #expect(
                await leaseError { try await engine.acquire(name, owner: owner, for: .seconds(1), upTo: .seconds(1)) }?
                    .code == .invalidRequest)
        }
        #expect(try await engine.renew(lease, for: .seconds(60)) != nil)
        await engine.close()
    }

    @Test func `all keys of a lock are in one slot, whatever braces its name has`() async throws {
        let cluster = try await RedisClusterProcess()
        for prefix in ["", "p:", "{p}:", "}x:"] {
            let engine = try cluster.leases { $0.keyPrefix = prefix }
            for text in ["a", "{a}", "{a", "a}b", "{}", "{}{a}", "a{}b}c{d}", "{a}{b}", "}{", "{{a}}", "}a{b}c}"] {
                let name = try LeaseName(text)
                let lease = try #require(try await engine.tryAcquire(name, owner: "me", for: .seconds(60)).lease)
                #expect(try await engine.renew(lease, for: .seconds(60)) != nil)
                #expect(
                    try await engine.acquire(name, owner: "other", for: .seconds(60), upTo: .milliseconds(1)).lease
                        == nil)
                #expect(
                    try await engine.records(withPrefix: text, after: nil, limit: 100).contains { $0.name == name })
                #expect(try await engine.release(name, owner: "me", token: lease.token))
            }
            await engine.close()
        }
    }

    @Test(arguments: ["{", "a{b", "{}", "a{}b", "tab\t", String(repeating: "x", count: 256)])
    func `a prefix that cannot be is refused`(prefix: String) {
        var options = RedisLeaseEngineOptions(servers: [RedisAddress(host: "h")])
        options.keyPrefix = prefix
        let error = #expect(throws: LeaseError.self) { try RedisLeaseEngine(options) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func `a URL says all of it, and promises nothing that Redis does not`() throws {
        let options = try RedisLeaseEngineOptions(
            url: "rediss+cluster://me:p%40ss@a:7000,b/?prefix=x%3A&survives=process-crash&timeout_ms=250")
        #expect(options.keyPrefix == "x:")
        #expect(options.timeout == .milliseconds(250))
        #expect(options.isCluster)
        #expect(options.servers == [RedisAddress(host: "a", port: 7000), RedisAddress(host: "b")])
        #expect(try RedisLeaseEngine(options).guarantee == Guarantee(reach: .network, survival: .processCrash))
        #expect(
            try RedisLeaseEngine(url: "redis://h").guarantee == Guarantee(reach: .network, survival: .nothing))
        for (url, part) in [
            ("redis://:S3CRET@h?survives=power-loss", "power-loss"), ("redis://:S3CRET@h?tracking=off", "tracking"),
            ("http://:S3CRET@h", "http"), ("redis://:S3CRET@h?prefix=%7B", "hash tag"),
        ] {
            let error = #expect(throws: LeaseError.self) { try RedisLeaseEngine(url: url) }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.description.contains("S3CRET") == false)
        }
        var more = RedisLeaseEngineOptions(servers: [RedisAddress(host: "h")])
        more.survival = .powerLoss
        #expect(throws: LeaseError.self) { try RedisLeaseEngine(more) }
    }
}
