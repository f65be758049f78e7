import ColonyMemory
import ColonyTransactions
import Foundation
import Testing

@testable import ColonyServer

/// Sagas that are begun over HTTP, with participants that are called over HTTP.
struct SagaRoutesTests {
    @Test func `a saga calls its steps in order and each with what tells it from others`() async throws {
        let participant = try await TestParticipant.start { .status(200, #"{"did": "\#($0.path)"}"#) }
        try await withServer { server in
            let reply = try await server.saga(
                "order-1", participant.step("stock"), participant.forward("pay"),
                participant.forward("mail", #","retryable":true"#), more: #","payload":{"b": 1,  "a":[2]}"#)
            #expect(reply.status == 200)
            #expect(reply.json["id"] as? String == "order-1")
            #expect(reply.json["state"] as? String == "completed")
            #expect(participant.paths == ["/stock", "/pay", "/mail"])
            let first = try #require(participant.all.first)
            // Byte by byte, with the spaces that nobody else would keep.
            #expect(participant.all.allSatisfy { $0.body == #"{"b": 1,  "a":[2]}"# })
            #expect(first.headers["idempotency-key"] == "order-1:stock:action")
            #expect(first.headers["colony-transaction"] == "order-1")
            #expect(first.headers["colony-step"] == "stock")
            #expect(first.headers["colony-direction"] == "action")
            #expect(first.headers["colony-attempt"] == "1")
            #expect(first.headers["content-type"] == "application/json")
            let left = try #require(first.headers["colony-deadline-ms"].flatMap(Int.init))
            #expect((1...30_000).contains(left))
            #expect(first.headers["webhook-signature"] == nil)
            let seen = try await server.send(.GET, "/v1/sagas/order-1")
            #expect(seen.text.contains(#""payload":{"b": 1,  "a":[2]}"#))
            #expect(seen.text.contains(#""name":"stock","kind":"compensable","after":[],"state":"done""#))
            #expect(seen.text.contains(#""name":"mail","kind":"retryable","after":["pay"],"state":"done""#))
            #expect(seen.text.contains(#""output":{"did": "/stock"}"#))
        }
    }

    @Test func `a refusal undoes what was done in reverse with a reason for people`() async throws {
        let participant = try await TestParticipant.start { call in
            call.path == "/c" ? .status(422, #"{"title":"No","detail":"too late today"}"#) : .status(200)
        }
        try await withServer { server in
            let reply = try await server.saga(
                "s", participant.step("a"), participant.step("b"), participant.forward("c"))
            #expect(reply.json["state"] as? String == "compensated")
            #expect(participant.paths == ["/a", "/b", "/c", "/unb", "/una"])
            let undone = try #require(participant.all.last)
            #expect(undone.headers["colony-direction"] == "compensation")
            #expect(undone.headers["idempotency-key"] == "s:a:compensation")
            let seen = try await server.send(.GET, "/v1/sagas/s")
            #expect(seen.text.contains(#""event":"refused","step":"c","reason":"too late today""#))
            #expect(seen.text.contains(#""name":"c","kind":"pivot","after":["b"],"state":"refused""#))
        }
    }

    @Test func `branches are worked on at the same time and what comes after waits for all`() async throws {
        let participant = try await TestParticipant.start()
        try await withServer { server in
            let branches =
                #"{"parallel":[[\#(participant.step("a")),\#(participant.step("b"))],[\#(participant.step("c"))]]}"#
            let reply = try await server.saga("s", branches, participant.forward("end"))
            #expect(reply.json["state"] as? String == "completed")
            #expect(Set(participant.paths.prefix(3)) == ["/a", "/b", "/c"])
            #expect(participant.paths.last == "/end")
            let seen = try await server.send(.GET, "/v1/sagas/s")
            #expect(seen.text.contains(#""name":"c","kind":"compensable","after":[]"#))
            #expect(seen.text.contains(#""name":"end","kind":"pivot","after":["b","c"]"#))
        }
    }

    @Test func `a step that wants them is told what earlier steps gave and its compensation what it gave`() async throws
    {
        let participant = try await TestParticipant.start { call in
            switch call.path {
            case "/a": .status(200, #"{"seat":7}"#)
            case "/b": .status(200, "thanks", type: "text/plain")
            case "/c": .status(200, "12")
            case "/d": .status(409, "no", type: "text/plain")
            default: .status(204)
            }
        }
        try await withServer { server in
            let outputs = #","outputs":true"#
            let reply = try await server.saga(
                "s", participant.step("a"), participant.step("b"), participant.step("c", outputs),
                participant.forward("d", outputs), more: #","payload":5"#)
            #expect(reply.json["state"] as? String == "compensated")
            let bodies = Dictionary(participant.all.map { ($0.path, $0.body) }) { first, _ in first }
            #expect(bodies["/a"] == "5")
            #expect(bodies["/c"] == #"{"payload":5,"outputs":{"a":{"seat":7},"b":null}}"#)
            #expect(bodies["/d"] == #"{"payload":5,"outputs":{"a":{"seat":7},"b":null,"c":12}}"#)
            #expect(bodies["/unc"] == #"{"payload":5,"outputs":{"a":{"seat":7},"b":null,"c":12}}"#)
            #expect(bodies["/una"] == "5")
        }
    }

    @Test func `the same again finds the same transaction and another one is a conflict`() async throws {
        let participant = try await TestParticipant.start()
        try await withServer { server in
            let first = try await server.saga("s", participant.step("a"))
            let second = try await server.saga("s", participant.step("a"))
            #expect((first.status, second.status) == (200, 200))
            #expect(participant.paths == ["/a"])
            let other = try await server.saga("s", participant.step("a"), more: #","payload":1"#)
            #expect((other.status, other.code) == (409, "transaction_conflict"))
            #expect(other.detail.contains("s of http-saga version 1"))
        }
    }

    @Test func `without waiting the answer is that it goes on and a look waits for news`() async throws {
        let participant = try await TestParticipant.start { $0.count < 3 ? .status(500) : .status(200) }
        try await withServer { server in
            let begun = try await server.post(
                "/v1/sagas", #"{"name":"test","steps":[\#(participant.step("a"))]}"#)
            #expect(begun.status == 202)
            let id = try #require(begun.json["id"] as? String)
            var entries = 0
            var state = ""
            while state != "completed" {
                let seen = try await server.send(.GET, "/v1/sagas/\(id)?wait_ms=20000&since=\(entries)")
                let now = (seen.json["entries"] as? [Any])?.count ?? 0
                #expect(now > entries)
                entries = now
                state = seen.json["state"] as? String ?? ""
                if now == 0 { break }
            }
            #expect(state == "completed")
        }
    }

    @Test func `a list has what is stuck first and pages that go on where they ended`() async throws {
        let participant = try await TestParticipant.start { $0.path == "/no" ? .status(409) : .status(200) }
        try await withServer { server in
            for id in ["a", "b", "c"] { _ = try await server.saga(id, participant.step("x")) }
            _ = try await server.saga("d", participant.forward("go"), participant.forward("no", #","retryable":true"#))
            try await server.reaches("stuck", "d")
            var ids: [String] = []
            var next: String? = ""
            while let after = next {
                let page = try await server.send(.GET, "/v1/sagas?limit=1\(after.isEmpty ? "" : "&after=\(after)")")
                ids += (page.json["transactions"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                next = page.json["next"] as? String
                let counts = page.json["counts"] as? [String: Int]
                #expect(counts?["completed"] == 3 && counts?["stuck"] == 1)
                if ids.count > 9 { break }
            }
            #expect(ids == ["d", "c", "b", "a"])
            let stuck = try await server.send(.GET, "/v1/sagas?state=stuck,running")
            #expect(stuck.text.contains(#""id":"d""#) && !stuck.text.contains(#""id":"a""#))
            #expect(try await server.send(.GET, "/v1/sagas?name=other").text.contains(#""transactions":[]"#))
            let typo = try await server.send(.GET, "/v1/sagas?state=stuk")
            #expect(typo.status == 400)
            #expect(typo.detail.contains("did you mean stuck?"))
            #expect(try await server.send(.GET, "/v1/sagas?after=x").status == 400)
        }
    }

    @Test func `a list of one name leaves out none that is older than a page of others`() async throws {
        let participant = try await TestParticipant.start()
        try await withServer { server in
            for number in 0..<12 {
                let name = number % 4 == 0 ? "wanted" : "other"
                let body =
                    #"{"id":"s\#(number)","name":"\#(name)","wait_ms":20000,"steps":[\#(participant.step("x"))]}"#
                #expect(try await server.post("/v1/sagas", body).status == 200)
            }
            var ids: [String] = []
            var next: String? = ""
            while let after = next, ids.count < 9 {
                let page = try await server.send(
                    .GET, "/v1/sagas?name=wanted&limit=2\(after.isEmpty ? "" : "&after=\(after)")")
                ids += (page.json["transactions"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                next = page.json["next"] as? String
            }
            #expect(ids == ["s8", "s4", "s0"])
        }
    }

    @Test func `what was begun is told also where there is no room to wait for it`() async throws {
        let participant = try await TestParticipant.start { _ in .silence }
        try await withServer { configuration in
            configuration.limits.waiters = 1
            configuration.limits.waitersPerName = 1
        } _: { server in
            let body = #"{"name":"test","wait_ms":2000,"steps":[\#(participant.step("x"))]}"#
            async let first = server.post("/v1/sagas", body)
            async let second = server.post("/v1/sagas", body)
            let replies = [try await first, try await second]
            #expect(replies.allSatisfy { $0.status == 202 && $0.json["state"] as? String == "running" })
            #expect(Set(replies.compactMap { $0.json["id"] as? String }).count == 2)
        }
    }

    @Test func `transactions of Swift programs on the same store are seen as well`() async throws {
        let journal = MemoryTransactionJournal()
        let saga = try Saga<[String], Int>("swift") { saga in
            let one = saga.step("one") {
                $0.input.count
            } compensation: { _ in
            }
            return saga.result { try $0[one] }
        }
        let coordinator = try TransactionCoordinator(journal, definitions: [saga])
        try await coordinator.run {
            _ = try await coordinator.execute(saga, ["x"], id: "theirs")
        }
        try await withServer(journal: journal) { server in
            let seen = try await server.send(.GET, "/v1/sagas/theirs")
            #expect(seen.text.contains(#""definition":{"name":"swift","version":1}"#))
            #expect(seen.text.contains(#""payload":["x"]"#))
            #expect(seen.text.contains(#""kind":"computed""#))
        }
    }

    @Test func `a store that keeps no transactions says so`() async throws {
        try await withServer(journal: nil) { server in
            let begun = try await server.saga("s", #"{"name":"a","action":"http://127.0.0.1:9/"}"#)
            #expect((begun.status, begun.code) == (501, "unsupported"))
            #expect(try await server.send(.GET, "/v1/sagas").code == "unsupported")
        }
        try await withServer { server in
            let none = try await server.send(.GET, "/v1/sagas/none")
            #expect((none.status, none.code) == (404, "unknown_transaction"))
        }
    }

    @Test func `a document of an earlier daemon is read and one of a later daemon is handed to a person`() throws {
        let text =
            #"{"format":1,"transaction":{"name":"n","steps":[{"action":"http://h/","after":[],"#
            + #""kind":"pivot","name":"a"}]},"payload":[1,  2]}"#
        let document = try HTTPDocument<HTTPSaga>(decoding: Array(text.utf8))
        #expect(document.payload == Array("[1,  2]".utf8))
        #expect(document.body.steps.map(\.name) == ["a"])
        #expect(try document.encoded() == Array(text.utf8))
        #expect(throws: (any Error).self) {
            try HTTPDocument<HTTPSaga>(decoding: Array(text.replacing("\"format\":1", with: "\"format\":2").utf8))
        }
    }
}
