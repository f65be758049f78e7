import ColonyCore
import ColonyRESP
import ColonyRedis
import ColonyResilience
import RealServers
import Testing

@Suite("An engine of limits and a Redis that fails", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisRateLimitFailureTests {
    private let rule: RateLimitRule

    init() throws {
        self.rule = try RateLimitRule(10, per: .seconds(1_000))
    }

    private func take(_ permits: Int = 1, on limits: RedisRateLimitEngine) async throws -> RateLimitDecision {
        try await limits.take([RateLimitRequest("a", permits: permits, rule: self.rule)])[0]
    }

    @Test func `a server that is down is unavailable, and is used when it comes`() async throws {
        let server = try await RedisProcess(isStarted: false)
        // Far above what a busy machine needs to refuse a connection, so that the two cannot be confused.
        let limits = try server.limits { $0.timeout = .seconds(300) }
        let clock = HostClock()
        let start = clock.now
        #expect(await limitError { try await self.take(on: limits) }?.code == .unavailable)
        #expect(start.duration(to: clock.now) < .seconds(150), "half of the timeout")
        try await server.start()
        try await Polling.eventually("the server is used") {
            await limitError { try await self.take(on: limits) } == nil
        }
        await limits.close()
    }

    @Test func `a server that stands still is unavailable within the time-out`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits { $0.timeout = .milliseconds(300) }
        try await Polling.eventually("it answers") { await limitError { try await self.take(on: limits) } == nil }
        try await server.suspend()
        let clock = HostClock()
        let start = clock.now
        let error = await limitError { try await self.take(on: limits) }
        #expect(error?.code == .unavailable, "\(String(describing: error))")
        #expect(error?.message.contains("redis://127.0.0.1:\(server.port)") == true)
        #expect(start.duration(to: clock.now) < .seconds(15))
        server.resume()
        try await Polling.eventually("it answers again") { await limitError { try await self.take(on: limits) } == nil }
        await limits.close()
    }

    @Test func `a restarted server counts every limit as full, unless it kept its memory on disk`() async throws {
        let forgetful = try await RedisProcess()
        let limits = try forgetful.limits()
        #expect(limits.guarantee == Guarantee(reach: .network, survival: .nothing))
        #expect(try await self.take(10, on: limits).isAllowed)
        forgetful.kill()
        try await forgetful.start()
        try await Polling.eventually("it is full") {
            var decision: RateLimitDecision?
            _ = await limitError { decision = try await self.take(10, on: limits) }
            return decision?.isAllowed == true
        }
        await limits.close()

        let server = try await RedisProcess(["--appendonly", "yes", "--appendfsync", "always"])
        let kept = try server.limits { $0.survival = .processCrash }
        #expect(kept.guarantee.survival == .processCrash)
        #expect(try await self.take(10, on: kept).isAllowed)
        server.kill()
        try await server.start()
        try await Polling.eventually("it answers, and still owes") {
            var decision: RateLimitDecision?
            _ = await limitError { decision = try await self.take(10, on: kept) }
            #expect(decision?.isAllowed != true)
            return decision != nil
        }
        await kept.close()
    }

    @Test func `a refusal of the server is unavailable and says why without the password`() async throws {
        let server = try await RedisProcess(["--requirepass", "right"])
        let limits = try RedisRateLimitEngine(url: "redis://:S3CRET@127.0.0.1:\(server.port)")
        let error = await limitError { try await self.take(on: limits) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("WRONGPASS") == true)
        #expect(error?.message.contains("S3CRET") == false)
        await limits.close()
        #expect(await limitError { try await self.take(on: limits) }?.code == .closed)
        #expect(await limitError { try await limits.reset("a") }?.code == .closed)
    }

    @Test func `a key that is no limit is refused and left alone`() async throws {
        let server = try await RedisProcess()
        let limits = try server.limits()
        _ = try await self.take(on: limits)
        let key = try #require(try server.connect().ask("KEYS", "*").elements?.first?.text)
        for value in ["nonsense", "1 2", "-5 3 1 1 1"] {
            try server.connect().ask("SET", key, value)
            for call in [
                { _ = try await self.take(on: limits) }, { _ = try await limits.reset("a") },
            ] as [() async throws -> Void] {
                let error = await limitError { try await call() }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("holds what is no limit") == true, "\(String(describing: error))")
            }
            #expect(try server.connect().ask("GET", key).text == value)
        }
        try server.connect().ask("DEL", key)
        try server.connect().ask("LPUSH", key, "1")
        #expect(await limitError { try await self.take(on: limits) }?.code == .unavailable)
        await limits.close()
    }

    @Test func `a URL that cannot be is refused with what is wrong`() {
        for (url, part) in [
            ("redis://127.0.0.1/x", "\"x\""), ("redis://127.0.0.1?survives=power-loss", "power-loss"),
            ("redis://127.0.0.1?prefix=a%7Bb", "hash tag"), ("http://127.0.0.1", "scheme"),
        ] {
            do throws(ResilienceError) {
                _ = try RedisRateLimitEngine(url: url)
                Issue.record("\(url) was taken")
            } catch {
                #expect(error.code == .invalidConfiguration)
                #expect(error.message.contains(part), "\(error)")
            }
        }
    }
}
