import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonyServer
import Testing

/// Every route of schedules, and that the daemon publishes their messages.
@Suite("The routes of schedules", .timeLimit(.minutes(1)))
struct ScheduleRoutesTests {
    @Test func `a schedule is put, found unchanged, replaced, shown, and removed`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let body = #"""
                {"cron":"30 2 * * MON-FRI","zone":"Europe/Berlin","queue":"q",
                 "message":{"body":"go","key":"k","priority":7,"headers":{"a":"b"}},"missed":"all","missed_limit":3}
                """#
            let put = try await server.send(.PUT, "/v1/schedules/nightly", body)
            #expect(put.status == 200, "\(put.text)")
            #expect(put.json["changed"] as? Bool == true)
            #expect(try await server.send(.PUT, "/v1/schedules/nightly", body).json["changed"] as? Bool == false)
            let shown = try await server.send(.GET, "/v1/schedules/nightly")
            #expect(shown.json["cron"] as? String == "30 2 * * MON-FRI")
            #expect(shown.json["zone"] as? String == "Europe/Berlin")
            #expect(shown.json["missed"] as? String == "all")
            #expect(shown.integer("missed_limit") == 3)
            #expect((shown.json["message"] as? [String: Any])?["body"] as? String == "go")
            #expect((shown.json["next"] as? String).flatMap { WallTime(rfc3339: $0) } != nil)
            let paused = try await server.send(
                .PUT, "/v1/schedules/nightly",
                #"{"cron":"@daily","queue":"q","message":{"body":"go"},"is_paused":true}"#)
            #expect(paused.json["changed"] as? Bool == true)
            let page = try await server.send(.GET, "/v1/schedules?limit=10")
            let record = try #require((page.json["schedules"] as? [[String: Any]])?.first)
            #expect(record["is_paused"] as? Bool == true)
            #expect(record["next"] == nil)
            #expect(try await server.send(.DELETE, "/v1/schedules/nightly").status == 200)
            #expect(try await server.send(.DELETE, "/v1/schedules/nightly").status == 404)
            #expect(try await server.send(.GET, "/v1/schedules/nightly").code == "not_found")
        }
    }

    @Test func `the daemon publishes at every tick`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            _ = try await server.send(
                .PUT, "/v1/schedules/often", #"{"cron":"* * * * * *","queue":"q","message":{"body":"tick"}}"#)
            let received = try await server.post("/v1/queues/q/receive", #"{"wait_ms":10000}"#).messages
            let headers = try #require(received.first?["headers"] as? [String: String])
            #expect(received.first?["body"] as? String == "tick")
            #expect(headers["schedule-name"] == "often")
            #expect(headers["schedule-tick"].flatMap { WallTime(rfc3339: $0) } != nil)
            #expect(try await server.send(.GET, "/v1/schedules/often").integer("taken") ?? 0 >= 1)
        }
    }

    @Test(arguments: [
        (#"{"queue":"q","message":{"body":"a"}}"#, 400, "cron is missing"),
        (#"{"cron":"61 * * * *","queue":"q","message":{"body":"a"}}"#, 400, "minute"),
        (#"{"cron":"0 0 30 2 *","queue":"q","message":{"body":"a"}}"#, 400, "never fire"),
        (#"{"cron":"@daily","zone":"Mars/Olympus","queue":"q","message":{"body":"a"}}"#, 400, "Mars"),
        (#"{"cron":"@daily","queue":"nobody","message":{"body":"a"}}"#, 404, "nobody"),
        (#"{"cron":"@daily","queue":"q"}"#, 400, "message is missing"),
        (#"{"cron":"@daily","queue":"q","message":{}}"#, 400, "message.body is missing"),
        (#"{"cron":"@daily","queue":"q","message":{"body":"a","delay_ms":1}}"#, 400, "delay_ms"),
        (
            #"{"cron":"@daily","queue":"q","message":{"body":"a"},"missed":"once","missed_limit":3}"#, 400,
            "missed_limit"
        ),
        (#"{"cron":"@daily","queue":"q","message":{"body":"a"},"missed":"al"}"#, 400, "did you mean all?"),
    ])
    func `a schedule that cannot be is refused with the reason`(body: String, status: Int, reason: String) async throws
    {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let reply = try await server.send(.PUT, "/v1/schedules/s", body)
            #expect(reply.status == status)
            #expect(reply.detail.contains(reason), "\(reply.detail)")
            #expect(try await server.send(.GET, "/v1/schedules/s").status == 404)
        }
    }

    @Test func `a token schedules only into queues that it is for`() async throws {
        try await withServer {
            $0.tokens = [
                AccessToken(name: "admin", token: "admin", scopes: [.admin]),
                AccessToken(name: "worker", token: "work", scopes: [.write], prefixes: ["orders"]),
            ]
        } _: { server in
            for name in ["orders", "mail"] {
                _ = try await server.send(.PUT, "/v1/queues/\(name)", nil, headers: ["Authorization": "Bearer admin"])
            }
            for (name, queue, status) in [
                ("orders", "orders", 200), ("orders", "mail", 403), ("mail", "orders", 403),
            ] {
                let reply = try await server.send(
                    .PUT, "/v1/schedules/\(name)", #"{"cron":"@daily","queue":"\#(queue)","message":{"body":"a"}}"#,
                    headers: ["Authorization": "Bearer work"])
                #expect(reply.status == status, "\(name) into \(queue)")
            }
        }
    }
}
