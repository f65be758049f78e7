import ColonyCaches
import ColonyCore
import ColonyServer
import ColonySimulation
import Foundation
import Testing

/// One entry at a time: what is stored is what is read, whatever it is.
@Suite("Entries of the cache over HTTP", .timeLimit(.minutes(2)))
struct CacheRoutesTests {
    private static let everyByte = (0...255).map { UInt8($0) }

    // MARK: Bytes

    @Test(arguments: [
        ([], "application/octet-stream"), ([0], "image/png"), (Self.everyByte, "application/x-everything; q=\"é\""),
        (Array("grüße \u{1F680} \u{FEFF}e\u{301}".utf8), "text/plain; charset=utf-8"),
        (Array(#"{"a": 1 , "b":[]}"#.utf8), "application/json"), ([13, 10, 13, 10, 0xFF, 0xFE], "text/html"),
        ([UInt8](repeating: 0xA5, count: 1 << 20), "video/mp4"),
    ])
    func `a body comes back byte for byte with the content type that it was declared as`(
        bytes: [UInt8], type: String
    ) async throws {
        try await withServer { server async throws in
            let isASCII = type.utf8.allSatisfy { $0 < 0x80 }
            let stored = try await server.send(
                .PUT, "/v1/cache/a", bytes: bytes, headers: ["Content-Type": type])
            guard isASCII else {
                #expect(stored.status == 400 && stored.detail.contains("beyond ASCII"))
                return
            }
            #expect(stored.status == 201)
            #expect(stored.integer("bytes") == bytes.count)
            #expect(stored.json["key"] as? String == "a")
            let tag = try #require(stored.headers["etag"])
            #expect(stored.json["etag"] as? String == tag)
            let read = try await server.send(.GET, "/v1/cache/a")
            #expect(read.status == 200)
            #expect(read.bytes == bytes)
            #expect(read.headers["content-type"] == type)
            #expect(read.headers["content-length"] == "\(bytes.count)")
            #expect(read.headers["etag"] == tag)
            #expect(read.headers["age"].flatMap { Int($0) }.map { $0 < 60 } == true)
            #expect(read.headers["colony-ttl-ms"] == nil)
        }
    }

    @Test func `bytes that nobody declared are bytes, and no browser takes them for a page`() async throws {
        try await withServer { server async throws in
            let page = Array("<script>alert(1)</script>".utf8)
            #expect(try await server.send(.PUT, "/v1/cache/a", bytes: page).status == 201)
            let read = try await server.send(.GET, "/v1/cache/a")
            #expect(read.headers["content-type"] == "application/octet-stream")
            #expect(read.headers["x-content-type-options"] == "nosniff")
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: page, headers: ["Content-Type": "text/html"])
            let declared = try await server.send(.GET, "/v1/cache/a")
            #expect(declared.headers["content-security-policy"]?.contains("sandbox") == true)
        }
    }

    @Test func `a body in chunks is stored as one that came whole`() async throws {
        try await withServer { server async throws in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "PUT /v1/cache/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
            try await eventually("it is stored") { connection.text.contains("201 Created") }
            #expect(try await server.send(.GET, "/v1/cache/a").text == "abcd")
            try await connection.close()
        }
    }

    @Test func `a second write replaces bytes, type, and time, and answers 200`() async throws {
        try await withServer { server async throws in
            let first = try await server.send(
                .PUT, "/v1/cache/a?ttl_ms=60000", bytes: [1, 2, 3], headers: ["Content-Type": "image/png"])
            #expect(first.status == 201 && first.integer("ttl_ms") == 60_000)
            let second = try await server.send(.PUT, "/v1/cache/a", bytes: [4])
            #expect(second.status == 200 && second.integer("ttl_ms") == nil)
            #expect(second.headers["etag"] != first.headers["etag"])
            let read = try await server.send(.GET, "/v1/cache/a")
            #expect(read.bytes == [4] && read.headers["content-type"] == "application/octet-stream")
            #expect(read.headers["colony-ttl-ms"] == nil)
        }
    }

    @Test func `equal bytes have unequal tags, because each write is one`() async throws {
        try await withServer { server async throws in
            var tags: Set<String> = []
            for _ in 0..<10 {
                tags.insert(try await server.send(.PUT, "/v1/cache/a", bytes: [1]).headers["etag"] ?? "")
            }
            #expect(tags.count == 10)
        }
    }

    // MARK: HEAD

    @Test func `HEAD says all that GET says but the bytes, and is no use of the entry`() async throws {
        try await withServer { server async throws in
            #expect(try await server.send(.HEAD, "/v1/cache/a").status == 404)
            _ = try await server.send(
                .PUT, "/v1/cache/a?ttl_ms=60000", bytes: [1, 2, 3], headers: ["Content-Type": "image/png"])
            let head = try await server.send(.HEAD, "/v1/cache/a")
            let read = try await server.send(.GET, "/v1/cache/a")
            #expect(head.status == 200 && head.bytes.isEmpty)
            for name in ["content-type", "content-length", "etag"] { #expect(head.headers[name] == read.headers[name]) }
            #expect(head.headers["content-length"] == "3" && head.headers["colony-ttl-ms"] != nil)
            let statistics = try await server.send(.GET, "/v1/cache")
            #expect(statistics.integer("hits") == 1 && statistics.integer("misses") == 0)
        }
    }

    // MARK: Deleting

    @Test func `a deleted entry is gone, and deleting what is not there is 404`() async throws {
        try await withServer { server async throws in
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1])
            let deleted = try await server.send(.DELETE, "/v1/cache/a")
            #expect(deleted.status == 200 && deleted.text == #"{"deleted":true}"#)
            for method in [TestServer.Verb.GET, .DELETE] {
                let reply = try await server.send(method, "/v1/cache/a")
                #expect(reply.status == 404 && reply.code == "not_found" && reply.detail.contains("\"a\""))
            }
        }
    }

