import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonyServer
import ColonySimulation
import Foundation
import Testing

/// Every route of queues, as clients in any language see it.
@Suite("The routes of queues", .timeLimit(.minutes(2)))
struct QueueRoutesTests {
    @Test func `a queue is made once, found again, and not made into another`() async throws {
        try await withServer { server in
            let settings = #"{"capacity":5,"overflow":"reject","lease_ms":1500,"backoff":{"initial_ms":10}}"#
            let made = try await server.send(.PUT, "/v1/queues/orders", settings)
            #expect(made.status == 201)
            let shown = try #require(made.json["settings"] as? [String: Any])
            #expect(shown["capacity"] as? Int == 5)
            #expect(shown["order"] as? String == "per_key")
            #expect((shown["backoff"] as? [String: Int]) == ["initial_ms": 10, "maximum_ms": 300_000])
            #expect(try await server.send(.PUT, "/v1/queues/orders", settings).status == 200)
            let other = try await server.send(.PUT, "/v1/queues/orders", #"{"capacity":6}"#)
            #expect(other.status == 409)
            #expect(other.code == "queue_conflict")
            #expect(other.detail.contains("capacity is 5, not 6"))
            #expect(try await server.send(.PUT, "/v1/queues/plain").status == 201, "no body means the defaults")
        }
    }

    @Test func `messages go in, come out with a receipt, and are gone when acknowledged`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let published = try await server.post(
                "/v1/queues/q/messages",
                #"""
                {"messages":[
                    {"body":"two\nlines \"é\"","key":"k","priority":7,"headers":{"a":"1","é":""},"dedup_id":"d"},
                    {"body_base64":"/wAB"},
                    {"body":"again","dedup_id":"d"}
                ]}
                """#)
            #expect(published.status == 200)
            let outcomes = try #require(published.list)
            #expect(outcomes.map { $0["durability"] as? String } == ["memory", "memory", "memory"])
            #expect(outcomes.map { $0["duplicate"] as? Bool } == [nil, nil, true])
            #expect(outcomes[2]["id"] as? Int == outcomes[0]["id"] as? Int)

            let received = try await server.post("/v1/queues/q/receive", #"{"max":10,"lease_ms":60000}"#)
            #expect(received.integer("lease_ms") == 60_000)
            let messages = received.messages
            #expect(messages.count == 2)
            #expect(messages[0]["body"] as? String == "two\nlines \"é\"")
            #expect(messages[0]["key"] as? String == "k")
            #expect(messages[0]["priority"] as? Int == 7)
            #expect(messages[0]["attempt"] as? Int == 1)
            #expect(messages[0]["headers"] as? [String: String] == ["a": "1", "é": ""])
            #expect((messages[0]["published_at"] as? String).flatMap { WallTime(rfc3339: $0) } != nil)
            #expect(messages[1]["body_base64"] as? String == "/wAB")
            #expect(messages[1]["key"] == nil)
            #expect(try await server.post("/v1/queues/q/receive", "{}").messages.isEmpty, "both are leased")

            let receipts = messages.compactMap { $0["receipt"] as? String }
            let settled = try await server.post("/v1/queues/q/settle", #"{"ack":["\#(receipts[0])","\#(receipts[1])"]}"#)
            #expect(settled.status == 200)
            #expect(settled.integer("settled") == 2)
            let queue = try await server.send(.GET, "/v1/queues/q")
            #expect(queue.numbers("statistics")["count"] == 0)
            #expect(queue.numbers("totals")["acknowledged"] == 2)
        }
    }

    @Test func `each way to settle does what it says`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            _ = try await server.post(
                "/v1/queues/q/messages",
                #"{"messages":[{"body":"0"},{"body":"1"},{"body":"2"},{"body":"3"},{"body":"4"}]}"#)
            let receipts = try await server.post("/v1/queues/q/receive", #"{"max":5,"lease_ms":60000}"#).messages
                .compactMap { $0["receipt"] as? String }
            let settled = try await server.post(
                "/v1/queues/q/settle",
                #"""
                {"ack":["\#(receipts[0])"],
                 "reject":[{"receipt":"\#(receipts[1])","delay_ms":0,"reason":"busy"},
                           {"receipt":"\#(receipts[2])","dead_letter":true,"reason":"broken"}],
                 "extend":[{"receipt":"\#(receipts[3])","lease_ms":80000}],
                 "hand_back":["\#(receipts[4])"]}
                """#)
            #expect(settled.integer("settled") == 5)
            let again = try await server.post("/v1/queues/q/receive", #"{"max":5}"#).messages
            #expect(again.map { $0["body"] as? String } == ["1", "4"])
            #expect(again.map { $0["attempt"] as? Int } == [2, 1], "what was handed back was not begun")
            let dead = try await server.send(.GET, "/v1/queues/q/dead")
            let letter = try #require((dead.json["dead_letters"] as? [[String: Any]])?.first)
            #expect(letter["body"] as? String == "2")
            #expect(letter["reason"] as? String == "broken")
            #expect(letter["origin"] as? String == "q")
            #expect(letter["attempts"] as? Int == 1)
            #expect((letter["history"] as? [[String: Any]])?.first?["reason"] as? String == "broken")
        }
    }

    @Test func `a rejection without a delay rests as long as the back-off of the queue says`() async throws {
        let clock = ManualClock()
        try await withServer(queues: MemoryQueueEngine(clock: clock, wallClock: ManualWallClock())) { server in
            _ = try await server.send(
                .PUT, "/v1/queues/q", #"{"backoff":{"initial_ms":5000,"maximum_ms":5000},"order":"priority"}"#)
            let bodies = (0..<40).map { #"{"body":"\#($0)"}"# }.joined(separator: ",")
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[\#(bodies)]}"#)
            let receipts = try await server.post("/v1/queues/q/receive", #"{"max":40,"lease_ms":60000}"#).messages
                .compactMap { $0["receipt"] as? String }
            let rejections = receipts.map { #"{"receipt":"\#($0)"}"# }.joined(separator: ",")
            _ = try await server.post("/v1/queues/q/settle", #"{"reject":[\#(rejections)]}"#)
            func ready() async throws -> Int {
                try await server.send(.GET, "/v1/queues/q").numbers("statistics")["ready"] ?? -1
            }
            #expect(try await ready() < 20, "with full jitter few of forty rest for no time at all")
            clock.advance(by: .seconds(5))
            #expect(try await ready() == 40)
        }
    }

    @Test func `stale and forged receipts are refused one by one, and a request of nothing else is a conflict`() async throws {
        try await withServer { server in
            for name in ["q", "other"] { _ = try await server.send(.PUT, "/v1/queues/\(name)") }
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"a"},{"body":"b"}]}"#)
            let receipts = try await server.post("/v1/queues/q/receive", #"{"max":2,"lease_ms":60000}"#).messages
                .compactMap { $0["receipt"] as? String }
            let forged = receipts[0].prefix { $0 != "-" } + "-1-0000000000000000"
            let elsewhere = try await server.post("/v1/queues/other/settle", #"{"ack":["\#(receipts[0])"]}"#)
            #expect(elsewhere.status == 409)
            #expect(elsewhere.code == "stale_receipt")
            let mixed = try await server.post("/v1/queues/q/settle", #"{"ack":["\#(receipts[0])","\#(forged)"]}"#)
            #expect(mixed.status == 200)
            #expect(mixed.integer("settled") == 1)
            let refused = try #require(mixed.json["refused"] as? [[String: String]])
            #expect(refused == [["receipt": String(forged), "code": "stale"]])
            let repeated = try await server.post("/v1/queues/q/settle", #"{"ack":["\#(receipts[0])"]}"#)
            #expect(repeated.code == "stale_receipt")
            #expect(try await server.post("/v1/queues/q/settle", "{}").integer("settled") == 0)
        }
    }

    @Test func `a full queue is told per message, and as a conflict if nothing was stored`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q", #"{"capacity":2,"overflow":"reject"}"#)
            let some = try await server.post(
                "/v1/queues/q/messages", #"{"messages":[{"body":"a"},{"body":"b"},{"body":"c"}]}"#)
            #expect(some.status == 200)
            #expect(some.list?.map { $0["code"] as? String } == [nil, nil, "full"])
            let none = try await server.post(
                "/v1/queues/q/messages", #"{"messages":[{"body":"d"}],"wait_ms":60000}"#)
            #expect(none.status == 409, "a queue that refuses does not make anybody wait")
            #expect(none.code == "queue_full")
            #expect(none.headers["retry-after"] == "1")
        }
    }

    @Test func `messages are looked at in pages, taken back, and purged`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let published = try await server.post(
                "/v1/queues/q/messages",
                #"{"messages":[{"body":"0"},{"body":"1","delay_ms":60000},{"body":"2","key":"k"},{"body":"3","key":"k"}]}"#)
            let ids = try #require(published.list).compactMap { $0["id"] as? Int }
            let first = try await server.send(.GET, "/v1/queues/q/messages?limit=3")
            #expect(first.messages.map { $0["standing"] as? String } == ["ready", "delayed", "ready"])
            let next = try #require(first.integer("next"))
            let second = try await server.send(.GET, "/v1/queues/q/messages?after=\(next)&limit=3")
            #expect(second.messages.map { $0["standing"] as? String } == ["waiting"])
            #expect(second.integer("next") == nil)

            #expect(try await server.send(.DELETE, "/v1/queues/q/messages/\(ids[0])").status == 200)
            let twice = try await server.send(.DELETE, "/v1/queues/q/messages/\(ids[0])")
            #expect(twice.status == 404)
            #expect(twice.code == "not_found")
            let many = try await server.post("/v1/queues/q/cancel", #"{"ids":[\#(ids[0]),\#(ids[1])]}"#)
            #expect(many.json["cancelled"] as? [Bool] == [false, true])
            #expect(try await server.send(.DELETE, "/v1/queues/q").code == "queue_not_empty")
            let purged = try await server.send(.DELETE, "/v1/queues/q/messages")
            #expect(purged.integer("removed") == 2)
            #expect(purged.json["more"] == nil)
            #expect(try await server.send(.DELETE, "/v1/queues/q").status == 200)
            #expect(try await server.send(.DELETE, "/v1/queues/q").code == "unknown_queue")
        }
    }

    @Test func `dead letters are redriven, some or all, here or elsewhere, and dropped`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            _ = try await server.send(.PUT, "/v1/queues/other")
            let ids = try await Self.kill(250, in: "q", server)
            let one = try await server.post("/v1/queues/q/dead/redrive", #"{"ids":[\#(ids[0])],"to":"other"}"#)
            #expect(one.integer("moved") == 1)
            #expect(try await server.post("/v1/queues/other/receive", "{}").messages.first?["attempt"] as? Int == 1)
            let dropped = try await server.post("/v1/queues/q/dead/drop", #"{"ids":[\#(ids[1]),\#(ids[0])]}"#)
            #expect(dropped.integer("removed") == 1)
            let unknown = try await server.post("/v1/queues/q/dead/redrive", #"{"all":true,"to":"nobody"}"#)
            #expect(unknown.code == "unknown_queue")
            let all = try await server.post("/v1/queues/q/dead/redrive", #"{"all":true}"#)
            #expect(all.integer("moved") == 248)
            #expect(all.json["more"] == nil)
            #expect(try await server.send(.GET, "/v1/queues/q").numbers("statistics")["ready"] == 248)
            _ = try await Self.kill(248, in: "q", server, publish: false)
            #expect(try await server.post("/v1/queues/q/dead/drop", #"{"all":true}"#).integer("removed") == 248)
        }
    }

    @Test func `all dead letters of a dead-letter queue go back to where they came from`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/graves")
            _ = try await server.send(.PUT, "/v1/queues/q", #"{"dead_letter_queue":"graves"}"#)
            _ = try await Self.kill(120, in: "q", server)
            #expect(try await server.send(.GET, "/v1/queues/graves").numbers("statistics")["ready"] == 120)
            let moved = try await server.post("/v1/queues/graves/dead/redrive", #"{"all":true}"#)
            #expect(moved.integer("moved") == 120)
            #expect(try await server.send(.GET, "/v1/queues/q").numbers("statistics")["ready"] == 120)
        }
    }

    @Test func `a redrive at a rate stops when its time is over, and says that there is more`() async throws {
        try await withServer {
            $0.limits.wait = .milliseconds(120)
        } _: { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            _ = try await Self.kill(50, in: "q", server)
            let some = try await server.post("/v1/queues/q/dead/redrive", #"{"all":true,"per_second":20}"#)
            #expect(some.json["more"] as? Bool == true)
            let moved = try #require(some.integer("moved"))
            #expect((1...20).contains(moved), "\(moved) were moved in a tenth of a second at 20 a second")
        }
    }

    @Test func `a paused queue delivers nothing until it is resumed`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            _ = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"a"}]}"#)
            #expect(try await server.send(.POST, "/v1/queues/q/pause").json["changed"] as? Bool == true)
            #expect(try await server.send(.POST, "/v1/queues/q/pause").json["changed"] as? Bool == false)
            #expect(try await server.post("/v1/queues/q/receive", "{}").messages.isEmpty)
            #expect(try await server.send(.GET, "/v1/queues/q").json["is_paused"] as? Bool == true)
            #expect(try await server.send(.POST, "/v1/queues/q/resume").json["is_paused"] as? Bool == false)
            #expect(try await server.post("/v1/queues/q/receive", "{}").messages.count == 1)
        }
    }

    @Test func `queues are listed in pages, and one tells how old its oldest message is`() async throws {
        let wall = ManualWallClock()
        try await withServer(queues: MemoryQueueEngine(clock: ManualClock(), wallClock: wall), wallClock: wall) { server in
            for name in ["a", "b", "c"] { _ = try await server.send(.PUT, "/v1/queues/\(name)") }
            _ = try await server.post("/v1/queues/b/messages", #"{"messages":[{"body":"x"}]}"#)
            let page = try await server.send(.GET, "/v1/queues?limit=2")
            #expect((page.json["queues"] as? [[String: Any]])?.map { $0["name"] as? String } == ["a", "b"])
            #expect(page.json["next"] as? String == "b")
            #expect(page.json["durability"] as? String == "memory")
            let rest = try await server.send(.GET, "/v1/queues?limit=2&after=b")
            #expect((rest.json["queues"] as? [[String: Any]])?.map { $0["name"] as? String } == ["c"])
            wall.step(by: .seconds(7))
            #expect(try await server.send(.GET, "/v1/queues/b").integer("oldest_age_ms") == 7_000)
            #expect(try await server.send(.GET, "/v1/queues/a").json["oldest_age_ms"] == nil)
        }
    }

    @Test func `a message for a time comes then, and one for the past at once`() async throws {
        let (clock, wall) = (ManualClock(), ManualWallClock())
        try await withServer(queues: MemoryQueueEngine(clock: clock, wallClock: wall)) { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let soon = wall.now.advanced(by: .seconds(10)).rfc3339
            _ = try await server.post(
                "/v1/queues/q/messages",
                #"{"messages":[{"body":"later","at":"\#(soon)"},{"body":"past","at":"1999-12-31T23:59:59+01:00"}]}"#)
            #expect(
                try await server.post("/v1/queues/q/receive", #"{"max":9}"#).messages.map { $0["body"] as? String }
                    == ["past"])
            wall.step(by: .seconds(10))
            clock.advance(by: .seconds(10))
            #expect(
                try await server.post("/v1/queues/q/receive", #"{"max":9}"#).messages.map { $0["body"] as? String }
                    == ["later"])
        }
    }

    @Test func `an answer holds no more than it should, and what has no room is not an attempt`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let body = String(repeating: "x", count: 1 << 20)
            for _ in 0..<10 {
                let reply = try await server.post("/v1/queues/q/messages", #"{"messages":[{"body":"\#(body)"}]}"#)
                #expect(reply.status == 200)
            }
            let first = try await server.post("/v1/queues/q/receive", #"{"max":10,"lease_ms":60000}"#).messages.count
            #expect(first == 8)
            let rest = try await server.post("/v1/queues/q/receive", #"{"max":10,"lease_ms":60000}"#).messages
            #expect(rest.map { $0["attempt"] as? Int } == [1, 1])
        }
    }

    /// Makes dead letters of many messages.
    private static func kill(
        _ count: Int, in queue: String, _ server: TestServer, publish: Bool = true
    ) async throws -> [Int] {
        if publish {
            let bodies = (0..<count).map { #"{"body":"\#($0)"}"# }.joined(separator: ",")
            _ = try await server.post("/v1/queues/\(queue)/messages", #"{"messages":[\#(bodies)]}"#)
        }
        let messages = try await server.post("/v1/queues/\(queue)/receive", #"{"max":\#(count),"lease_ms":60000}"#).messages
        #expect(messages.count == count)
        let rejections = messages.compactMap { $0["receipt"] as? String }
            .map { #"{"receipt":"\#($0)","dead_letter":true}"# }.joined(separator: ",")
        _ = try await server.post("/v1/queues/\(queue)/settle", #"{"reject":[\#(rejections)]}"#)
        return messages.compactMap { $0["id"] as? Int }
    }
}

extension TestServer.Reply {
    /// The body as a list of objects.
    var list: [[String: Any]]? {
        try? JSONSerialization.jsonObject(with: Data(self.bytes)) as? [[String: Any]]
    }

    var messages: [[String: Any]] { self.json["messages"] as? [[String: Any]] ?? [] }

    func numbers(_ key: String) -> [String: Int] { self.json[key] as? [String: Int] ?? [:] }
}
