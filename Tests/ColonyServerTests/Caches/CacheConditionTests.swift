import ColonyCore
import ColonyServer
import Testing

/// Writing in place of what was seen, and reading only what is new.
@Suite("Conditions on entries of the cache", .timeLimit(.minutes(2)))
struct CacheConditionTests {
    @Test func `a write in place of a known entry goes through once`() async throws {
        try await withServer { server async throws in
            let first = try await server.send(.PUT, "/v1/cache/a", bytes: [1])
            let tag = try #require(first.headers["etag"])
            let second = try await server.send(.PUT, "/v1/cache/a", bytes: [2], headers: ["If-Match": tag])
            #expect(second.status == 200)
            let late = try await server.send(.PUT, "/v1/cache/a", bytes: [3], headers: ["If-Match": tag])
            #expect(late.status == 412 && late.code == "version_mismatch")
            #expect(late.headers["etag"] == second.headers["etag"], "the answer has the tag of what is there")
            #expect(late.detail.contains(second.headers["etag"] ?? "none"))
            #expect(try await server.send(.GET, "/v1/cache/a").bytes == [2])
        }
    }

    @Test func `a write that demands an entry, or none, is refused where the other is the case`() async throws {
        try await withServer { server async throws in
            let none = try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: ["If-Match": "*"])
            #expect(none.status == 412 && none.headers["etag"] == nil && none.detail.contains("nothing is cached"))
            let new = ["If-None-Match": "*"]
            #expect(try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: new).status == 201)
            #expect(try await server.send(.PUT, "/v1/cache/a", bytes: [2], headers: new).status == 412)
            #expect(try await server.send(.PUT, "/v1/cache/a", bytes: [3], headers: ["If-Match": "*"]).status == 200)
            #expect(try await server.send(.GET, "/v1/cache/a").bytes == [3])
        }
    }

    @Test func `a deletion of a known entry deletes no other`() async throws {
        try await withServer { server async throws in
            let first = try #require(try await server.send(.PUT, "/v1/cache/a", bytes: [1]).headers["etag"])
            let second = try #require(try await server.send(.PUT, "/v1/cache/a", bytes: [2]).headers["etag"])
            let refused = try await server.send(.DELETE, "/v1/cache/a", headers: ["If-Match": first])
            #expect(refused.status == 412 && refused.headers["etag"] == second)
            #expect(try await server.send(.DELETE, "/v1/cache/a", headers: ["If-None-Match": second]).status == 412)
            #expect(try await server.send(.DELETE, "/v1/cache/a", headers: ["If-Match": second]).status == 200)
            #expect(try await server.send(.DELETE, "/v1/cache/a", headers: ["If-Match": second]).status == 404)
        }
    }

    @Test func `a reader who has the entry is spared the bytes`() async throws {
        try await withServer { server async throws in
            let tag = try #require(try await server.send(.PUT, "/v1/cache/a", bytes: [1, 2]).headers["etag"])
            for list in [tag, "W/\(tag)", "\"x\", \(tag)", "*", " \t\(tag) "] {
                let reply = try await server.send(.GET, "/v1/cache/a", headers: ["If-None-Match": list])
                #expect(reply.status == 304 && reply.bytes.isEmpty && reply.headers["etag"] == tag, "\(list)")
            }
            for list in ["\"x\"", "\"\(tag.dropFirst().dropLast())0\""] {
                let reply = try await server.send(.GET, "/v1/cache/a", headers: ["If-None-Match": list])
                #expect(reply.status == 200 && reply.bytes == [1, 2])
            }
            // A weak tag says that the bytes may differ, which is not good enough for a change.
            #expect(
                try await server.send(.PUT, "/v1/cache/a", bytes: [3], headers: ["If-Match": "W/\(tag)"]).status == 412)
            #expect(try await server.send(.GET, "/v1/cache/a", headers: ["If-Match": "\"x\""]).status == 412)
            #expect(try await server.send(.GET, "/v1/cache/a", headers: ["If-Match": "\"x\", \(tag)"]).status == 200)
        }
    }

    @Test(arguments: ["1f", "\"1f", "1f\"", "", " ", ",", "\"a\" \"b\"x", "W/1f", "*, \"a\"", "\"a b\"", "\"a\"\"b\""])
    func `a condition that is none is refused and quoted, and nothing is done`(text: String) async throws {
        try await withServer { server async throws in
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1])
            for field in ["If-Match", "If-None-Match"] {
                for method in [TestServer.Verb.GET, .PUT, .DELETE] {
                    let reply = try await server.send(
                        method, "/v1/cache/a", bytes: method == .PUT ? [2] : nil, headers: [field: text])
                    #expect(reply.status == 400 && reply.code == "invalid_request", "\(method) \(field) \(text)")
                    #expect(reply.detail.contains(field))
                }
            }
            #expect(try await server.send(.GET, "/v1/cache/a").bytes == [1])
        }
    }

    @Test func `of many writers with one tag one wins, every time`() async throws {
        try await withServer { server async throws in
            var tag = try #require(try await server.send(.PUT, "/v1/cache/a", bytes: [0]).headers["etag"])
            for round in 0..<20 {
                let known = tag
                let winners = try await withThrowingTaskGroup(of: (UInt8, String?).self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            let reply = try await server.send(
                                .PUT, "/v1/cache/a", bytes: [UInt8(writer)], headers: ["If-Match": known])
                            return (UInt8(writer), reply.status == 200 ? reply.headers["etag"] : nil)
                        }
                    }
                    return try await group.reduce(into: [(UInt8, String)]()) { winners, result in
                        if let tag = result.1 { winners.append((result.0, tag)) }
                    }
                }
                #expect(winners.count == 1, "round \(round)")
                let read = try await server.send(.GET, "/v1/cache/a")
                #expect(read.bytes == [winners[0].0] && read.headers["etag"] == winners[0].1)
                tag = winners[0].1
            }
        }
    }

    @Test func `no count is lost by those who read, compare, and write`() async throws {
        try await withServer { server async throws in
            _ = try await server.send(.PUT, "/v1/cache/n", bytes: Array("0".utf8))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<25 {
                            while true {
                                let read = try await server.send(.GET, "/v1/cache/n")
                                let next = "\((Int(read.text) ?? 0) + 1)"
                                let reply = try await server.send(
                                    .PUT, "/v1/cache/n", bytes: Array(next.utf8),
                                    headers: ["If-Match": read.headers["etag"] ?? ""])
                                if reply.status == 200 { break }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await server.send(.GET, "/v1/cache/n").text == "100")
        }
    }
}