    @Test func `deleting everything says how much there was, and leaves nothing`() async throws {
        try await withServer { server async throws in
            for number in 0..<25 { _ = try await server.send(.PUT, "/v1/cache/k\(number)", bytes: [1]) }
            #expect(try await server.send(.DELETE, "/v1/cache").text == #"{"removed":25}"#)
            #expect(try await server.send(.DELETE, "/v1/cache").text == #"{"removed":0}"#)
            let statistics = try await server.send(.GET, "/v1/cache")
            #expect(statistics.integer("entries") == 0 && statistics.integer("bytes") == 0)
            #expect((statistics.json["removals"] as? [String: Int])?["removed"] == 25)
        }
    }

    // MARK: Time

    @Test func `an entry ends when its time is over, and not before`() async throws {
        let clock = ManualClock()
        try await withServer(clock: clock) { server async throws in
            _ = try await server.send(.PUT, "/v1/cache/a?ttl_ms=10000", bytes: [1])
            _ = try await server.send(.PUT, "/v1/cache/b?ttl_ms=1", bytes: [1])
            _ = try await server.send(.PUT, "/v1/cache/c", bytes: [1])
            clock.advance(by: .milliseconds(9_999))
            let read = try await server.send(.GET, "/v1/cache/a")
            #expect(read.status == 200)
            #expect(read.headers["colony-ttl-ms"] == "1" && read.headers["age"] == "9")
            #expect(try await server.send(.GET, "/v1/cache/b").status == 404)
            clock.advance(by: .milliseconds(1))
            #expect(try await server.send(.GET, "/v1/cache/a").status == 404)
            #expect(try await server.send(.DELETE, "/v1/cache/a").status == 404)
            #expect(try await server.send(.PUT, "/v1/cache/a", bytes: [2]).status == 201, "nothing is replaced")
            clock.advance(by: .seconds(86_400))
            #expect(try await server.send(.GET, "/v1/cache/c").status == 200)
        }
    }

