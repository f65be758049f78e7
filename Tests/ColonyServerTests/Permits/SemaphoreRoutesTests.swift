import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyServer
import Testing

@Suite("The routes of semaphores")
struct SemaphoreRoutesTests {
    private static let path = "/v1/semaphores/up%2Floads"

    private func acquire(
        _ server: TestServer, _ owner: String, _ more: String = "", limit: Int = 2
    ) async throws -> TestServer.Reply {
        try await server.post(
            "\(Self.path)/acquire", #"{"owner":"\#(owner)","limit":\#(limit),"ttl_ms":60000\#(more)}"#)
    }

    private func semaphore(_ server: TestServer) async throws -> TestServer.Reply {
        try await server.send(.GET, Self.path)
    }

    private func waiters(_ server: TestServer) async throws -> [String] {
        let waiters = try await self.semaphore(server).json["waiters"] as? [[String: Any]]
        return (waiters ?? []).compactMap { $0["owner"] as? String }
    }

    @Test("Permits are acquired up to the limit, renewed, looked at, listed, and released")
    func life() async throws {
        try await withServer { server in
            let first = try await self.acquire(server, "a")
            #expect(first.status == 200)
            #expect(first.json["name"] as? String == "up/loads")
            #expect(first.integer("permits") == 1)
            #expect(first.integer("waited_ms") == 0)
            let token = try #require(first.integer("token"))
            #expect(try await self.acquire(server, "a").integer("token") == token, "repeating it keeps the grant")
            #expect(try #require(try await self.acquire(server, "b").integer("token")) > token)
            let refused = try await self.acquire(server, "c")
            #expect(refused.status == 409)
            #expect(refused.code == "permits_held")
            #expect(refused.integer("available") == 0)
            #expect(refused.json["holder"] as? String == "a")
            #expect(refused.detail.contains("0 of 2 permits of \"up/loads\" are free"))

            let renewal = #"{"owner":"a","token":\#(token),"ttl_ms":90000}"#
            #expect(try await server.post("\(Self.path)/renew", renewal).integer("ttl_ms") == 90_000)
            let semaphore = try await self.semaphore(server)
            #expect(semaphore.integer("limit") == 2)
            #expect(semaphore.integer("held") == 2)
            let holders = try #require(semaphore.json["holders"] as? [[String: Any]])
            #expect(holders.map { $0["owner"] as? String } == ["a", "b"])
            let list = try await server.send(.GET, "/v1/semaphores?prefix=up/")
            let listed = try #require(list.json["semaphores"] as? [[String: Any]])
            #expect(listed.map { $0["name"] as? String } == ["up/loads"])

            let release = #"{"owner":"a","token":\#(token)}"#
            #expect(try await server.post("\(Self.path)/release", release).text == #"{"released":true}"#)
            #expect(try await server.post("\(Self.path)/release", release).code == "lost")
            #expect(try await server.post("\(Self.path)/renew", renewal).code == "lost")
            #expect(try await self.acquire(server, "c").status == 200)
        }
    }

    @Test("Who waits has a place, is granted in turn, and is told how long the wait was")
    func turns() async throws {
        try await withServer { server in
            let held = try await self.acquire(server, "a", limit: 1)
            async let second = self.acquire(server, "b", #","wait_ms":30000"#, limit: 1)
            try await eventually("b waits") { try await self.waiters(server) == ["b"] }
            async let third = self.acquire(server, "c", #","wait_ms":30000"#, limit: 1)
            try await eventually("c waits") { try await self.waiters(server) == ["b", "c"] }
            #expect(try await server.send(.GET, "/metrics").text.contains("\ncolony_semaphore_waiters 2\n"))
            _ = try await server.post(
                "\(Self.path)/release", #"{"owner":"a","token":\#(try #require(held.integer("token")))}"#)
            let grant = try await second
            #expect(grant.status == 200)
            #expect(grant.integer("waited_ms") != nil)
            #expect(try await self.waiters(server) == ["c"])
            _ = try await server.post("\(Self.path)/release", #"{"owner":"b"}"#)
            #expect(try await third.status == 200)
        }
    }

    @Test("A wait that is over says what stands in the way, and leaves no place that nobody can take")
    func timeOut() async throws {
        try await withServer { server in
            _ = try await self.acquire(server, "a", limit: 1)
            let reply = try await server.post(
                "\(Self.path)/acquire", #"{"limit":1,"ttl_ms":60000,"wait_ms":50}"#)
            #expect(reply.code == "permits_held")
            #expect(try await self.waiters(server).isEmpty, "an owner that the server made has gone")
        }
    }

    @Test("A client that goes away gets nothing, and its place is over soon")
    func clientGoes() async throws {
        try await withServer { server in
            let held = try await self.acquire(server, "a", limit: 1)
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                RawConnection.post(
                    "\(Self.path)/acquire", #"{"limit":1,"ttl_ms":60000,"wait_ms":60000}"#))
            try await eventually("it waits") { try await self.waiters(server).count == 1 }
            try await connection.close()
            try await eventually("its place is free") { try await self.waiters(server).isEmpty }
            _ = try await server.post(
                "\(Self.path)/release", #"{"owner":"a","token":\#(try #require(held.integer("token")))}"#)
            #expect(try await self.semaphore(server).integer("held") == 0)
        }
    }

    @Test("An operator evicts a holder by its token, and takes a waiter's place away")
    func evicting() async throws {
        try await withServer { server in
            let held = try await self.acquire(server, "a", limit: 1)
            let token = try #require(held.integer("token"))
            _ = try await self.acquire(server, "b", #","claim_ms":60000"#, limit: 1)
            #expect(try await self.waiters(server) == ["b"])
            let wrong = try await server.send(.DELETE, "\(Self.path)/holders/a?token=\(token + 1)")
            #expect(wrong.status == 404)
            #expect(wrong.detail.contains("\"a\" has no permits of \"up/loads\" under token"))
            let evicted = try await server.send(.DELETE, "\(Self.path)/holders/a?token=\(token)")
            #expect(evicted.text == #"{"evicted":true}"#)
            #expect(try await server.send(.DELETE, "\(Self.path)/holders/b").status == 200)
            #expect(try await server.send(.DELETE, "\(Self.path)/holders/b").code == "not_found")
            #expect(try await server.send(.GET, "/metrics").text.contains("\ncolony_semaphore_evictions_total 2\n"))
        }
    }

    @Test(
        "What is wrong in a request is quoted",
        arguments: [
            (#"{"ttl_ms":1000}"#, "limit is missing"), (#"{"limit":2}"#, "ttl_ms is missing"),
            (#"{"limit":2,"permits":3,"ttl_ms":1000}"#, "3 is not from 1 to the limit of 2"),
            (#"{"limit":0,"ttl_ms":1000}"#, "limit is refused: 0 is not from 1 to 1000000"),
            (#"{"limit":1,"ttl_ms":9}"#, "9 is not from 10 to"),
            (#"{"limit":1,"ttl_ms":1000,"claim_ms":5}"#, "claim_ms is refused: 5 is neither 0 nor from 10"),
            (#"{"limit":1,"ttl_ms":1000,"wait_ms":60001}"#, "wait_ms is refused: 60001"),
        ])
    func badRequests(body: String, words: String) async throws {
        try await withServer { server in
            let reply = try await server.post("\(Self.path)/acquire", body)
            #expect(reply.status == 400)
            #expect(reply.code == "invalid_request")
            #expect(reply.detail.contains(words), "\(reply.detail)")
        }
    }

    @Test("A token is for its prefixes, waits need writing, and evicting needs an admin")
    func access() async throws {
        let tokens = [
            AccessToken(name: "reader", token: "r", scopes: [.read]),
            AccessToken(name: "worker", token: "w", scopes: [.write], prefixes: ["mail/"]),
        ]
        try await withServer {
            $0.tokens = tokens
        } _: { server async throws in
            func status(_ method: TestServer.Verb, _ path: String, _ token: String, _ body: String? = nil) async throws
                -> Int
            {
                try await server.send(method, path, body, headers: ["Authorization": "Bearer \(token)"]).status
            }
            let body = #"{"owner":"o","limit":1,"ttl_ms":60000}"#
            #expect(try await status(.POST, "/v1/semaphores/mail%2Fa/acquire", "r", body) == 403)
            #expect(try await status(.POST, "/v1/semaphores/up/acquire", "w", body) == 403)
            #expect(try await status(.POST, "/v1/semaphores/mail%2Fa/acquire", "w", body) == 200)
            #expect(try await status(.DELETE, "/v1/semaphores/mail%2Fa/holders/o", "w") == 403)
            #expect(try await status(.GET, "/v1/semaphores/mail%2Fa", "r") == 200)
            #expect(try await status(.GET, "/v1/semaphores/up", "w") == 403)
            #expect(try await status(.GET, "/v1/semaphores", "w") == 200)
        }
    }

    @Test("A store that keeps leases alone offers neither semaphores nor a registry, and says so")
    func notOffered() async throws {
        try await withServer(engine: LeasesAlone()) { server in
            for path in ["/v1/semaphores", "/v1/semaphores/a", "/v1/registry", "/v1/registry/a"] {
                let reply = try await server.send(.GET, path)
                #expect(reply.status == 501)
                #expect(reply.code == "not_offered", "\(path)")
            }
        }
    }

    @Test("Events tell of semaphores and of the registry")
    func events() async throws {
        try await withServer { server in
            let stream = try await RawConnection.open(port: server.port)
            try await stream.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            func count(_ subject: String) -> Int { stream.text.ranges(of: "event: \(subject)\n").count }
            try await eventually("it is open") { count("semaphores") == 1 && count("registry") == 1 }
            _ = try await self.acquire(server, "a")
            try await eventually("a grant is told") { count("semaphores") == 2 }
            _ = try await server.send(.PUT, "/v1/registry/g/records/k", #"{"value":"v"}"#)
            try await eventually("a write is told") { count("registry") == 2 }
            #expect(count("semaphores") == 2, "what has not changed is not told")
        }
    }
}
