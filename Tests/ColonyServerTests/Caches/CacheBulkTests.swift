import ColonyCore
import ColonyServer
import Foundation
import Testing

/// Many entries in one request, and who may touch which.
@Suite("Many entries of the cache over HTTP", .timeLimit(.minutes(2)))
struct CacheBulkTests {
    private func bulk(
        _ server: TestServer, _ body: String, headers: [String: String] = [:]
    ) async throws -> TestServer.Reply {
        try await server.send(.POST, "/v1/cache", body, headers: headers)
    }

    @Test func `text and bytes are stored, read, and deleted in the order of the request`() async throws {
        try await withServer { server async throws in
            let stored = try await self.bulk(
                server,
                #"{"set":[{"key":"t","value":"grüße\n\"","ttl_ms":60000},"#
                    + #"{"key":"b","value_base64":"AP8N","content_type":"image/png"},{"key":"e","value":""},"#
                    + #"{"key":"t","value":"later"}]}"#)
            #expect(stored.status == 200)
            #expect(Set(stored.json["stored"] as? [String] ?? []).count == 4)
            let read = try await self.bulk(server, #"{"get":["b","none","t","e","b"]}"#)
            let entries = try #require(read.json["entries"] as? [Any])
            #expect(entries.count == 5 && entries[1] is NSNull)
            let bytes = try #require(entries[0] as? [String: Any])
            #expect(bytes["value_base64"] as? String == "AP8N" && bytes["content_type"] as? String == "image/png")
            #expect(bytes["ttl_ms"] == nil && bytes["age_ms"] as? Int != nil)
            let text = try #require(entries[2] as? [String: Any])
            #expect(text["value"] as? String == "later" && text["ttl_ms"] == nil)
            #expect(text["content_type"] as? String == "text/plain; charset=utf-8")
            #expect((entries[3] as? [String: Any])?["value"] as? String == "")
            #expect(text["etag"] as? String == (stored.json["stored"] as? [String])?[3])
            let single = try await server.send(.GET, "/v1/cache/b")
            #expect(single.bytes == [0, 255, 13] && single.headers["etag"] == bytes["etag"] as? String)
            let deleted = try await self.bulk(server, #"{"delete":["t","none","b","b"]}"#)
            #expect(deleted.text == #"{"deleted":[true,false,true,false]}"#)
        }
    }

    @Test func `an answer that would be too long stops, and says where to go on`() async throws {
        try await withServer { server async throws in
            let value = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            for number in 0..<10 { _ = try await server.send(.PUT, "/v1/cache/k\(number)", bytes: value) }
            var next = 0
            var requests = 0
            while next < 10 {
                let keys = (next..<10).map { "\"k\($0)\"" }.joined(separator: ",")
                let reply = try await self.bulk(server, #"{"get":[\#(keys)]}"#)
                let entries = try #require(reply.json["entries"] as? [[String: Any]])
                #expect(entries.allSatisfy { ($0["value"] as? String)?.utf8.count == 1 << 20 })
                #expect(!entries.isEmpty && reply.bytes.count < 6 << 20)
                next += entries.count
                #expect(reply.integer("next").map { $0 == entries.count } ?? (next == 10))
                requests += 1
            }
            #expect(requests > 1)
        }
    }

    @Test(arguments: [
        ("{}", "invalid_request", "one of get, set, and delete"),
        (#"{"get":["a"],"delete":["b"]}"#, "invalid_request", "there are 2"),
        (#"{"gte":[]}"#, "unknown_field", "did you mean get?"), (#"{"get":"a"}"#, "invalid_request", "array"),
        (#"{"get":[1]}"#, "invalid_request", "get[0]"), (#"{"get":[""]}"#, "invalid_name", "empty"),
        (#"{"set":[{"value":"v"}]}"#, "invalid_request", "key is missing"),
        (#"{"set":[{"key":"a"}]}"#, "invalid_request", "value is missing"),
        (#"{"set":[{"key":"a","value":"v","value_base64":"AA=="}]}"#, "invalid_request", "both"),
        (#"{"set":[{"key":"a","value_base64":"A"}]}"#, "invalid_request", "base 64"),
        (#"{"set":[{"key":"a","value":"v","ttl_ms":0}]}"#, "invalid_request", "0 is not from 1"),
        (#"{"set":[{"key":"a","value":"v","ttl_ms":1.5}]}"#, "invalid_request", "1.5"),
        (#"{"set":[{"key":"a","value":"v","content_type":"ü"}]}"#, "invalid_request", "beyond ASCII"),
        (#"{"set":[{"key":"a","value":"v","kye":"b"}]}"#, "unknown_field", "did you mean key?"),
        ("[", "invalid_json", "byte"),
    ])
    func `a request that is wrong is refused with what is wrong, and nothing is done`(
        body: String, code: String, reason: String
    ) async throws {
        try await withServer { server async throws in
            let reply = try await self.bulk(server, body)
            #expect(reply.status == 400 && reply.code == code && reply.detail.contains(reason), "\(reply.text)")
            #expect(try await server.send(.GET, "/v1/cache").integer("writes") == 0)
        }
    }

    @Test func `one value over the limit refuses the whole request before anything is stored`() async throws {
        try await withServer(configure: { $0.cache.valueBytes = 4 }) { server async throws in
            let reply = try await self.bulk(
                server, #"{"set":[{"key":"a","value":"1234"},{"key":"b","value":"12345"}]}"#)
            #expect(reply.status == 413 && reply.code == "value_too_large")
            #expect(reply.detail.contains("\"b\" has 5 bytes") && reply.detail.contains("4 at the most"))
            #expect(try await server.send(.GET, "/v1/cache/a").status == 404)
        }
    }

    @Test func `more keys than the batch allows are refused`() async throws {
        try await withServer(configure: { $0.limits.batch = 2 }) { server async throws in
            for body in [#"{"get":["a","b","c"]}"#, #"{"delete":["a","b","c"]}"#] {
                let reply = try await self.bulk(server, body)
                #expect(reply.status == 400 && reply.detail.contains("2"), "\(reply.text)")
            }
            let statistics = try await server.send(.GET, "/v1/cache")
            #expect(statistics.integer("request_keys") == 2 && statistics.integer("request_bytes") == 1 << 20)
        }
    }

    // MARK: Tokens

    private static let tokens = [
        AccessToken(name: "reader", token: "read-secret", scopes: [.read]),
        AccessToken(name: "worker", token: "work-secret", scopes: [.write], prefixes: ["orders/"]),
        AccessToken(name: "chief", token: "admin-secret", scopes: [.admin], prefixes: ["orders/"]),
        AccessToken(name: "admin", token: "root-secret", scopes: [.admin]),
    ]

    @Test func `tokens hold for the cache as they do for locks`() async throws {
        try await withServer(configure: { $0.tokens = Self.tokens }) { server async throws in
            func status(
                _ method: TestServer.Verb, _ path: String, _ body: String?, _ token: String
            ) async throws -> Int {
                try await server.send(method, path, body, headers: ["Authorization": "Bearer \(token)"]).status
            }
            #expect(try await server.send(.GET, "/v1/cache/a").status == 401)
            #expect(try await server.send(.GET, "/v1/invalidations").status == 401)
            #expect(try await status(.PUT, "/v1/cache/orders%2F1", "v", "read-secret") == 403)
            #expect(try await status(.PUT, "/v1/cache/orders%2F1", "v", "work-secret") == 201)
            #expect(try await status(.PUT, "/v1/cache/mail%2F1", "v", "work-secret") == 403)
            #expect(try await status(.GET, "/v1/cache/mail%2F1", nil, "work-secret") == 403)
            #expect(try await status(.GET, "/v1/cache/orders%2F1", nil, "read-secret") == 200)
            #expect(try await status(.POST, "/v1/cache", #"{"get":["mail/1"]}"#, "read-secret") == 200)
            #expect(try await status(.POST, "/v1/cache", #"{"delete":["mail/1"]}"#, "read-secret") == 403)
            #expect(try await status(.POST, "/v1/cache", #"{"set":[{"key":"a","value":""}]}"#, "read-secret") == 403)
            #expect(try await status(.POST, "/v1/cache", #"{"get":["orders/1","mail/1"]}"#, "work-secret") == 403)
            #expect(try await status(.DELETE, "/v1/cache/orders%2F1", nil, "work-secret") == 200)
            #expect(try await status(.DELETE, "/v1/cache", nil, "work-secret") == 403)
            #expect(try await status(.DELETE, "/v1/cache", nil, "chief-secret") == 401)
            #expect(try await status(.DELETE, "/v1/cache", nil, "admin-secret") == 403, "it has others' entries, too")
            #expect(try await status(.DELETE, "/v1/cache", nil, "root-secret") == 200)
        }
    }

    @Test func `statistics name no key that a token may not see`() async throws {
        try await withServer(configure: { $0.tokens = Self.tokens }) { server async throws in
            for key in ["orders%2F1", "secret"] {
                _ = try await server.send(.GET, "/v1/cache/\(key)", headers: ["Authorization": "Bearer root-secret"])
            }
            let reply = try await server.send(.GET, "/v1/cache", headers: ["Authorization": "Bearer work-secret"])
            #expect(reply.text.contains("orders/1") && !reply.text.contains("secret"))
        }
    }
}