    @Test func `entries whose time is over are reclaimed without traffic`() async throws {
        let clock = ManualClock()
        try await withServer(clock: clock) { server async throws in
            for number in 0..<10 { _ = try await server.send(.PUT, "/v1/cache/k\(number)?ttl_ms=5000", bytes: [1]) }
            clock.advance(by: .seconds(60))
            try await eventually("they are gone") {
                try await server.send(.GET, "/metrics").text.contains("colony_cache_entries 0\n")
            }
            #expect(
                try await server.send(.GET, "/metrics").text.contains(
                    #"colony_cache_removals_total{cause="expired"} 10"#))
        }
    }

    @Test(arguments: ["0", "-1", "1.5", "1e3", "+5", "", "ten", "315360000001", "99999999999999999999"])
    func `a time to live that is none is refused and quoted, and nothing is stored`(text: String) async throws {
        try await withServer { server async throws in
            let reply = try await server.send(
                .PUT, "/v1/cache/a?ttl_ms=\(text.replacing("+", with: "%2B"))", bytes: [1])
            #expect(reply.status == 400 && reply.code == "invalid_request")
            #expect(reply.detail.contains("\"\(text)\"") && reply.detail.contains("from 1 to 315360000000"))
            #expect(try await server.send(.GET, "/v1/cache/a").status == 404)
        }
    }

    // MARK: Keys

    @Test(arguments: ["a/b", "..", ".", "a?b#c", "100 %", "é", "e\u{301}", "\u{1F680}", "+", "a=b&c", "\\", "\"", ":"])
    func `keys with a meaning in URLs are keys`(text: String) async throws {
        try await withServer { server async throws in
            let path = "/v1/cache/" + Self.encoded(text)
            let stored = try await server.send(.PUT, path, bytes: Array(text.utf8))
            #expect(stored.status == 201 && Array((stored.json["key"] as? String ?? "").utf8) == Array(text.utf8))
            #expect(try await server.send(.GET, path).text.utf8.elementsEqual(text.utf8))
        }
    }

    @Test func `two spellings of one letter are two keys`() async throws {
        try await withServer { server async throws in
            _ = try await server.send(.PUT, "/v1/cache/%C3%A9", bytes: [1])
            #expect(try await server.send(.GET, "/v1/cache/e%CC%81").status == 404)
            #expect(try await server.send(.GET, "/v1/cache/%c3%a9").status == 200)
        }
    }

    @Test(arguments: [
        ("", "empty"), (String(repeating: "k", count: 251), "251 bytes, and 250"),
        (String(repeating: "%C3%A9", count: 126), "252 bytes, and 250"), (String(repeating: "k", count: 4_000), "4000"),
        ("a%00", "control"), ("a%0Ab", "control"), ("%7F", "control"), ("%C2%85", "control"),
    ])
    func `a key that is none is refused with what is wrong`(key: String, reason: String) async throws {
        try await withServer { server async throws in
            for method in [TestServer.Verb.GET, .PUT, .DELETE] {
                let reply = try await server.send(method, "/v1/cache/\(key)", bytes: method == .PUT ? [1] : nil)
                #expect(reply.status == 400 && reply.code == "invalid_name", "\(reply.text)")
                #expect(reply.detail.contains(reason), "\(reply.detail)")
            }
        }
    }

    @Test(arguments: [
        ("%", "\\\"%\\\""), ("%4", "\\\"%4\\\""), ("%zz", "percent-encoded"), ("a%2", "a%2"), ("%FF", "not UTF-8"),
        ("%ED%A0%80", "not UTF-8"),
    ])
    func `a key that is badly encoded is refused and quoted`(key: String, reason: String) async throws {
        try await withServer { server async throws in
            // A client would not send such a path.
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("GET /v1/cache/\(key) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("it is answered") { connection.text.contains("invalid_name") }
            #expect(
                connection.text.contains("400 Bad Request") && connection.text.contains(reason), "\(connection.text)")
            try await connection.close()
        }
    }

    @Test func `the longest key is taken`() async throws {
        try await withServer { server async throws in
            let path = "/v1/cache/" + String(repeating: "%C3%A9", count: 125)
            #expect(try await server.send(.PUT, path, bytes: [1]).status == 201)
            #expect(try await server.send(.GET, path).bytes == [1])
        }
    }

    // MARK: Limits and refusals

    @Test func `a value over the limit is 413 with both numbers, declared or not, and what was there stays`()
        async throws
    {
        try await withServer(configure: { $0.cache.valueBytes = 1_000 }) { server async throws in
            #expect(
                try await server.send(.PUT, "/v1/cache/a", bytes: [UInt8](repeating: 7, count: 1_000)).status == 201)
            let reply = try await server.send(.PUT, "/v1/cache/a", bytes: [UInt8](repeating: 8, count: 1_001))
            #expect(reply.status == 413 && reply.code == "value_too_large")
            #expect(reply.detail.contains("1001") && reply.detail.contains("1000") && reply.detail.contains("\"a\""))
            let read = try await server.send(.GET, "/v1/cache/a")
            #expect(read.bytes == [UInt8](repeating: 7, count: 1_000), "the next request is a request of its own")
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "PUT /v1/cache/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "7d0\r\n\(String(repeating: "x", count: 2_000))\r\n0\r\n\r\n")
            try await eventually("the undeclared one is refused") { connection.text.contains("value_too_large") }
            try await connection.close()
            #expect(try await server.send(.GET, "/v1/cache/b").status == 404)
        }
    }

