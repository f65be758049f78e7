import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonyServer
import ColonySimulation
import Testing

@Suite("The routes of limits")
struct LimitRoutesTests {
    private static let path = "/v1/limits/tenant%2F7"

    /// Ten in ten seconds.
    private func take(_ server: TestServer, _ permits: Int) async throws -> TestServer.Reply {
        try await server.post("\(Self.path)/take", #"{"permits":\#(permits),"rate":10,"per_ms":10000}"#)
    }

    @Test("Permits are taken, refused with the time to wait for, looked at, listed, and reset")
    func life() async throws {
        let clock = ManualClock()
        try await withServer(rateLimits: MemoryRateLimitEngine(clock: clock)) { server in
            let first = try await self.take(server, 8)
            #expect(first.status == 200)
            #expect(first.text == #"{"allowed":true,"remaining":2,"retry_after_ms":0,"reset_after_ms":8000}"#)
            #expect(first.headers["retry-after"] == nil)
            clock.advance(by: .nanoseconds(1))
            let refused = try await self.take(server, 3)
            #expect(refused.status == 200, "a refusal is an answer")
            #expect(refused.text == #"{"allowed":false,"remaining":2,"retry_after_ms":1000,"reset_after_ms":8000}"#)
            #expect(refused.headers["retry-after"] == "1")
            clock.advance(by: .milliseconds(999))
            #expect(try await self.take(server, 3).json["allowed"] as? Bool == false)
            clock.advance(by: .milliseconds(1))
            #expect(try await self.take(server, 3).json["allowed"] as? Bool == true)
            let wait = try await self.take(server, 2)
            #expect(wait.headers["retry-after"] == "2", "in whole seconds, rounded up")
            #expect(try await self.take(server, 0).json["allowed"] as? Bool == true, "none are always there")

            let limit = try await server.send(.GET, Self.path)
            #expect(limit.json["name"] as? String == "tenant/7")
            #expect(limit.integer("rate") == 10)
            #expect(limit.integer("per_ms") == 10_000)
            #expect(limit.integer("burst") == 10)
            #expect(limit.json["allowed"] as? Bool == false)
            let list = try await server.send(.GET, "/v1/limits?prefix=tenant/")
            #expect((list.json["limits"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["tenant/7"])

            #expect(try await server.send(.DELETE, Self.path).text == #"{"reset":true}"#)
            let gone = try await server.send(.DELETE, Self.path)
            #expect(gone.status == 404 && gone.code == "not_found")
            #expect(gone.detail.contains("\"tenant/7\" is full"))
            #expect(try await server.send(.GET, Self.path).code == "not_found")
            #expect(try await server.send(.GET, "/v1/limits").text == #"{"limits":[]}"#)
            #expect(try await self.take(server, 10).json["allowed"] as? Bool == true)

            let metrics = try await server.send(.GET, "/metrics").text
            for line in [
                #"colony_limit_takes_total{result="allowed"} 4"#, #"colony_limit_takes_total{result="refused"} 3"#,
                "colony_limit_permits_total 21", "colony_limit_resets_total 1",
            ] {
                #expect(metrics.contains("\(line)\n"), "\(line)")
            }
        }
    }

    @Test("Several limits are decided in one request, in their order, and one may be named take")
    func many() async throws {
        try await withServer { server in
            let body = #"""
                {"requests":[
                  {"name":"take","permits":3,"rate":5,"per_ms":3600000},
                  {"name":"a/b","rate":5,"per_ns":3600000000001,"burst":2},
                  {"name":"take","permits":3,"rate":5,"per_ms":3600000},
                  {"name":"take","permits":2,"rate":5,"per_ms":3600000}]}
                """#
            let reply = try await server.post("/v1/limits/take", body)
            let decisions = try #require(reply.json["decisions"] as? [[String: Any]])
            #expect(decisions.map { $0["allowed"] as? Bool } == [true, true, false, true])
            #expect(decisions.map { $0["remaining"] as? Int } == [2, 1, 2, 0])
            #expect(reply.headers["retry-after"] == nil)
            #expect(try await server.send(.GET, "/v1/limits/take").json["name"] as? String == "take")
            #expect(try await server.send(.GET, "/v1/limits/a%2Fb").integer("per_ns") == 3_600_000_000_001)
            let page = try await server.send(.GET, "/v1/limits?limit=1")
            #expect(page.json["next"] as? String == "a/b")
            let rest = try await server.send(.GET, "/v1/limits?limit=1&after=a%2Fb")
            #expect((rest.json["limits"] as? [[String: Any]])?.first?["name"] as? String == "take")
            #expect(try await server.send(.DELETE, "/v1/limits/take").status == 200)
            #expect(try await server.send(.GET, "/v1/limits/take/take").code == "method_not_allowed")
        }
    }

    @Test(
        "What cannot be is refused with the value, and takes nothing",
        arguments: [
            (#"{}"#, "rate is missing"), (#"{"rate":5}"#, "per_ms is missing"),
            (#"{"rate":0,"per_ms":1000}"#, "rate is refused: 0 is not from 1 to 1000000000"),
            (#"{"rate":1000000001,"per_ms":1000}"#, "1000000001"), (#"{"rate":-1,"per_ms":1000}"#, "-1"),
            (#"{"rate":1.5,"per_ms":1000}"#, "1.5"), (#"{"rate":"5","per_ms":1000}"#, "5"),
            (#"{"rate":5,"per_ms":0}"#, "per_ms is refused: 0"), (#"{"rate":5,"per_ms":99999999999}"#, "99999999999"),
            (#"{"rate":5,"per_ns":999}"#, "999"), (#"{"rate":5,"per_ms":1000,"per_ns":1000}"#, "one is enough"),
            (#"{"rate":5,"per_ms":1000,"burst":0}"#, "burst is refused: 0"),
            (#"{"rate":5,"per_ms":1000,"permits":-1}"#, "-1"),
        ])
    func refused(body: String, part: String) async throws {
        try await withServer { server in
            let reply = try await server.post("\(Self.path)/take", body)
            #expect(reply.status == 400)
            #expect(reply.code == "invalid_request")
            #expect(reply.detail.contains(part), "\(reply.detail)")
            #expect(reply.headers["content-type"] == "application/problem+json")
            #expect(try await server.send(.GET, "/v1/limits").text == #"{"limits":[]}"#)
        }
    }

    @Test(
        "Numbers that are possible, but not together, are refused with the value, and take nothing",
        arguments: [
            (#"{"rate":1,"per_ms":31622400000,"burst":2}"#, "burst of 2"),
            (#"{"rate":1000000,"per_ns":1000}"#, "1000000 permits"),
            (#"{"rate":5,"per_ms":1000,"permits":6}"#, "permits is refused: 6 is not from 0 to the burst of 5"),
        ])
    func impossible(body: String, part: String) async throws {
        try await withServer { server in
            let reply = try await server.post("\(Self.path)/take", body)
            #expect(reply.status == 422)
            #expect(reply.code == "impossible_limit")
            #expect(reply.detail.contains(part), "\(reply.detail)")
            #expect(try await server.send(.GET, "/v1/limits").text == #"{"limits":[]}"#)
        }
    }

    @Test("Of a batch with one request that cannot be, nothing is taken")
    func refusedBatch() async throws {
        try await withServer { server in
            let good = #"{"name":"a","rate":5,"per_ms":60000}"#
            for (bad, part, status) in [
                (#"{"name":"b","rate":5,"per_ms":60000,"permits":6}"#, "requests[1].permits is refused: 6", 422),
                (#"{"name":"b","rate":1000000,"per_ns":1000}"#, "requests[1] is refused: 1000000 permits", 422),
                (#"{"rate":5,"per_ms":60000}"#, "requests[1].name is missing", 400),
                (#"{"name":"b","per_ms":60000}"#, "requests[1].rate is missing", 400),
                (#"{"name":"b\u0007","rate":5,"per_ms":60000}"#, "requests[1].name", 400),
            ] {
                let reply = try await server.post("/v1/limits/take", #"{"requests":[\#(good),\#(bad)]}"#)
                #expect(reply.status == status)
                #expect(reply.detail.contains(part), "\(reply.detail)")
            }
            #expect(try await server.post("/v1/limits/take", #"{"requests":[]}"#).code == "invalid_request")
            #expect(try await server.post("/v1/limits/take", #"{"request":[]}"#).code == "unknown_field")
            #expect(try await server.send(.GET, "/v1/limits").text == #"{"limits":[]}"#)
        }
    }

    @Test("A token is for its prefixes, taking needs writing, and resetting needs an admin")
    func access() async throws {
        let tokens = [
            AccessToken(name: "reader", token: "r", scopes: [.read]),
            AccessToken(name: "worker", token: "w", scopes: [.write], prefixes: ["mail/"]),
            AccessToken(name: "operator", token: "o", scopes: [.admin]),
        ]
        try await withServer {
            $0.tokens = tokens
        } _: { server async throws in
            func ask(
                _ method: TestServer.Verb, _ path: String, _ token: String, _ body: String? = nil
            ) async throws -> TestServer.Reply {
                try await server.send(method, path, body, headers: ["Authorization": "Bearer \(token)"])
            }
            let body = #"{"rate":5,"per_ms":3600000}"#
            #expect(try await ask(.POST, "/v1/limits/mail%2Fa/take", "r", body).status == 403)
            #expect(try await ask(.POST, "/v1/limits/up/take", "w", body).status == 403)
            #expect(try await ask(.POST, "/v1/limits/mail%2Fa/take", "w", body).status == 200)
            let batch = #"""
                {"requests":[{"name":"mail/a","rate":5,"per_ms":3600000},{"name":"up","rate":5,"per_ms":3600000}]}
                """#
            #expect(try await ask(.POST, "/v1/limits/take", "w", batch).status == 403)
            #expect(try await ask(.GET, "/v1/limits/mail%2Fa", "r").integer("remaining") == 3, "one was taken")
            #expect(try await ask(.POST, "/v1/limits/take", "o", batch).status == 200)
            #expect(try await ask(.GET, "/v1/limits/up", "w").status == 403)
            let visible = try await ask(.GET, "/v1/limits", "w").json["limits"] as? [[String: Any]]
            #expect(visible?.compactMap { $0["name"] as? String } == ["mail/a"])
            #expect(try await ask(.DELETE, "/v1/limits/mail%2Fa", "w").status == 403)
            #expect(try await ask(.DELETE, "/v1/limits/mail%2Fa", "o").status == 200)
        }
    }

    @Test(
        "A daemon without a store of limits offers none, one whose store cannot list them says so, and so does a failure"
    )
    func notOffered() async throws {
        try await withServer(rateLimits: nil) { server in
            let body = #"{"rate":5,"per_ms":1000}"#
            for reply in [
                try await server.post("\(Self.path)/take", body), try await server.send(.GET, Self.path),
                try await server.send(.GET, "/v1/limits"), try await server.send(.DELETE, Self.path),
            ] {
                #expect(reply.status == 501)
                #expect(reply.code == "not_offered")
            }
        }
        try await withServer(rateLimits: LimitsAlone(failure: nil)) { server async throws in
            #expect(try await self.take(server, 1).status == 200)
            #expect(try await server.send(.GET, "/v1/limits").code == "unsupported")
            #expect(try await server.send(.GET, Self.path).code == "unsupported")
            #expect(try await server.send(.DELETE, Self.path).status == 200)
        }
        let failure = ResilienceError(.unavailable, "the store is on fire")
        try await withServer(rateLimits: LimitsAlone(failure: failure)) { server in
            let reply = try await self.take(server, 1)
            #expect(reply.status == 503)
            #expect(reply.code == "store_unavailable")
            #expect(reply.headers["retry-after"] == "1")
            #expect(reply.detail == "the store is on fire")
            let metrics = try await server.send(.GET, "/metrics").text
            #expect(metrics.contains("colony_limit_takes_total{result=\"failed\"} 1\n"))
        }
    }
}

/// Limits that cannot be listed, or do not answer at all.
private final class LimitsAlone: RateLimitEngine {
    private let base = MemoryRateLimitEngine()
    private let failure: ResilienceError?

    init(failure: ResilienceError?) {
        self.failure = failure
    }

    var guarantee: Guarantee { self.base.guarantee }

    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        if let failure { throw failure }
        return try await self.base.take(requests)
    }

    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool {
        if let failure { throw failure }
        return try await self.base.reset(name)
    }
}
