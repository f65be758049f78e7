import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyRemote
import ColonyResilience
import ColonyServer
import Testing

@Suite("The routes of switches")
struct SwitchRoutesTests {
    private static let rule = #"{"rate":10,"per_ms":3600000}"#

    private static func move(
        _ server: TestServer, _ id: String, _ position: String
    ) async throws -> TestServer.Reply {
        try await server.send(.PUT, "/v1/switches/\(id)", #"{"position":"\#(position)"}"#)
    }

    @Test("A switch is moved with a reason, listed with how it stands in each process, and made automatic again")
    func life() async throws {
        let engine = MemoryLeaseEngine()
        try await withServer(engine: engine) { server async throws in
            #expect(try await server.send(.GET, "/v1/switches").text == #"{"switches":[]}"#)
            let breaker = try CircuitBreaker(name: "payments/eu")
            try await breaker.execute {}
            let board = try Switchboard(on: engine, node: "orders-1", interval: .milliseconds(100))
            try board.add(breaker)
            let running = Task { try await board.run() }
            let id = "breaker/payments%2Feu"
            let moved = try await server.send(
                .PUT, "/v1/switches/\(id)", #"{"position":"refusing","reason":"the \"bank\" is down"}"#)
            #expect(moved.status == 200)
            let expected =
                #""id":"breaker/payments/eu","kind":"breaker","name":"payments/eu","position":"refusing","#
                + #""reason":"the \"bank\" is down""#
            #expect(moved.text == "{\(expected)}")
            try await eventually("the process follows and reports it") {
                let reports =
                    #"[{"node":"orders-1","state":"forced open","position":"refusing","#
                    + #""successes":1,"failures":0,"refusals":0}]"#
                return try await server.send(.GET, "/v1/switches").text
                    == #"{"switches":[{\#(expected),"reports":\#(reports)}]}"#
            }
            #expect(breaker.state == .forcedOpen)
            #expect(try await Self.move(server, id, "automatic").json["reason"] == nil)
            try await eventually("it is closed again") { breaker.state == .closed }
            running.cancel()
            _ = try? await running.value
            #expect(try await server.send(.GET, "/v1/switches").text == #"{"switches":[]}"#)
            let metrics = try await server.send(.GET, "/metrics").text
            #expect(metrics.contains("colony_switch_moves_total{position=\"refusing\"} 1\n"))
            #expect(metrics.contains("colony_switch_moves_total{position=\"automatic\"} 1\n"))
        }
    }

    @Test("A board on the daemon itself shows its breakers and obeys")
    func remote() async throws {
        try await withServer { server async throws in
            let engine = try RemoteLeaseEngine(url: EngineURL(server.url))
            let breaker = try CircuitBreaker(name: "search")
            let board = try Switchboard(on: engine, node: "web-1", interval: .milliseconds(100))
            try board.add(breaker)
            let running = Task { try await board.run() }
            #expect(try await Self.move(server, "breaker/search", "passing").status == 200)
            try await eventually("the breaker is off") { breaker.state == .disabled }
            try await eventually("the daemon shows it") {
                try await server.send(.GET, "/v1/switches").text.contains(#""node":"web-1","state":"disabled""#)
            }
            running.cancel()
            _ = try? await running.value
        }
    }

    @Test("A limit whose switch is moved refuses or passes at once, counts nothing, and goes on where it was")
    func limit() async throws {
        try await withServer { server async throws in
            let path = "/v1/limits/mail%2Fa"
            func take() async throws -> TestServer.Reply { try await server.post("\(path)/take", Self.rule) }
            #expect(try await take().integer("remaining") == 9)
            #expect(try await server.send(.GET, path).json["position"] as? String == "automatic")

            #expect(try await Self.move(server, "limit/mail%2Fa", "refusing").status == 200)
            try await eventually("it refuses") { try await take().json["allowed"] as? Bool == false }
            let refused = try await take()
            #expect(refused.status == 200)
            #expect(
                refused.text == #"{"allowed":false,"remaining":0,"retry_after_ms":1000,"reset_after_ms":1000}"#)
            #expect(refused.headers["retry-after"] == "1")
            let shown = try await server.send(.GET, path)
            #expect(shown.json["position"] as? String == "refusing")
            #expect(shown.json["allowed"] as? Bool == false)

            #expect(try await Self.move(server, "limit/mail%2Fa", "passing").status == 200)
            try await eventually("it lets pass") { try await take().json["allowed"] as? Bool == true }
            for _ in 0..<20 {
                #expect(
                    try await take().text
                        == #"{"allowed":true,"remaining":10,"retry_after_ms":0,"reset_after_ms":0}"#)
            }
            // Another limit of the same request is still counted, and answers stay in their order.
            let batch = try await server.post(
                "/v1/limits/take",
                #"""
                {"requests":[{"name":"b","permits":10,"rate":10,"per_ms":3600000},
                {"name":"mail/a","permits":10,"rate":10,"per_ms":3600000},
                {"name":"b","rate":10,"per_ms":3600000}]}
                """#)
            let decisions = try #require(batch.json["decisions"] as? [[String: Any]])
            #expect(decisions.map { $0["allowed"] as? Bool } == [true, true, false])
            #expect(try await server.send(.GET, "/metrics").text.contains("\ncolony_limit_switches 1\n"))

            #expect(try await Self.move(server, "limit/mail%2Fa", "automatic").status == 200)
            try await eventually("it counts again") {
                try await server.send(.GET, path).json["position"] as? String == "automatic"
            }
            let counted = try #require(try await take().integer("remaining"))
            #expect((5...8).contains(counted), "what was taken before is still owed, and nothing of the rest")
            let metrics = try await server.send(.GET, "/metrics").text
            #expect(metrics.contains("\ncolony_limit_switches 0\n"))
            func decided(_ position: String) throws -> Int {
                let series = "colony_limit_switched_total{position=\"\(position)\"} "
                let line = try #require(metrics.split(separator: "\n").first { $0.hasPrefix(series) })
                return try #require(Int(line.dropFirst(series.count)))
            }
            #expect(try decided("passing") > 0 && decided("refusing") > 0)
        }
    }

    @Test("What is left of a limit is to be seen while it is switched, and one permit would take nothing of it")
    func leftOfSwitchedLimit() async throws {
        try await withServer { server async throws in
            let engine: RemoteRateLimitEngine = try .colony(server.url)
            let body = #"{"permits":3,"rate":10,"per_ms":3600000}"#
            #expect(try await server.post("/v1/limits/up/take", body).integer("remaining") == 7)
            #expect(try await server.send(.GET, "/v1/limits/up").integer("remaining") == 6, "with one more taken")
            for position in ["refusing", "passing"] {
                #expect(try await Self.move(server, "limit/up", position).status == 200)
                try await eventually("the switch is known") {
                    try await server.send(.GET, "/v1/limits/up").json["position"] as? String == position
                }
                let shown = try await server.send(.GET, "/v1/limits/up")
                #expect(shown.integer("remaining") == 7)
                #expect((1_000_000...1_080_000).contains(try #require(shown.integer("reset_after_ms"))))
                #expect(shown.json["allowed"] as? Bool == (position == "passing"))
                // As `colony limit list` reckons what is left.
                let record = try #require(try await engine.limits(withPrefix: "up", after: nil, limit: 1).first)
                #expect(record.decision.remaining + (record.decision.isAllowed ? 1 : 0) == 7, "\(position)")
            }
            #expect(try await Self.move(server, "limit/up", "automatic").status == 200)
            try await eventually("it counts") {
                try await server.send(.GET, "/v1/limits/up").json["position"] as? String == "automatic"
            }
            let rest = #"{"permits":7,"rate":10,"per_ms":3600000}"#
            #expect(try await server.post("/v1/limits/up/take", rest).json["allowed"] as? Bool == true)
            #expect(try await Self.move(server, "limit/up", "passing").status == 200)
            try await eventually("it lets pass") {
                try await server.send(.GET, "/v1/limits/up").json["position"] as? String == "passing"
            }
            let empty = try #require(try await engine.limits(withPrefix: "up", after: nil, limit: 1).first)
            #expect(!empty.decision.isAllowed && empty.decision.remaining == 0)
            await engine.close()
        }
    }

    @Test("A full limit that is switched is not found, and the answer tells of the switch")
    func fullLimit() async throws {
        try await withServer { server async throws in
            #expect(try await Self.move(server, "limit/idle", "refusing").status == 200)
            try await eventually("the switch is known") {
                try await server.send(.GET, "/v1/limits/idle").detail.hasSuffix("; its switch is refusing")
            }
            #expect(try await server.send(.GET, "/v1/limits/idle").code == "not_found")
        }
    }

    @Test(
        "What cannot be is refused with the value",
        arguments: [
            ("breaker/a", #"{}"#, "invalid_request", "position is missing"),
            ("breaker/a", #"{"position":"open"}"#, "invalid_request", "\"open\" is not one of automatic, refusing"),
            ("breaker/a", #"{"position":7}"#, "invalid_request", "7"),
            ("breaker/a", #"{"position":"passing","why":"x"}"#, "unknown_field", "why"),
            (
                "breaker/a", #"{"position":"passing","reason":"\#(String(repeating: "é", count: 501))"}"#,
                "invalid_request", "1002 bytes"
            ),
            (
                "fuse/a", #"{"position":"passing"}"#, "invalid_name",
                "\"fuse\" is no kind of switch: breaker and limit are"
            ),
            ("breaker/a%07", #"{"position":"passing"}"#, "invalid_name", "a\\u"),
            (
                "limit/\(String(repeating: "n", count: 201))", #"{"position":"passing"}"#, "invalid_name",
                "201 bytes, and 200 are the most"
            ),
        ])
    func refused(id: String, body: String, code: String, part: String) async throws {
        try await withServer { server async throws in
            let reply = try await server.send(.PUT, "/v1/switches/\(id)", body)
            #expect(reply.status == 400)
            #expect(reply.code == code)
            #expect(reply.detail.contains(part), "\(reply.detail)")
            #expect(reply.headers["content-type"] == "application/problem+json")
            #expect(try await server.send(.GET, "/v1/switches").text == #"{"switches":[]}"#)
        }
    }

    @Test("Paths beside them are nothing, and other methods are not allowed")
    func paths() async throws {
        try await withServer { server async throws in
            for path in ["/v1/switches/breaker", "/v1/switches/breaker/", "/v1/switches/breaker/a/b"] {
                #expect(try await server.send(.PUT, path, #"{"position":"passing"}"#).code == "not_found", "\(path)")
            }
            #expect(try await server.send(.DELETE, "/v1/switches/breaker/a").code == "method_not_allowed")
            #expect(try await server.send(.GET, "/v1/switches?x=1").code == "unknown_field")
        }
    }

    @Test("A token is for its prefixes, and moving needs an admin, also by way of the record")
    func access() async throws {
        let tokens = [
            AccessToken(name: "worker", token: "w", scopes: [.write]),
            AccessToken(name: "mailer", token: "m", scopes: [.admin], prefixes: ["mail/"]),
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
            let body = #"{"position":"refusing"}"#
            #expect(try await ask(.PUT, "/v1/switches/limit/mail%2Fa", "w", body).status == 403)
            #expect(try await ask(.PUT, "/v1/switches/limit/up", "m", body).status == 403)
            #expect(try await ask(.PUT, "/v1/switches/limit/mail%2Fa", "m", body).status == 200)
            #expect(try await ask(.PUT, "/v1/switches/limit/up", "o", body).status == 200)
            let record = "/v1/registry/switchboard%2Fpositions/records/limit%2Fup"
            #expect(try await ask(.DELETE, record, "w").status == 403)
            #expect(try await ask(.PUT, record, "w", #"{"value":"{}"}"#).status == 403)
            let visible = try await ask(.GET, "/v1/switches", "m").json["switches"] as? [[String: Any]]
            #expect(visible?.compactMap { $0["id"] as? String } == ["limit/mail/a"])
            let all = try await ask(.GET, "/v1/switches", "w").json["switches"] as? [[String: Any]]
            #expect(all?.count == 2)
            #expect(try await ask(.DELETE, record, "o").status == 200)
        }
    }

    @Test("A store that keeps no records offers no switches, and its limits are counted all the same")
    func notOffered() async throws {
        try await withServer(engine: LeasesAlone()) { server async throws in
            for reply in [
                try await server.send(.GET, "/v1/switches"), try await Self.move(server, "limit/a", "refusing"),
            ] {
                #expect(reply.status == 501)
                #expect(reply.code == "not_offered")
                #expect(reply.detail.contains("keeps no records"))
            }
            #expect(try await server.post("/v1/limits/a/take", Self.rule).json["allowed"] as? Bool == true)
        }
    }

    @Test("Events tell when a switch is moved, by whomever")
    func events() async throws {
        let engine = MemoryLeaseEngine()
        try await withServer(engine: engine) { server async throws in
            let stream = try await RawConnection.open(port: server.port)
            try await stream.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            func count() -> Int { stream.text.ranges(of: "event: switches\n").count }
            try await eventually("it is open") { count() >= 1 }
            let before = count()
            try await SwitchOperator(on: engine).set(SwitchID(.breaker, "a"), to: .refusing)
            try await eventually("it is told") { count() > before }
        }
    }
}