    @Test func `a value may be longer than a body of JSON`() async throws {
        try await withServer(configure: {
            $0.limits.bodyBytes = 1_024
            $0.cache.valueBytes = 3 << 20
        }) { server async throws in
            let bytes = [UInt8](repeating: 9, count: 3 << 20)
            #expect(try await server.send(.PUT, "/v1/cache/a", bytes: bytes).status == 201)
            #expect(try await server.send(.GET, "/v1/cache/a").bytes == bytes)
        }
    }

    @Test func `an encoded body is refused with what to do, because readers would not be told`() async throws {
        try await withServer { server async throws in
            let reply = try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: ["Content-Encoding": "gzip"])
            #expect(reply.status == 415 && reply.code == "unsupported_encoding" && reply.detail.contains("\"gzip\""))
            #expect(reply.headers["accept-encoding"] == "identity")
            let plain = try await server.send(
                .PUT, "/v1/cache/a", bytes: [1], headers: ["Content-Encoding": "Identity"])
            #expect(plain.status == 201)
            let part = try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: ["Content-Range": "bytes 0-0/9"])
            #expect(part.status == 400 && part.detail.contains("bytes 0-0/9"))
        }
    }

    @Test func `a content type that is too long is refused`() async throws {
        try await withServer { server async throws in
            let type = "text/" + String(repeating: "x", count: 251)
            let reply = try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: ["Content-Type": type])
            #expect(reply.status == 400 && reply.detail.contains("256 bytes, and 255"))
        }
    }

    @Test func `parameters that nobody knows and methods that nobody has are refused`() async throws {
        try await withServer { server async throws in
            let reply = try await server.send(.PUT, "/v1/cache/a?ttl=5", bytes: [1])
            #expect(reply.code == "unknown_field" && reply.detail.contains("did you mean ttl_ms?"))
            #expect(try await server.send(.GET, "/v1/cache/a?x=1").code == "unknown_field")
            #expect(try await server.send(.POST, "/v1/cache/a", "{}").headers["allow"] == "GET, HEAD, PUT, DELETE")
            #expect(try await server.send(.PUT, "/v1/cache", "{}").headers["allow"] == "GET, HEAD, POST, DELETE")
            #expect(try await server.send(.GET, "/v1/cache/a/b").status == 404)
        }
    }

    @Test func `a full cache gives entries up and stays within its bytes`() async throws {
        try await withServer(configure: {
            $0.cache.bytes = 64 << 10
            $0.cache.valueBytes = 1_024
        }) { server async throws in
            for number in 0..<200 {
                _ = try await server.send(.PUT, "/v1/cache/k\(number)", bytes: [UInt8](repeating: 1, count: 1_000))
            }
            let statistics = try await server.send(.GET, "/v1/cache")
            let bytes = try #require(statistics.integer("bytes"))
            let entries = try #require(statistics.integer("entries"))
            #expect(bytes <= 64 << 10 && bytes >= entries * 1_200)
            let evicted = try #require((statistics.json["removals"] as? [String: Int])?["evicted"])
            #expect(entries + evicted == 200)
        }
    }

    @Test(arguments: [(4_095, 1, "4095"), (1 << 20, 1 << 20, "1048576"), (4_096, 2_049, "2049"), (4_096, 0, "not 0")])
    func `a configuration into which no value fits is refused`(bytes: Int, value: Int, quoted: String) {
        var configuration = DaemonConfiguration()
        configuration.cache.bytes = bytes
        configuration.cache.valueBytes = value
        let error = #expect(throws: DaemonError.self) { try configuration.validate() }
        #expect(error?.code == .invalidConfiguration && error?.message.contains(quoted) == true)
    }

    static func encoded(_ text: String) -> String {
        text.utf8.map { "%" + (String($0, radix: 16).count == 1 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
