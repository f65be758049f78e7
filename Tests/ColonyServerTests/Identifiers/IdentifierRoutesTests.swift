import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import Foundation
import NIOCore
import Testing

@testable import ColonyServer

@Suite("Identifiers over HTTP", .timeLimit(.minutes(2)))
struct IdentifierRoutesTests {
    // MARK: Issuing

    @Test(arguments: IdentifierKind.allCases)
    func `every kind is issued, each identifier once, in rising order where the kind rises`(
        kind: IdentifierKind
    ) async throws {
        try await withServer { server async throws in
            let tag = kind == .segment ? "&tag=orders%2F42" : ""
            var all: [String] = []
            for count in [1, 500, 10_000] {
                let reply = try await server.send(.POST, "/v1/ids/\(kind.rawValue)?count=\(count)\(tag)")
                #expect(reply.status == 200, "\(reply.text.prefix(300))")
                #expect(reply.json["kind"] as? String == kind.rawValue)
                let ids = try #require(reply.json["ids"] as? [String])
                #expect(ids.count == count)
                all += ids
            }
            #expect(Set(all).count == all.count)
            switch kind {
            case .snowflake, .segment:
                let numbers = all.compactMap { Int64($0) }
                #expect(numbers.count == all.count && numbers == numbers.sorted())
            case .uuid7, .ulid: #expect(all == all.sorted())
            case .uuid4: #expect(all.allSatisfy { UUID(uuidString: $0)?.version == 4 })
            }
        }
    }

    @Test func `without a count there is one, and no body, an empty body, and an empty object say the same`()
        async throws
    {
        try await withServer { server async throws in
            for body in [nil, "", "{}", " { } "] {
                let reply = try await server.send(.POST, "/v1/ids/uuid7", body)
                #expect(reply.status == 200, "\(reply.text)")
                #expect((reply.json["ids"] as? [String])?.count == 1)
            }
        }
    }

    @Test(arguments: [
        ("/v1/ids/snowflaek", "", "invalid_request", "snowflaek", "snowflake, uuid7, uuid4, ulid, segment"),
        ("/v1/ids/UUID7", "", "invalid_request", "UUID7", "uuid7"),
        ("/v1/ids/", "", "invalid_request", "", "the kinds are"),
        ("/v1/ids/uuid7?count=0", "", "invalid_request", "0", "from 1 to 10000"),
        ("/v1/ids/uuid7?count=10001", "", "invalid_request", "10001", "from 1 to 10000"),
        ("/v1/ids/uuid7?count=-1", "", "invalid_request", "-1", "from 1 to 10000"),
        ("/v1/ids/uuid7?count=ten", "", "invalid_request", "ten", "whole number"),
        ("/v1/ids/uuid7?cuont=2", "", "unknown_field", "cuont", "count"),
        ("/v1/ids/uuid7?count=2&count=3", "", "invalid_request", "count", "twice"),
        ("/v1/ids/uuid7?tag=orders", "", "invalid_request", "orders", "uuid7"),
        ("/v1/ids/segment", "", "invalid_request", "tag", "missing"),
        ("/v1/ids/segment?tag=", "", "invalid_name", "", "empty"),
        ("/v1/ids/segment?tag=a%0Ab", "", "invalid_name", "a", "control"),
        ("/v1/ids/uuid7", #"{"count":2}"#, "unknown_field", "count", "not known"),
        ("/v1/ids/uuid7", "[]", "invalid_request", "[]", "object"),
        ("/v1/ids/uuid7", "no", "invalid_json", "", "byte 0"),
    ])
    func `a request that is wrong is refused with what is wrong`(
        path: String, body: String, code: String, quoted: String, reason: String
    ) async throws {
        try await withServer { server async throws in
            let reply = try await server.send(.POST, path, body.isEmpty ? nil : body)
            #expect(reply.status == 400)
            #expect(reply.code == code, "\(reply.text)")
            #expect(
                (quoted.isEmpty || reply.detail.contains(quoted)) && reply.detail.contains(reason), "\(reply.detail)")
        }
    }

