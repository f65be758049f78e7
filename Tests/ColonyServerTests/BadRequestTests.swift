import ColonyCore
import ColonyServer
import Testing

@Suite("Bad requests")
struct BadRequestTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var path = "/v1/locks/a/acquire"
        var body: String
        var status = 400
        var code: String
        var quotes: [String] = []
        var testDescription: String { "\(self.code): \(self.path) \(self.body.prefix(60))" }
    }

    static let cases: [Case] = [
        Case(body: "", code: "invalid_json", quotes: ["empty"]),
        Case(body: #"{"ttl_ms":1000"#, code: "invalid_json", quotes: ["byte 14"]),
        Case(body: #"{"ttl_ms":1000} x"#, code: "invalid_json"),
        Case(body: "[]", code: "invalid_request", quotes: ["the body must be an object", "[]"]),
        Case(body: "nonsense", code: "invalid_json"),
        Case(body: #"{"ttl_ms":01}"#, code: "invalid_json"),
        Case(body: #"{"ttl":1000}"#, code: "unknown_field", quotes: [#""ttl""#, "did you mean ttl_ms"]),
        Case(body: #"{"ttl_ms":1000,"onwer":"a"}"#, code: "unknown_field", quotes: ["onwer", "did you mean owner"]),
        Case(body: #"{"ttl_ms":1000,"zzzzzzzz":1}"#, code: "unknown_field", quotes: ["zzzzzzzz"]),
        Case(body: #"{"ttl_ms":1000,"ttl_ms":1000}"#, code: "invalid_request", quotes: ["ttl_ms appears twice"]),
        Case(body: #"{"ttl_ms":"soon"}"#, code: "invalid_request", quotes: ["ttl_ms must be a whole number", "soon"]),
        Case(body: #"{"ttl_ms":1.5}"#, code: "invalid_request", quotes: ["1.5"]),
        Case(body: #"{"ttl_ms":null}"#, code: "invalid_request", quotes: ["null"]),
        Case(body: #"{"ttl_ms":0}"#, code: "invalid_request", quotes: ["ttl_ms", "0 is not from 10"]),
        Case(body: #"{"ttl_ms":-5}"#, code: "invalid_request", quotes: ["-5"]),
        Case(body: #"{"ttl_ms":86400001}"#, code: "invalid_request", quotes: ["86400001"]),
        Case(
            body: #"{"ttl_ms":99999999999999999999999999999999999999999999}"#, code: "invalid_request",
            quotes: ["99999"]),
        Case(body: #"{"owner":"a"}"#, code: "invalid_request", quotes: ["ttl_ms is missing"]),
        Case(body: #"{"ttl_ms":1000,"owner":""}"#, code: "invalid_name", quotes: ["owner"]),
        Case(body: #"{"ttl_ms":1000,"owner":7}"#, code: "invalid_request", quotes: ["owner must be a string", "7"]),
        Case(body: #"{"ttl_ms":1000,"owner":"a\u0007b"}"#, code: "invalid_name", quotes: ["U+0007"]),
        Case(body: #"{"ttl_ms":1000,"wait_ms":-1}"#, code: "invalid_request", quotes: ["wait_ms", "-1"]),
        Case(body: #"{"ttl_ms":1000,"wait_ms":60001}"#, code: "invalid_request", quotes: ["60001"]),
        Case(
            body: #"{"ttl_ms":1000,"queue":"no"}"#, code: "invalid_request",
            quotes: ["queue must be true or false", "no"]),
        Case(body: #"{"ttl_ms":1000,"queue":false,"wait_ms":5}"#, code: "invalid_request", quotes: ["wait_ms is 5"]),
        Case(path: "/v1/locks/%00/acquire", body: #"{"ttl_ms":1000}"#, code: "invalid_name", quotes: ["U+0000"]),
        Case(path: "/v1/locks//acquire", body: #"{"ttl_ms":1000}"#, code: "invalid_name", quotes: ["empty"]),
        Case(
            path: "/v1/locks/\(String(repeating: "n", count: 256))/acquire", body: #"{"ttl_ms":1000}"#,
            code: "invalid_name", quotes: ["256 bytes"]),
        Case(path: "/v1/locks/a/renew", body: #"{"owner":"a"}"#, code: "invalid_request", quotes: ["token is missing"]),
        Case(path: "/v1/locks/a/renew", body: #"{"token":1}"#, code: "invalid_request", quotes: ["owner is missing"]),
        Case(path: "/v1/locks/a/renew", body: #"{"owner":"a","token":-1}"#, code: "invalid_request", quotes: ["-1"]),
        Case(
            path: "/v1/locks/a/renew", body: #"{"owner":"a","token":18446744073709551616}"#, code: "invalid_request",
            quotes: ["18446744073709551616"]),
        Case(path: "/v1/locks/a/renew", body: #"{"owner":"a","token":1,"ttl_ms":1000}"#, status: 409, code: "lost"),
        Case(path: "/v1/locks/a/release", body: #"{"owner":"a"}"#, status: 409, code: "lost"),
        Case(path: "/v1/locks/a/release", body: #"{"token":1}"#, code: "invalid_request", quotes: ["owner is missing"]),
        Case(
            path: "/v1/locks/renew", body: #"{"leases":[{"name":"a","owner":"o","token":1}]}"#, code: "invalid_request",
            quotes: ["leases[0].ttl_ms is missing"]),
        Case(
            path: "/v1/locks/renew", body: #"{"leases":[{"name":"","owner":"o","token":1,"ttl_ms":1000}]}"#,
            code: "invalid_name", quotes: ["leases[0].name"]),
        Case(
            path: "/v1/locks/renew", body: #"{"leases":{}}"#, code: "invalid_request",
            quotes: ["leases must be an array"]),
        Case(
            path: "/v1/locks/renew",
            body:
                #"{"leases":[\#(String(repeating: #"{"name":"a","owner":"o","token":1,"ttl_ms":1000},"#, count: 1_000)){"name":"a","owner":"o","token":1,"ttl_ms":1000}]}"#,
            code: "invalid_request", quotes: ["more than 1000"]),
    ]

    @Test("Each is refused with a code and a sentence that quotes what was wrong")
    func refusals() async throws {
        try await withServer { server in
            for check in Self.cases {
                let reply = try await server.post(check.path, check.body)
                #expect(reply.status == check.status, "\(check.testDescription): \(reply.text)")
                #expect(reply.code == check.code, "\(check.testDescription): \(reply.text)")
                #expect(reply.headers["content-type"] == "application/problem+json")
                #expect(reply.integer("status") == reply.status)
                for quote in check.quotes {
                    #expect(reply.detail.contains(quote), "\(check.testDescription): \(reply.detail)")
                }
            }
            #expect(try await server.send(.GET, "/healthz").status == 200, "none of them stops the daemon")
        }
    }

    @Test("A name in the path that is no percent-encoded UTF-8 is refused")
    func undecodableNames() async throws {
        try await withServer { server in
            for (name, quote) in [("%FF", "it is not UTF-8"), ("%zz", "%zz"), ("a%2", "a%2")] {
                let connection = try await RawConnection.open(port: server.port)
                try await connection.send(RawConnection.post("/v1/locks/\(name)/acquire", #"{"ttl_ms":1000}"#))
                try await eventually("the answer comes") { connection.text.contains(#""code":"invalid_name""#) }
                #expect(connection.text.contains(quote), "\(connection.text)")
                try await connection.close()
            }
        }
    }

    @Test("Parameters of the URL are read as strictly as bodies")
    func parameters() async throws {
        try await withServer { server in
            for (path, code, quote) in [
                ("/v1/locks?limit=0", "invalid_request", #""0""#), ("/v1/locks?limit=1001", "invalid_request", "1001"),
                ("/v1/locks?limit=ten", "invalid_request", "ten"), ("/v1/locks?limit=%2B1", "invalid_request", "+1"),
                ("/v1/locks?lmit=1", "unknown_field", "did you mean limit"),
                ("/v1/locks?limit=1&limit=2", "invalid_request", "twice"),
                ("/v1/locks?prefix=%FF", "invalid_request", "UTF-8"), ("/v1/locks?after=", "invalid_name", "empty"),
                ("/v1/locks/a?wait_ms=no", "invalid_request", "no"),
                ("/v1/locks/a?token=-1&wait_ms=1", "invalid_request", "-1"),
                ("/v1/locks/a?token=1&wait_ms=60001", "invalid_request", "60001"),
            ] {
                let reply = try await server.send(.GET, path)
                #expect(reply.status == 400, "\(path): \(reply.text)")
                #expect(reply.code == code, "\(path): \(reply.text)")
                #expect(reply.detail.contains(quote), "\(path): \(reply.text)")
            }
        }
    }

    @Test("An unknown path is 404, and a known one with another method is 405 with the methods it has")
    func pathsAndMethods() async throws {
        try await withServer { server in
            for path in ["/nothing", "/v1/lock", "/v1/locks/a/b", "/v1/locks/a/acquire/b", "/v2/locks"] {
                let reply = try await server.send(.GET, path)
                #expect(reply.status == 404)
                #expect(reply.code == "not_found")
                #expect(reply.detail.contains(path))
            }
            let wrong = try await server.send(.PUT, "/v1/locks/a")
            #expect(wrong.status == 405)
            #expect(wrong.code == "method_not_allowed")
            #expect(wrong.headers["allow"] == "GET, HEAD, DELETE")
            #expect(try await server.send(.GET, "/v1/locks/a/acquire").headers["allow"] == "POST")
            #expect(try await server.send(.OPTIONS, "/v1/locks").headers["allow"] == "GET, HEAD")
        }
    }

    @Test("A body of another type is refused, and one without a type is taken for JSON")
    func contentTypes() async throws {
        try await withServer { server in
            let text = try await server.send(
                .POST, "/v1/locks/a/acquire", #"{"ttl_ms":1000}"#, headers: ["Content-Type": "text/plain"])
            #expect(text.status == 415)
            #expect(text.code == "unsupported_media_type")
            let charset = try await server.send(
                .POST, "/v1/locks/a/acquire", #"{"ttl_ms":1000}"#,
                headers: ["Content-Type": "application/json; charset=utf-8"])
            #expect(charset.status == 200)
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "POST /v1/locks/b/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n{\"ttl_ms\":1000}")
            try await eventually("the answer comes") { connection.text.contains(#""name":"b""#) }
            try await connection.close()
        }
    }

    @Test("A body over the limit is refused, with its length declared or in chunks")
    func tooLargeBodies() async throws {
        try await withServer {
            $0.limits.bodyBytes = 2_048
        } _: { server in
            let large = #"{"owner":"\#(String(repeating: "a", count: 4_000))","ttl_ms":1000}"#
            let declared = try await server.post("/v1/locks/a/acquire", large)
            #expect(declared.status == 413)
            #expect(declared.code == "body_too_large")
            #expect(declared.detail.contains("2048"))
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "POST /v1/locks/a/acquire HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "FA0\r\n\(String(repeating: " ", count: 4_000))\r\n0\r\n\r\n")
            try await eventually("the answer comes") { connection.text.contains("HTTP/1.1 413") }
            try await connection.close()
        }
    }

    @Test("A body that does not arrive in time is answered with 408, and the connection ends")
    func slowBodies() async throws {
        try await withServer {
            $0.limits.bodyTimeout = .milliseconds(100)
        } _: { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "POST /v1/locks/a/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"ttl")
            try await eventually("the answer comes") { connection.text.contains("HTTP/1.1 408") }
            #expect(connection.text.contains(#""code":"body_timeout""#))
            try await eventually("the connection ends") { connection.isClosed }
        }
    }

    @Test("A head that does not arrive in time ends the connection")
    func slowHeads() async throws {
        try await withServer {
            $0.limits.headTimeout = .milliseconds(100)
        } _: { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("GET /healthz HTTP/1.1\r\nHost: local")
            try await eventually("the connection ends") { connection.isClosed }
        }
    }

    @Test("A body that breaks off is no request, and the daemon goes on")
    func truncatedBodies() async throws {
        try await withServer { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "POST /v1/locks/cut/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"ttl_ms\":1000}"
            )
            try await connection.close()
            #expect(try await server.send(.GET, "/v1/locks/cut").status == 404)
        }
    }

    @Test("What is no HTTP is answered with 400")
    func noHTTP() async throws {
        try await withServer { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("hello\r\n\r\n")
            try await eventually("the connection ends") { connection.isClosed }
            #expect(connection.text.hasPrefix("HTTP/1.1 400"))
        }
    }

    @Test("Requests that are sent without waiting for answers are answered in order")
    func pipelining() async throws {
        try await withServer { server in
            let connection = try await RawConnection.open(port: server.port)
            let names = (0..<20).map { "p\($0)" }
            try await connection.send(
                names.map { RawConnection.post("/v1/locks/\($0)/acquire", #"{"ttl_ms":1000}"#) }.joined())
            try await eventually("all answers come") {
                connection.text.ranges(of: "HTTP/1.1 200").count == names.count
            }
            let order = connection.text.split(separator: #""name":""#).dropFirst().map { $0.prefix { $0 != "\"" } }
            #expect(order.map(String.init) == names)
            try await connection.close()
        }
    }
}
