import ColonyCore
import ColonyRESP
import ColonyRedis
import ColonyResilience
import RealServers
import Testing

@Suite("The engine of limits on Redis", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(3)))
struct RedisRateLimitTests {
    private func keys(_ server: RedisProcess) throws -> [String] {
        let answer = try server.connect().ask("KEYS", "*")
        return try #require(answer.elements).compactMap(\.text).sorted()
    }

    @Test func `a limit is one key with its slot's tag, which expires when the limit is full`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits { $0.keyPrefix = "app:" }
        let rule = try RateLimitRule(10, per: .seconds(100))
        #expect(try await limits.take([RateLimitRequest("tenant/7", permits: 3, rule: rule)])[0].isAllowed)
        let key = try #require(try self.keys(server).first)
        #expect(try self.keys(server).count == 1)
        #expect(key.hasPrefix("app:{") && key.hasSuffix("}colony:limit:tenant/7"), "\(key)")
        let left = try #require(try server.connect().ask("PTTL", key).integer)
        #expect((1...30_001).contains(left), "three permits of ten seconds each take 30 seconds to come back")
        #expect(left > 15_000)
        // Many limits that fill up quickly are gone soon, without anybody asking for them.
        let quick = try RateLimitRule(100, per: .milliseconds(100))
        _ = try await limits.take(
            (0..<500).map { RateLimitRequest(try RateLimitName("quick-\($0)"), rule: quick) })
        try await Polling.eventually("only the first is left") { try server.connect().ask("DBSIZE").integer == 1 }
        await limits.close()
    }

    @Test func `a refusal and a look write nothing`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits()
        let rule = try RateLimitRule(10, per: .seconds(1_000))
        #expect(try await limits.take([RateLimitRequest("a", permits: 0, rule: rule)])[0].remaining == 10)
        #expect(try self.keys(server).isEmpty)
        #expect(try await limits.take([RateLimitRequest("a", permits: 8, rule: rule)])[0].isAllowed)
        let key = try #require(try self.keys(server).first)
        let value = try server.connect().ask("GET", key).text
        #expect(try await !limits.take([RateLimitRequest("a", permits: 3, rule: rule)])[0].isAllowed)
        #expect(try await limits.take([RateLimitRequest("a", permits: 0, rule: rule)])[0].isAllowed)
        #expect(try server.connect().ask("GET", key).text == value)
        await limits.close()
    }

    @Test func `the slowest and the fastest rule are counted to the nanosecond`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits()
        // 300 days to fill: far beyond what a number of Lua holds in nanoseconds.
        let slow = try RateLimitRule(7, per: .seconds(300 * 86_400))
        let first = try await limits.take([RateLimitRequest("slow", permits: 2, rule: slow)])[0]
        let period: Int64 = 300 * 86_400 * 1_000_000_000
        let interval = (period - 1) / 7 + 1
        #expect(first.resetAfter == .nanoseconds(2 * interval))
        let key = try #require(try self.keys(server).first)
        let value = try #require(try server.connect().ask("GET", key).text)
        let parts = value.split(separator: " ").compactMap { Int64($0) }
        let seconds = try #require(try server.connect().ask("TIME").elements?[0].text.flatMap { Int64($0) })
        // The arrival time is a whole microsecond plus exactly what is owed.
        #expect(parts[1] % 1_000 == 2 * interval % 1_000)
        #expect(abs(parts[0] - seconds - 2 * interval / 1_000_000_000) <= 60)
        #expect(Array(parts[2...]) == [7, period, 7])

        let fast = try RateLimitRule(1_000_000, per: .milliseconds(1), burst: 1_000_000_000)
        let all = try await limits.take([RateLimitRequest("fast", permits: 1_000_000_000, rule: fast)])[0]
        #expect(all.isAllowed)
        #expect(all.remaining == 0)
        #expect(all.resetAfter == .seconds(1))
        await limits.close()
    }

    @Test func `clients that ask at the same time never get more than the rule allows`() async throws {
        let server = try await RedisProcess()
        let rule = try RateLimitRule(1_000, per: .seconds(1), burst: 50)
        let clients = try (0..<8).map { _ in try server.limits() }
        let clock = HostClock()
        let start = clock.now
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for client in clients {
                group.addTask {
                    var granted = 0
                    for number in 0..<200 {
                        let requests = [number % 3 + 1, 1].map {
                            RateLimitRequest("shared", permits: $0, rule: rule)
                        }
                        for (request, decision) in zip(requests, try await client.take(requests))
                        where decision.isAllowed { granted += request.permits }
                    }
                    return granted
                }
            }
            return try await group.reduce(0, +)
        }
        let elapsed = start.duration(to: clock.now)
        let bound = 50 + Int(elapsed.clampedNanoseconds / 1_000_000) + 2
        #expect(count <= bound, "\(count) were granted in \(elapsed)")
        #expect(count >= 50)
        for client in clients { await client.close() }
    }

    @Test func `storeClockRules: a client whose clock is wrong gets the same answers`() async throws {
        let server = try await RedisProcess()
        let rule = try RateLimitRule(5, per: .seconds(500))
        let right = try server.limits()
        let early = try server.limits { $0.clock = ShiftedClock(by: .seconds(-1_000_000)) }
        let late = try server.limits { $0.clock = ShiftedClock(by: .seconds(300_000_000)) }
        #expect(try await right.take([RateLimitRequest("a", permits: 5, rule: rule)])[0].isAllowed)
        for client in [early, late, right] {
            let refused = try await client.take([RateLimitRequest("a", permits: 1, rule: rule)])[0]
            #expect(!refused.isAllowed)
            #expect(refused.retryAfter > .zero && refused.retryAfter <= .seconds(100))
        }
        #expect(try await late.reset("a"))
        #expect(try await early.take([RateLimitRequest("a", permits: 5, rule: rule)])[0].isAllowed)
        for client in [right, early, late] { await client.close() }
    }

    @Test func `a clock of the server that was set back locks a limit for no longer than it takes to fill`()
        async throws
    {
        let server = try await RedisProcess()
        let limits = try server.limits()
        let rule = try RateLimitRule(10, per: .seconds(1))
        // A slow rule, so that there is a key to look at.
        let slow = try RateLimitRule(10, per: .seconds(10_000))
        #expect(try await limits.take([RateLimitRequest("a", permits: 1, rule: slow)])[0].isAllowed)
        // As a server has it whose clock was a day ahead when it wrote this.
        let key = try #require(try self.keys(server).first)
        let seconds = try #require(try server.connect().ask("TIME").elements?[0].text.flatMap { Int64($0) })
        try server.connect().ask("SET", key, "\(seconds + 86_400) 500 10 1000000000 10")
        let refused = try await limits.take([RateLimitRequest("a", permits: 1, rule: rule)])[0]
        #expect(!refused.isAllowed)
        #expect(refused.retryAfter == .milliseconds(100))
        #expect(refused.resetAfter == .seconds(1))
        try await Polling.eventually("it is full again") {
            try await limits.take([RateLimitRequest("a", permits: 10, rule: rule)])[0].isAllowed
        }
        await limits.close()
    }

    @Test func `a limit that is owed for longer than any may be is listed, and so are the others`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits()
        let rule = try RateLimitRule(10, per: .seconds(10_000))
        #expect(try await limits.take([RateLimitRequest("a", permits: 1, rule: rule)])[0].isAllowed)
        // As a server has it whose clock was two years ahead when it wrote this.
        let key = try #require(try self.keys(server).first)
        let seconds = try #require(try server.connect().ask("TIME").elements?[0].text.flatMap { Int64($0) })
        try server.connect().ask("SET", key, "\(seconds + 2 * 366 * 86_400) 500 10 10000000000000 10")
        #expect(try await limits.take([RateLimitRequest("b", permits: 1, rule: rule)])[0].isAllowed)
        let listed = try await limits.limits(withPrefix: "", after: nil, limit: 10)
        #expect(listed.map(\.name) == ["a", "b"])
        #expect(listed.first?.decision.isAllowed == false)
        #expect(listed.first?.decision.resetAfter == .seconds(10_000))
        await limits.close()
    }

    @Test func `scripts that a server has forgotten are sent in full, and take their permits once`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits()
        let rule = try RateLimitRule(1_000, per: .seconds(100_000))
        let requests = try (0..<50).map { RateLimitRequest(try RateLimitName("a-\($0 % 5)"), rule: rule) }
        for round in 1...4 {
            try server.connect().ask("SCRIPT", "FLUSH")
            let decisions = try await limits.take(requests)
            #expect(decisions.allSatisfy { $0.isAllowed })
            #expect(decisions.suffix(5).map(\.remaining) == Array(repeating: 1_000 - round * 10, count: 5))
        }
        try server.connect().ask("SCRIPT", "FLUSH")
        #expect(try await limits.reset("a-0"))
        try server.connect().ask("SCRIPT", "FLUSH")
        #expect(
            try await limits.limits(withPrefix: "a-", after: nil, limit: 10).map(\.name.rawValue)
                == ["a-1", "a-2", "a-3", "a-4"])
        await limits.close()
    }

    @Test func `a batch is one round trip`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits()
        let rule = try RateLimitRule(10, per: .seconds(100))
        _ = try await limits.take([RateLimitRequest("warm", rule: rule)])
        try server.connect().ask("CONFIG", "RESETSTAT")
        _ = try await limits.take((0..<1_000).map { RateLimitRequest(try RateLimitName("a\($0)"), rule: rule) })
        #expect(try server.calls(of: "evalsha") == 1_000)
        #expect(try server.calls(of: "eval") == 0)
        await limits.close()
    }

    @Test func `names with braces and of any bytes are limits of their own, in a cluster too`() async throws {
        let cluster = try await RedisClusterProcess()
        let limits = try cluster.limits { $0.keyPrefix = "app:" }
        let rule = try RateLimitRule(3, per: .seconds(1_000))
        let names = try ["{a}", "{a", "a}", "{}", "a}colony:limit:b", "b", "é", "e\u{301}", "*", "a b", "{a}{b}"]
            .map { try RateLimitName($0) }
        let requests = names.enumerated().map { RateLimitRequest($1, permits: $0 % 3 + 1, rule: rule) }
        #expect(try await limits.take(requests).map(\.remaining) == requests.map { 3 - $0.permits })
        #expect(try await limits.limits(withPrefix: "", after: nil, limit: 100).map(\.name) == names.sorted())
        #expect(try await limits.limits(withPrefix: "{a", after: "{a", limit: 1).map(\.name.rawValue) == ["{a}"])
        for name in names { #expect(try await limits.reset(name)) }
        #expect(try await limits.limits(withPrefix: "", after: nil, limit: 100).isEmpty)
        await limits.close()
    }

    @Test func `locks and limits with one prefix and one name do not meet`() async throws {
        let server = try await RedisProcess()
        let (limits, leases) = (try server.limits { $0.keyPrefix = "x:" }, try server.leases { $0.keyPrefix = "x:" })
        let rule = try RateLimitRule(3, per: .seconds(1_000))
        _ = try await leases.tryAcquire("job", owner: "me", for: .seconds(600))
        #expect(try await limits.take([RateLimitRequest("job", permits: 3, rule: rule)])[0].isAllowed)
        #expect(try await leases.records(withPrefix: "", after: nil, limit: 10).map(\.name) == ["job"])
        #expect(try await limits.limits(withPrefix: "", after: nil, limit: 10).map(\.name) == ["job"])
        #expect(try await leases.release("job", owner: "me", token: nil))
        #expect(try await limits.reset("job"))
        await limits.close()
        await leases.close()
    }
}
