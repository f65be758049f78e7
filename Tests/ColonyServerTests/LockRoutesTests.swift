import ColonyCore
import ColonyMemory
import ColonyServer
import Testing

@Suite("The lock routes")
struct LockRoutesTests {
    @Test("A lock is acquired, renewed, inspected, listed, and released")
    func lifeOfALock() async throws {
        try await withServer { server in
            let granted = try await server.post("/v1/locks/orders%2F42/acquire", #"{"owner":"a","ttl_ms":30000}"#)
            #expect(granted.status == 200)
            #expect(granted.headers["content-type"] == "application/json")
            #expect(granted.json["name"] as? String == "orders/42")
            #expect(granted.json["owner"] as? String == "a")
            #expect(granted.integer("ttl_ms") == 30_000)
            let token = try #require(granted.integer("token"))

            let renewed = try await server.post(
                "/v1/locks/orders%2F42/renew", #"{"owner":"a","token":\#(token),"ttl_ms":60000}"#)
            #expect(renewed.status == 200)
            #expect(renewed.integer("ttl_ms") == 60_000)
            let again = try await server.post("/v1/locks/orders%2F42/renew", #"{"owner":"a","token":\#(token)}"#)
            #expect(again.integer("ttl_ms") == 60_000, "without ttl_ms the lease keeps its duration")

            let record = try await server.send(.GET, "/v1/locks/orders%2F42")
            #expect(record.status == 200)
            #expect(record.integer("renewals") == 2)
            #expect(record.integer("token") == token)

            let list = try await server.send(.GET, "/v1/locks?prefix=orders/")
            #expect((list.json["locks"] as? [[String: Any]])?.first?["name"] as? String == "orders/42")

            let released = try await server.post("/v1/locks/orders%2F42/release", #"{"owner":"a","token":\#(token)}"#)
            #expect(released.text == #"{"released":true}"#)
            let repeated = try await server.post("/v1/locks/orders%2F42/release", #"{"owner":"a"}"#)
            #expect(repeated.status == 409)
            #expect(repeated.code == "lost")
            #expect(try await server.send(.GET, "/v1/locks/orders%2F42").code == "not_found")
        }
    }

    @Test("Who asks for a held lock learns who holds it")
    func heldNamesTheHolder() async throws {
        try await withServer { server in
            let granted = try await server.post("/v1/locks/job/acquire", #"{"owner":"first","ttl_ms":30000}"#)
            let refused = try await server.post("/v1/locks/job/acquire", #"{"owner":"second","ttl_ms":30000}"#)
            #expect(refused.status == 409)
            #expect(refused.headers["content-type"] == "application/problem+json")
            #expect(refused.code == "held")
            #expect(refused.json["holder"] as? String == "first")
            #expect(refused.integer("token") == granted.integer("token"))
            let remaining = try #require(refused.integer("remaining_ms"))
            #expect((1...30_000).contains(remaining))
        }
    }

    @Test("Without an owner the server makes one that nobody else has")
    func ownerIsOptional() async throws {
        try await withServer { server in
            let first = try await server.post("/v1/locks/a/acquire", #"{"ttl_ms":30000}"#)
            let second = try await server.post("/v1/locks/b/acquire", #"{"ttl_ms":30000}"#)
            let owners = [first, second].compactMap { $0.json["owner"] as? String }
            #expect(Set(owners).count == 2)
        }
    }

    @Test("Waiting requests are served in the order in which they came")
    func waitersAreServedInTurn() async throws {
        try await withServer { server in
            let holder = try await server.post("/v1/locks/turn/acquire", #"{"owner":"holder","ttl_ms":30000}"#)
            #expect(holder.status == 200)
            try await withThrowingTaskGroup(of: (Int, TestServer.Reply).self) { group in
                for number in 1...3 {
                    group.addTask {
                        let reply = try await server.post(
                            "/v1/locks/turn/acquire", #"{"owner":"w\#(number)","ttl_ms":30000,"wait_ms":20000}"#)
                        return (number, reply)
                    }
                    try await eventually("waiter \(number) is shown") {
                        let record = try await server.send(.GET, "/v1/locks/turn")
                        return (record.json["waiters"] as? [[String: Any]])?.count == number
                    }
                }
                let shown = try await server.send(.GET, "/v1/locks/turn")
                let owners = (shown.json["waiters"] as? [[String: Any]])?.compactMap { $0["owner"] as? String }
                #expect(owners == ["w1", "w2", "w3"])
                _ = try await server.post("/v1/locks/turn/release", #"{"owner":"holder"}"#)
                for expected in 1...3 {
                    let (number, reply) = try #require(try await group.next())
                    #expect(number == expected)
                    #expect(reply.status == 200)
                    _ = try await server.post("/v1/locks/turn/release", #"{"owner":"w\#(number)"}"#)
                }
            }
        }
    }

    @Test("A wait that runs out answers 409 with the holder")
    func waitRunsOut() async throws {
        try await withServer { server in
            _ = try await server.post("/v1/locks/w/acquire", #"{"owner":"holder","ttl_ms":30000}"#)
            let reply = try await server.post("/v1/locks/w/acquire", #"{"owner":"o","ttl_ms":1000,"wait_ms":30}"#)
            #expect(reply.code == "held")
            let record = try await server.send(.GET, "/v1/locks/w")
            #expect((record.json["waiters"] as? [Any])?.isEmpty == true)
        }
    }

    @Test("Many leases are renewed in one request, each with its own answer")
    func renewMany() async throws {
        try await withServer { server in
            let a = try await server.post("/v1/locks/a/acquire", #"{"owner":"o","ttl_ms":30000}"#)
            let token = try #require(a.integer("token"))
            let reply = try await server.post(
                "/v1/locks/renew",
                #"{"leases":[{"name":"a","owner":"o","token":\#(token),"ttl_ms":30000},"#
                    + #"{"name":"b","owner":"o","token":1,"ttl_ms":30000}]}"#)
            #expect(reply.text == #"{"renewed":[true,false]}"#)
            #expect(try await server.post("/v1/locks/renew", #"{"leases":[]}"#).text == #"{"renewed":[]}"#)
        }
    }

    @Test("An operator breaks a lock, and the holder then finds it lost")
    func breaking() async throws {
        try await withServer { server in
            let granted = try await server.post("/v1/locks/stuck/acquire", #"{"owner":"o","ttl_ms":30000}"#)
            let token = try #require(granted.integer("token"))
            let broken = try await server.send(.DELETE, "/v1/locks/stuck")
            #expect(broken.status == 200)
            #expect(broken.json["owner"] as? String == "o")
            #expect(try await server.send(.DELETE, "/v1/locks/stuck").status == 404)
            let renewed = try await server.post(
                "/v1/locks/stuck/renew", #"{"owner":"o","token":\#(token),"ttl_ms":1000}"#)
            #expect(renewed.code == "lost")
        }
    }

    @Test("A long poll ends when the grant is over, and at once if it was over before")
    func longPoll() async throws {
        try await withServer { server in
            let granted = try await server.post("/v1/locks/p/acquire", #"{"owner":"o","ttl_ms":30000}"#)
            let token = try #require(granted.integer("token"))
            let unchanged = try await server.send(.GET, "/v1/locks/p?wait_ms=20&token=\(token)")
            #expect(unchanged.text == #"{"changed":false}"#)
            async let change = server.send(.GET, "/v1/locks/p?wait_ms=20000&token=\(token)")
            _ = try await server.post("/v1/locks/p/release", #"{"owner":"o"}"#)
            #expect(try await change.text == #"{"changed":true}"#)
            let over = try await server.send(.GET, "/v1/locks/p?wait_ms=20000&token=\(token)")
            #expect(over.text == #"{"changed":true}"#)
            #expect(try await server.send(.GET, "/v1/locks/p?token=\(token)").text == #"{"changed":true}"#)
            #expect(try await server.send(.GET, "/v1/locks/p?wait_ms=20000").text == #"{"changed":true}"#)
            _ = try await server.post("/v1/locks/p/acquire", #"{"owner":"o","ttl_ms":30000}"#)
            #expect(try await server.send(.GET, "/v1/locks/p?wait_ms=20").text == #"{"changed":false}"#)
        }
    }

    @Test("A list is read page by page in the byte order of names")
    func pages() async throws {
        try await withServer { server in
            for name in ["b", "a", "ä", "c", "%20"] {
                _ = try await server.post(
                    "/v1/locks/\(name)/acquire".replacing("ä", with: "%C3%A4"), #"{"ttl_ms":30000}"#)
            }
            var seen: [String] = []
            var after = ""
            while true {
                let page = try await server.send(.GET, "/v1/locks?limit=2\(after)")
                seen += (page.json["locks"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
                guard let next = page.json["next"] as? String else { break }
                after = "&after=" + next.utf8.map { "%" + String($0, radix: 16) }.joined()
            }
            #expect(seen == [" ", "a", "b", "c", "ä"])
        }
    }

    @Test("Health and readiness are answered")
    func health() async throws {
        try await withServer { server in
            #expect(try await server.send(.GET, "/healthz").text == #"{"status":"ok"}"#)
            #expect(try await server.send(.GET, "/readyz").text == #"{"status":"ready"}"#)
            let about = try await server.send(.GET, "/v1/server")
            #expect(about.json["guarantee"] != nil)
        }
    }
}