    @Test func `a kind that is no UTF-8 is no kind`() {
        // Clients do not send such a path, so the request is read here.
        let error = #expect(throws: Problem.self) {
            try IssueRequest(kind: "%FF"[...].utf8, query: ""[...].utf8, body: ByteBuffer())
        }
        #expect(error?.code == .invalidRequest && error?.detail.contains("the kinds are") == true)
    }

    @Test func `a body that is too long, and one of another type, are refused`() async throws {
        try await withServer(configure: { $0.limits.bodyBytes = 1_024 }) { server async throws in
            let long = "{" + String(repeating: " ", count: 2_000) + "}"
            #expect(try await server.send(.POST, "/v1/ids/uuid4", long).code == "body_too_large")
            let text = try await server.send(.POST, "/v1/ids/uuid4", "{}", headers: ["Content-Type": "text/plain"])
            #expect(text.code == "unsupported_media_type")
        }
    }

    @Test func `only what has a method is allowed`() async throws {
        try await withServer { server async throws in
            #expect(try await server.send(.DELETE, "/v1/ids/uuid7").headers["allow"] == "GET, HEAD, POST")
            #expect(try await server.send(.POST, "/v1/ids").headers["allow"] == "GET, HEAD")
            #expect(try await server.send(.GET, "/v1/segments/a/take").headers["allow"] == "POST")
            #expect(try await server.send(.POST, "/v1/segments/a").headers["allow"] == "GET, HEAD")
            #expect(try await server.send(.GET, "/v1/ids/a/b").status == 404)
            #expect(try await server.send(.POST, "/v1/segments/a/give").status == 404)
            #expect(try await server.send(.HEAD, "/v1/ids").status == 200)
        }
    }

    // MARK: Taking apart

    @Test func `a Snowflake identifier is taken apart in all its spellings`() async throws {
        let time = WallTime(millisecondsSince1970: 1_750_000_000_123)
        let tick = time.millisecondsSince1970 - SnowflakeLayout.classic.epoch.millisecondsSince1970
        let id = try SnowflakeLayout.classic.compose(tick: tick, datacenter: 3, worker: 17, sequence: 4_095)
        try await withServer { server async throws in
            for text in [id.description, id.text(.crockford32), id.text(.base62)] {
                let reply = try await server.send(.GET, "/v1/ids/\(text)")
                #expect(reply.status == 200, "\(reply.text)")
                #expect(
                    reply.text == #"{"id":"\#(id)","kind":"snowflake","time":"2025-06-15T15:06:40.123Z","#
                        + #""time_ms":1750000000123,"datacenter":3,"worker":17,"sequence":4095,"layout":"classic"}"#)
            }
        }
    }

    @Test(arguments: [
        (
            "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
            #"{"id":"017f22e2-79b0-7cc3-98c4-dc0c0c07398f","kind":"uuid","time":"2022-02-22T19:22:22.000Z","#
                + #""time_ms":1645557742000,"version":7,"variant":"rfc9562"}"#
        ),
        (
            "919108f7-52d1-4320-9bac-f847db4148a8",
            #"{"id":"919108f7-52d1-4320-9bac-f847db4148a8","kind":"uuid","version":4,"variant":"rfc9562"}"#
        ),
        (
            "00000000-0000-0000-0000-000000000000",
            #"{"id":"00000000-0000-0000-0000-000000000000","kind":"uuid","version":0,"variant":"ncs"}"#
        ),
        (
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            #"{"id":"ffffffff-ffff-ffff-ffff-ffffffffffff","kind":"uuid","version":15,"variant":"future"}"#
        ),
        (
            "00000000-0000-1000-c000-000000000000",
            #"{"id":"00000000-0000-1000-c000-000000000000","kind":"uuid","version":1,"variant":"microsoft"}"#
        ),
        (
            "01arz3ndektsv4rrffq69g5fav",
            #"{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"ulid","time":"2016-07-30T23:54:10.259Z","#
                + #""time_ms":1469922850259}"#
        ),
        // RFC 3339 has no year 10889.
        ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", #"{"id":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ","kind":"ulid","time_ms":281474976710655}"#),
    ])
    func `UUIDs and ULIDs are taken apart`(text: String, answer: String) async throws {
        try await withServer(segments: nil) { server async throws in
            #expect(try await server.send(.GET, "/v1/ids/\(text)").text == answer)
        }
    }

    @Test(arguments: [
        "hello", "9223372036854775808", "00", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "919108f7-52d1-4320-9bac-f847db4148ag",
        "%20",
    ])
    func `text that is no identifier is refused and quoted`(text: String) async throws {
        try await withServer { server async throws in
            let reply = try await server.send(.GET, "/v1/ids/\(text)")
            #expect(reply.status == 400)
            #expect(reply.code == "malformed_id")
            #expect(reply.detail.contains(text == "%20" ? " " : text), "\(reply.detail)")
        }
    }

    @Test func `an identifier that is badly encoded, a parameter, and no identifier at all are refused`() async throws {
        try await withServer { server async throws in
            #expect(try await server.send(.GET, "/v1/ids/%G0").code == "malformed_id")
            #expect(try await server.send(.GET, "/v1/ids/").code == "malformed_id")
            #expect(try await server.send(.GET, "/v1/ids/1?layout=x").code == "unknown_field")
        }
    }

    // MARK: Metrics, tokens, and a daemon without a store

    @Test func `identifiers and ranges are counted by kind and never by tag`() async throws {
        try await withServer { server async throws in
            _ = try await server.send(.POST, "/v1/ids/snowflake?count=7")
            _ = try await server.send(.POST, "/v1/ids/segment?tag=secret&count=3")
            _ = try await server.post("/v1/segments/secret/take", #"{"count":5}"#)
            _ = try await server.post("/v1/segments/begun/take", #"{"count":5,"scheme":"x"}"#)
            #expect(try await server.send(.POST, "/v1/ids/segment?tag=begun").code == "scheme_mismatch")
            let text = try await server.send(.GET, "/metrics").text
            for line in [
                #"colony_ids_issued_total{kind="snowflake"} 7"#, #"colony_ids_issued_total{kind="segment"} 3"#,
                #"colony_ids_issued_total{kind="ulid"} 0"#, #"colony_ids_refused_total{kind="segment"} 1"#,
                "colony_segments_taken_total 2", "colony_ids_issuing 1", "colony_segment_generators 2",
                #"colony_http_requests_total{route="issueIDs",status="2xx"} 2"#,
            ] {
                #expect(text.contains("\(line)\n"), "\(line)")
            }
            #expect(!text.contains("secret"))
        }
    }

    @Test func `a daemon without ranges issues what needs none, and says what it does not offer`() async throws {
        try await withServer(segments: nil) { server async throws in
            for kind in ["uuid7", "uuid4", "ulid"] {
                #expect(try await server.send(.POST, "/v1/ids/\(kind)?count=3").status == 200)
            }
            for (method, path, body) in [
                (TestServer.Verb.POST, "/v1/ids/snowflake", nil), (.POST, "/v1/ids/segment?tag=a", nil),
                (.POST, "/v1/segments/a/take", #"{"count":1}"#), (.GET, "/v1/segments", nil),
                (.GET, "/v1/segments/a", nil),
            ] as [(TestServer.Verb, String, String?)] {
                let reply = try await server.send(method, path, body)
                #expect(reply.status == 501 && reply.code == "not_offered", "\(path): \(reply.text)")
            }
            let status = try await server.send(.GET, "/v1/ids")
            #expect(
                status.text
                    == #"{"kinds":["uuid7","uuid4","ulid"],"namespace":"colony","layout":"classic","datacenter":0}"#
            )
        }
    }

    @Test func `scopes and prefixes hold for identifiers and tags`() async throws {
        try await withServer(configure: {
            $0.tokens = [
                AccessToken(name: "reader", token: "r", scopes: [.read]),
                AccessToken(name: "orders", token: "w", scopes: [.write], prefixes: ["orders", "z/"]),
                AccessToken(name: "all", token: "a", scopes: [.write]),
            ]
        }) { server async throws in
            func send(_ token: String?, _ method: TestServer.Verb, _ path: String, _ body: String? = nil) async throws
                -> TestServer.Reply
            {
                try await server.send(
                    method, path, body, headers: token.map { ["Authorization": "Bearer \($0)"] } ?? [:])
            }
            #expect(try await send(nil, .POST, "/v1/ids/uuid7").code == "unauthorized")
            #expect(try await send("r", .POST, "/v1/ids/uuid7").code == "forbidden")
            #expect(try await send("r", .GET, "/v1/ids/1").status == 200)
            #expect(try await send("r", .GET, "/v1/ids").status == 200)
            #expect(try await send("r", .POST, "/v1/segments/orders/take", #"{"count":1}"#).code == "forbidden")
            #expect(try await send("w", .POST, "/v1/ids/snowflake").status == 200)
            #expect(try await send("w", .POST, "/v1/ids/segment?tag=bills").code == "forbidden")
            #expect(try await send("w", .POST, "/v1/segments/bills/take", #"{"count":1}"#).code == "forbidden")
            #expect(try await send("w", .GET, "/v1/segments/bills").code == "forbidden")
            for tag in ["bills", "orders", "orders%2Feu", "orders%2Fus", "other", "z%2F1"] {
                #expect(try await send("a", .POST, "/v1/segments/\(tag)/take", #"{"count":1}"#).status == 200)
            }
            func tags(_ token: String, _ query: String = "") async throws -> [String] {
                let page = try await send(token, .GET, "/v1/segments\(query)").json["segments"] as? [[String: Any]]
                return page?.compactMap { $0["tag"] as? String } ?? []
            }
            #expect(try await tags("w") == ["orders", "orders/eu", "orders/us", "z/1"])
            #expect(try await tags("w", "?limit=2") == ["orders", "orders/eu"])
            #expect(try await tags("w", "?after=orders%2Feu") == ["orders/us", "z/1"])
            #expect(try await tags("w", "?after=bills&limit=1") == ["orders"])
            let all = try await tags("r")
            #expect(all.filter { !$0.hasPrefix("snowflake/") }.count == 6)
        }
    }
}
