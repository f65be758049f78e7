import ColonyBalancing
import ColonyProxy
import Testing

@Suite("The proxy in HTTP mode", .timeLimit(.minutes(3)))
struct HTTPRelayTests {
    static func request(_ method: String = "GET", _ target: String = "/", fields: String = "") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: example.org\r\n\(fields)\r\n"
    }

    static func answer(_ body: String, fields: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    }

    @Test("requests of one client go over one connection, and over one to the endpoint")
    func keepsConnections() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            for number in 0..<3 {
                try await client.send(Self.request("GET", "/\(number)?q=1"))
                let server = try await endpoint.connection()
                let head = try await server.receiveText(through: "\r\n\r\n")
                #expect(head.hasPrefix("GET /\(number)?q=1 HTTP/1.1\r\nHost: example.org\r\n"))
                #expect(head.contains("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"))
                #expect(head.contains("X-Forwarded-Host: example.org\r\n"))
                try await server.send(Self.answer("body \(number)"))
                let answer = try await client.receiveText(through: "body \(number)")
                #expect(answer == "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbody \(number)")
            }
            #expect(endpoint.count == 1)
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.requests == 3)
            #expect(statistics.traffic.answers.successful == 3)
            #expect(statistics.traffic.activeRequests == 0)
            #expect(statistics.endpoints.first?.idleConnections == 1)
            #expect(statistics.latency.count == 3)
        }
    }

    @Test("an endpoint that is known by a name is found, and a name without an address is an endpoint that fails")
    func findsNames() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], host: "localhost", mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("GET", "/"))
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(Self.answer("found"))
            #expect(try await client.receiveText(through: "found").hasPrefix("HTTP/1.1 200 "))
        }
        try await withProxy(to: [80], host: "no-such-host.invalid", mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("GET", "/"))
            #expect(try await client.receiveText(through: "\r\n\r\n").hasPrefix("HTTP/1.1 502 "))
        }
    }

    @Test("what belongs to a connection stays there, on both sides")
    func stripsHopByHop() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(
                Self.request(
                    fields: "Connection: keep-alive, X-Secret\r\nKeep-Alive: timeout=5\r\nX-Secret: 1\r\n"
                        + "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
                        + "X-Real-IP: 6.6.6.6\r\nX-Kept: 2\r\n"))
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n").lowercased()
            for name in ["connection:", "keep-alive", "x-secret", "proxy-connection", "upgrade", "6.6.6.6"] {
                #expect(!head.contains(name), "\(name)")
            }
            #expect(head.contains("x-kept: 2\r\n"))
            #expect(head.contains("x-forwarded-for: 127.0.0.1\r\n"))
            try await server.send(
                Self.answer(
                    "ok", fields: "Connection: X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=9\r\nX-Outer: 2\r\n"))
            let answer = try await client.receiveText(through: "ok").lowercased()
            #expect(!answer.contains("x-inner") && !answer.contains("keep-alive") && !answer.contains("connection"))
            #expect(answer.contains("x-outer: 2\r\n"))
        }
    }

    @Test("what a trusted proxy in front says is kept and added to")
    func trustedForwarding() async throws {
        let endpoint = try await TestServer.start()
        let rules = ForwardingOptions(
            trusted: try TrustedSources(["127.0.0.1"]), sendsForwarded: true, via: "colony")
        try await withProxy(to: [endpoint.port], forwarding: rules, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(
                Self.request(
                    fields: "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 10.0.0.1\r\n"
                        + "Forwarded: for=203.0.113.7\r\nVia: 1.1 edge\r\n"))
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.1, 127.0.0.1\r\n"))
            #expect(head.contains("\r\nX-Forwarded-Proto: https\r\n"))
            #expect(!head.contains("X-Forwarded-Proto: http\r\n"))
            #expect(head.contains("\r\nX-Forwarded-Host: example.org\r\n"))
            #expect(
                head.contains(
                    "\r\nForwarded: for=203.0.113.7, for=127.0.0.1;proto=http;host=\"example.org\"\r\n"))
            #expect(head.contains("\r\nVia: 1.1 edge, 1.1 colony\r\n"))
            try await server.send(Self.answer("ok", fields: "Via: 1.1 inner\r\n"))
            #expect(try await client.receiveText(through: "ok").contains("\r\nVia: 1.1 inner, 1.1 colony\r\n"))
        }
    }

    @Test("requests that are sent ahead are answered in their order")
    func pipelining() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            let count = 50
            try await client.send(
                (0..<count).map { number in
                    number % 5 == 4
                        ? Self.request("POST", "/\(number)", fields: "Content-Length: 4\r\n") + "body"
                        : Self.request("GET", "/\(number)")
                }.joined())
            let server = try await endpoint.connection()
            for number in 0..<count {
                let head = try await server.receiveText(through: "\r\n\r\n")
                #expect(head.contains(" /\(number) HTTP/1.1\r\n"))
                if number % 5 == 4 { #expect(try await server.receiveText(4) == "body") }
                #expect(server.inbox.contents.bytes.isEmpty, "one request at a time")
                try await server.send(Self.answer("answer \(number);"))
            }
            for number in 0..<count {
                #expect(try await client.receiveText(through: ";").hasSuffix("\r\n\r\nanswer \(number);"))
            }
            #expect(endpoint.count == 1)
        }
    }

    @Test("bodies in chunks go through as they are, with trailers, both ways")
    func chunkedBothWays() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("POST", fields: "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"))
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("Transfer-Encoding: chunked\r\n"))
            try await client.send("5;ext=1\r\nhello\r\n")
            #expect(try await server.receiveText(through: "hello\r\n") == "5;ext=1\r\nhello\r\n")
            try await client.send("0\r\nX-Sum: 1\r\n\r\n")
            #expect(try await server.receiveText(through: "\r\n\r\n") == "0\r\nX-Sum: 1\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            #expect(
                try await client.receiveText(through: "abc\r\n")
                    == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            try await server.send("0\r\nX-End: 2\r\n\r\n")
            #expect(try await client.receiveText(through: "\r\n\r\n") == "0\r\nX-End: 2\r\n\r\n")
            // Both connections are in step.
            try await client.send(Self.request())
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(Self.answer("next"))
            _ = try await client.receiveText(through: "next")
        }
    }

    @Test("100 Continue and other interim answers go through before the last one")
    func interimAnswers() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("PUT", fields: "Content-Length: 4\r\nExpect: 100-continue\r\n"))
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(through: "\r\n\r\n").contains("Expect: 100-continue\r\n"))
            try await server.send("HTTP/1.1 100 Continue\r\n\r\n")
            #expect(try await client.receiveText(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send("data")
            #expect(try await server.receiveText(4) == "data")
            try await server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + Self.answer("done"))
            #expect(
                try await client.receiveText(through: "done").hasPrefix(
                    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"))
            #expect(await proxy.server.statistics().traffic.answers.informational == 0)
        }
    }

    @Test("answers without a body end with their heads", arguments: ["HEAD", "204", "304"])
    func bodyless(kind: String) async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            for _ in 0..<2 {
                try await client.send(Self.request(kind == "HEAD" ? "HEAD" : "GET"))
                let server = try await endpoint.connection()
                _ = try await server.receiveText(through: "\r\n\r\n")
                let line = kind == "HEAD" ? "200 OK" : "\(kind) Whatever"
                let length = kind == "204" ? "" : "Content-Length: 12\r\n"
                try await server.send("HTTP/1.1 \(line)\r\n\(length)\r\n")
                #expect(
                    try await client.receiveText(through: "\r\n\r\n") == "HTTP/1.1 \(line)\r\n\(length)\r\n")
            }
            #expect(endpoint.count == 1)
        }
    }

    @Test("an answer without a length ends with its connection, and the client's connection ends, too")
    func untilClose() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\n\r\nall of it")
            await server.close()
            #expect(
                try await client.receiveText(through: "all of it")
                    == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
            try await client.waitForEnd()
            #expect(!client.inbox.contents.isBroken)
        }
    }

    @Test("a client of HTTP/1.0 gets no chunks, and its connection goes on only if it asks for that")
    func oldClients() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(through: "\r\n\r\n").hasPrefix("GET / HTTP/1.1\r\nHost: \r\n"))
            try await server.send(Self.answer("one"))
            #expect(try await client.receiveText(through: "one").contains("Connection: keep-alive\r\n"))
            try await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n")
            try await client.waitForEnd()
            #expect(client.text == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntwo")
            let other = try await TestConnection.open(port: proxy.port)
            try await other.send("GET / HTTP/1.0\r\n\r\n")
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(Self.answer("three"))
            try await other.waitForEnd()
            #expect(other.text.hasSuffix("three"))
            #expect(endpoint.count == 1)
        }
    }

    @Test("after an upgrade both sides speak as they like, and each may end first")
    func upgrade() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            // The first frame comes with the request.
            try await client.send(Self.request(fields: "Connection: Upgrade\r\nUpgrade: websocket\r\n") + "early")
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("Upgrade: websocket\r\n") && head.contains("Connection: upgrade\r\n"))
            try await server.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 frame")
            let answer = try await client.receiveText(through: "frame")
            #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(answer.contains("Upgrade: websocket\r\n") && answer.contains("Connection: upgrade\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nHTTP/1.1 frame"))
            #expect(try await server.receiveText(5) == "early")
            try await client.send("GET / HTTP/1.1\r\n\r\n")
            #expect(try await server.receiveText(18) == "GET / HTTP/1.1\r\n\r\n")
            #expect(proxy.loads == 1)
            try await client.endOutput()
            try await server.waitForEnd()
            try await server.send("last words")
            #expect(try await client.receiveText(10) == "last words")
            await server.close()
            try await client.waitForEnd()
            #expect(!client.inbox.contents.isBroken)
            #expect(await proxy.server.statistics().traffic.abandonedRequests == 0)
        }
    }

    @Test("large bodies go through both ways, and nobody is read faster than the other side takes it")
    func largeBodies() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let total = 48 << 20
            let block = [UInt8](repeating: 42, count: 1 << 20)
            let client = try await TestConnection.open(port: proxy.port, keepsBytes: false)
            client.sendLater(Array(Self.request("POST", fields: "Content-Length: \(total)\r\n").utf8))
            for _ in 0..<48 { client.sendLater(block) }
            let server = try await endpoint.connection()
            try await eventually("the whole request") { server.inbox.contents.count > total }
            try await server.send(Self.answer("thanks"))
            try await eventually("an answer") { client.inbox.contents.count > 6 }

            let slow = try await TestConnection.open(port: proxy.port, reads: false, keepsBytes: false)
            try await slow.send(Self.request())
            let second = try await endpoint.connection()
            try await eventually("the second request") { second.inbox.contents.count > total + 200 }
            second.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n".utf8))
            for _ in 0..<48 { second.sendLater(block) }
            var before: UInt64 = 0
            var looks = 0
            try await eventually("an endpoint that is read no more") {
                let now = await proxy.server.statistics().traffic.bytesToClients
                looks = now > 10_000 && now == before ? looks + 1 : 0
                before = now
                return looks > 50
            }
            #expect(before < UInt64(total) / 2, "\(before) bytes were read for a client that takes none")
            try await slow.startReading()
            try await eventually("the whole answer") { slow.inbox.contents.count >= total }
        }
    }

    @Test("an upload that its endpoint does not take stops the client")
    func uploadBackPressure() async throws {
        let endpoint = try await TestServer.start(reads: false)
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let total = 48 << 20
            let client = try await TestConnection.open(port: proxy.port)
            client.sendLater(Array(Self.request("POST", fields: "Content-Length: \(total)\r\n").utf8))
            for _ in 0..<48 { client.sendLater([UInt8](repeating: 42, count: 1 << 20)) }
            var before: UInt64 = 0
            var looks = 0
            try await eventually("a client that is read no more") {
                let now = await proxy.server.statistics().traffic.bytesFromClients
                looks = now > 10_000 && now == before ? looks + 1 : 0
                before = now
                return looks > 50
            }
            #expect(before < UInt64(total) / 2, "\(before) bytes were read for an endpoint that takes none")
            let server = try await endpoint.connection()
            try await server.startReading()
            try await eventually("the whole request") { server.inbox.contents.count >= total }
            try await server.send(Self.answer("ok"))
            _ = try await client.receiveText(through: "ok")
        }
    }

    @Test("requests are spread over the endpoints one by one, also those of one client")
    func spreads() async throws {
        let endpoints = [try await TestServer.start(), try await TestServer.start()]
        try await withProxy(to: endpoints.map(\.port), mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            for _ in 0..<3 {
                for endpoint in endpoints {
                    try await client.send(Self.request())
                    let server = try await endpoint.connection()
                    _ = try await server.receiveText(through: "\r\n\r\n")
                    try await server.send(Self.answer("ok"))
                    _ = try await client.receiveText(through: "ok")
                }
            }
            #expect(endpoints.map(\.count) == [1, 1])
        }
    }

    @Test("each request is told to the access log once")
    func accessLog() async throws {
        let endpoint = try await TestServer.start()
        let (log, entries) = AccessLog.stream()
        try await withProxy(to: [endpoint.port], accessLog: log, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("GET", "/a?b=c"))
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(Self.answer("hello"))
            _ = try await client.receiveText(through: "hello")
            try await client.send("BAD\r\n\r\n")
            try await client.waitForEnd()
            var seen = entries.makeAsyncIterator()
            let first = await seen.next()
            #expect(first?.method == "GET" && first?.target == "/a?b=c" && first?.status == 200)
            #expect(first?.client == "127.0.0.1" && first?.endpoint?.rawValue == "127.0.0.1:\(endpoint.port)")
            #expect(first?.bytes == 43 && first?.attempts == 1 && first?.isComplete == true)
            let second = await seen.next()
            #expect(second?.status == 400 && second?.endpoint == nil && second?.method == "")
            #expect(second?.attempts == 0)
        }
    }
}
