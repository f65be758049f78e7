import ColonyBalancing
import ColonyProxy
import RealServers
import Testing

@Suite("The proxy when things fail", .timeLimit(.minutes(3)))
struct HTTPFailureTests {
    private static func request(_ method: String = "GET", fields: String = "") -> String {
        HTTPRelayTests.request(method, fields: fields)
    }

    private static func answer(_ body: String) -> String { HTTPRelayTests.answer(body) }

    @Test("an endpoint that refuses is passed over, also for requests that must not be sent twice")
    func refusedEndpoint() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [try FreePort.take(), endpoint.port], mode: .http) { proxy in
            for method in ["GET", "POST", "GET", "POST"] {
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send(Self.request(method, fields: method == "POST" ? "Content-Length: 2\r\n" : ""))
                if method == "POST" { try await client.send("hi") }
                let server = try await endpoint.connection()
                _ = try await server.receiveText(through: method == "POST" ? "\r\n\r\nhi" : "\r\n\r\n")
                try await server.send(Self.answer("ok"))
                #expect(try await client.receiveText(through: "ok").hasPrefix("HTTP/1.1 200"))
            }
            #expect(await proxy.server.statistics().traffic.retries >= 1)
        }
    }

    @Test("with all endpoints refusing the answer is 502, with none in health 503, and the connection goes on")
    func allRefuse() async throws {
        let ports = try FreePort.take(2)
        try await withProxy(to: ports, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            for _ in 0..<2 {
                try await client.send(Self.request())
                let answer = try await client.receiveText(through: "}\n")
                #expect(answer.hasPrefix("HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/problem+json\r\n"))
                #expect(!answer.contains("Connection: close"))
            }
            for endpoint in proxy.balancer.endpoints {
                try proxy.balancer.setHealth(of: endpoint.name, isHealthy: false, by: "test")
            }
            try await client.send(Self.request("HEAD"))
            let answer = try await client.receiveText(through: "\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
            try await client.send(Self.request())
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 503 "))
            #expect(await proxy.server.statistics().traffic.ownAnswers == 4)
        }
    }

    @Test("the budget bounds the attempts when all endpoints refuse")
    func retryBudgetHolds() async throws {
        let ports = try FreePort.take(3)
        let retries = ProxyRetries(attempts: 3, budgetRatio: 0.1, budgetMinimumPerSecond: 0)
        try await withProxy(to: ports, retries: retries, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            for _ in 0..<100 {
                try await client.send(Self.request())
                _ = try await client.receiveText(through: "}\n")
            }
            let traffic = await proxy.server.statistics().traffic
            #expect(traffic.retries <= 10)
            #expect(traffic.retries + traffic.refusedRetries >= 100)
        }
    }

    @Test(
        "a request that is not idempotent and of which a byte was written is not sent again; others go to another endpoint"
    )
    func noUnsafeRetry() async throws {
        let endpoints = [try await TestServer.start(), try await TestServer.start()]
        try await withProxy(to: endpoints.map(\.port), mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            // POST goes to the first endpoint, which dies with it.
            try await client.send(Self.request("POST", fields: "Content-Length: 4\r\n") + "once")
            let first = try await endpoints[0].connection()
            _ = try await first.receiveText(through: "once")
            await first.close()
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 502 "))
            #expect(endpoints.map(\.count) == [1, 0])
            // An idempotent method with a body: it was sent in part, and is not kept.
            try await client.send(Self.request("PUT", fields: "Content-Length: 4\r\n") + "once")
            let second = try await endpoints[1].connection()
            _ = try await second.receiveText(through: "once")
            await second.close()
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 502 "))
            #expect(endpoints.map(\.count) == [1, 1])
            // GET dies at the first endpoint and must be sent to the other.
            try await client.send(Self.request())
            let third = try await endpoints[0].connection(1)
            _ = try await third.receiveText(through: "\r\n\r\n")
            await third.close()
            let fourth = try await endpoints[1].connection(1)
            _ = try await fourth.receiveText(through: "\r\n\r\n")
            // A byte of an answer ends it: from now on nothing is tried again.
            try await fourth.send("H")
            await fourth.close()
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 502 "))
            #expect(endpoints.map(\.count) == [2, 2])
            #expect(await proxy.server.statistics().traffic.retries == 1)
        }
    }

    @Test(
        "a kept connection that its endpoint closes is gone at once, and a request that met the close is sent on a fresh one"
    )
    func keptConnections() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], retries: .none, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            let first = try await endpoint.connection()
            _ = try await first.receiveText(through: "\r\n\r\n")
            try await first.send(Self.answer("one"))
            _ = try await client.receiveText(through: "one")
            await first.close()
            try await eventually("no idle connection") {
                await proxy.server.statistics().endpoints.first?.activeConnections == 0
            }
            try await client.send(Self.request("POST", fields: "Content-Length: 0\r\n"))
            let second = try await endpoint.connection(1)
            _ = try await second.receiveText(through: "\r\n\r\n")
            try await second.send(Self.answer("two"))
            _ = try await client.receiveText(through: "two")
            // Closed with the request in it.
            try await client.send(Self.request())
            _ = try await second.receiveText(through: "\r\n\r\n")
            await second.close()
            let third = try await endpoint.connection(2)
            _ = try await third.receiveText(through: "\r\n\r\n")
            try await third.send(Self.answer("three"))
            #expect(try await client.receiveText(through: "three").hasPrefix("HTTP/1.1 200"))
            // What comes without a request must not become anybody's answer.
            try await third.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npoison")
            try await third.waitForEnd()
            try await client.send(Self.request())
            let fourth = try await endpoint.connection(3)
            _ = try await fourth.receiveText(through: "\r\n\r\n")
            // More than the answer: the connection is not used again.
            try await fourth.send(Self.answer("four") + "HTTP/1.1 200 OK\r\n")
            #expect(try await client.receiveText(through: "four").hasPrefix("HTTP/1.1 200"))
            try await fourth.waitForEnd()
        }
    }

    @Test(
        "an answer that breaks off never looks whole",
        arguments: ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n", ""])
    func brokenAnswers(framing: String) async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\n\(framing)\r\n5\r\nhello\r\n")
            _ = try await client.receiveText(through: "hello\r\n")
            if framing.isEmpty { try await server.reset() } else { await server.close() }
            try await client.waitForEnd()
            #expect(client.inbox.contents.isBroken)
            #expect(client.text.isEmpty)
            #expect(await proxy.server.statistics().traffic.brokenAnswers == 1)
        }
    }

    @Test("an answer that is no HTTP is 502")
    func invalidAnswer() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            for (index, bad) in [
                "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            ].enumerated() {
                try await client.send(Self.request())
                let server = try await endpoint.connection(index)
                _ = try await server.receiveText(through: "\r\n\r\n")
                try await server.send(bad)
                #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 502 "))
                try await server.waitForEnd()
            }
        }
    }

    @Test("an endpoint that does not answer in time is 504, and its connection is not used again")
    func answerTimeout() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(answer: .milliseconds(100)), mode: .http
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 504 "))
            let server = try await endpoint.connection()
            try await server.waitForEnd()
            #expect(await proxy.server.statistics().traffic.timeouts == 1)
        }
    }

    @Test("an answer that stops in its body is broken off after its time")
    func stalledAnswer() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(endpointIdle: .milliseconds(100)), mode: .http
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            try await client.waitForEnd()
            #expect(client.inbox.contents.isBroken)
        }
    }

    @Test(
        "a head that comes too slowly is 408, also if a byte comes now and then; a client that says nothing is closed")
    func slowHead() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(requestHead: .seconds(2)), mode: .http
        ) { proxy in
            // The first byte has to come within the time, also on a busy machine, or this is a client that says nothing.
            let slow = try await TestConnection.open(port: proxy.port)
            try await slow.send("GET / HTTP/1.1\r\n")
            let silent = try await TestConnection.open(port: proxy.port)
            var looks = 0
            try await eventually("an answer") {
                // Now and then only, because fields have a limit as well.
                if slow.text.isEmpty, looks % 100 == 0 { slow.sendLater(Array("A: b\r\n".utf8)) }
                looks += 1
                return slow.text.hasSuffix("}\n")
            }
            #expect(slow.text.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
            #expect(slow.text.contains("Connection: close\r\n"))
            try await slow.waitForEnd()
            try await silent.waitForEnd()
            #expect(silent.text.isEmpty)
            #expect(endpoint.count == 0)
        }
    }

    @Test("a body that stops is 408, and a client that rests is closed after its time")
    func slowBodyAndRest() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port],
            timeouts: ProxyTimeouts(clientIdle: .milliseconds(100), keepAlive: .milliseconds(100)), mode: .http
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("POST", fields: "Content-Length: 10\r\n") + "half")
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 408 "))
            try await client.waitForEnd()
            try await (try await endpoint.connection()).waitForEnd()
            let resting = try await TestConnection.open(port: proxy.port)
            try await resting.send(Self.request())
            let server = try await endpoint.connection(1)
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(Self.answer("ok"))
            _ = try await resting.receiveText(through: "ok")
            try await resting.waitForEnd()
            #expect(!resting.inbox.contents.isBroken)
        }
    }

    @Test("a client that goes away ends its request, which says nothing of the endpoint")
    func clientAbort() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            await client.close()
            try await server.waitForEnd()
            let other = try await TestConnection.open(port: proxy.port)
            try await other.send(Self.request())
            let second = try await endpoint.connection(1)
            _ = try await second.receiveText(through: "\r\n\r\n")
            try await second.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            _ = try await other.receiveText(through: "half")
            try await other.reset()
            try await second.waitForEnd()
            let traffic = await proxy.server.statistics().traffic
            #expect(traffic.abandonedRequests == 2)
            #expect(traffic.activeRequests == 0)
        }
    }

    @Test(
        "load is counted from the choice on, and once only taken back: on success, errors, time-outs, and clients that leave"
    )
    func loadCountedAtSelection() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(answer: .seconds(4)),
            pool: UpstreamPoolOptions(
                connections: 1, idleConnections: 1, waiting: 10, waitingTimeout: .seconds(2)),
            mode: .http
        ) { proxy in
            #expect(proxy.loads == 0)
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            #expect(proxy.loads == 1)
            // Those that wait for the only connection are load as well.
            let waiting = try await TestConnection.open(port: proxy.port)
            try await waiting.send(Self.request())
            let leaving = try await TestConnection.open(port: proxy.port)
            try await leaving.send(Self.request())
            try await eventually("three loads") { proxy.loads == 3 }
            await leaving.close()
            try await eventually("two loads") { proxy.loads == 2 }
            try await server.send("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno")
            _ = try await client.receiveText(through: "no")
            #expect(proxy.loads == 1)
            _ = try await server.receiveText(through: "\r\n\r\n")
            // The second one has got the connection; a third one waits too long for it.
            try await client.send(Self.request())
            #expect(try await client.receiveText(through: "}\n").hasPrefix("HTTP/1.1 503 "))
            #expect(try await waiting.receiveText(through: "}\n").hasPrefix("HTTP/1.1 504 "))
            try await eventually("no load") { proxy.loads == 0 }
            #expect(endpoint.count == 1)
        }
    }

    @Test(
        "what cannot be read or is too much is refused with its status, and nothing of it reaches an endpoint",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("GET /\(String(repeating: "a", count: 400)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 2_000))\r\n\r\n", 431),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
        ])
    func refusals(text: String, status: Int) async throws {
        let endpoint = try await TestServer.start()
        let limits = ProxyLimits(requestLineBytes: 256, headBytes: 1_024, bodyBytes: 100)
        try await withProxy(to: [endpoint.port], limits: limits, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(text + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await client.receiveText(through: "}\n")
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            #expect(answer.contains("Connection: close\r\n"))
            try await client.waitForEnd()
            #expect(client.text.isEmpty)
            #expect(endpoint.count == 0)
        }
    }

    @Test("an answer that comes before the request is whole closes the connection, and the client can read it")
    func earlyAnswer() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(Self.request("POST", fields: "Content-Length: 1000000\r\n"))
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
            #expect(
                try await client.receiveText(through: "no")
                    == "HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            try await client.send([UInt8](repeating: 1, count: 100_000))
            try await client.waitForEnd()
            try await server.waitForEnd()
            #expect(!client.inbox.contents.isBroken)
        }
    }

    @Test("on shutdown requests under way are finished, resting connections are closed, and new ones refused")
    func drains() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], drain: .seconds(60), mode: .http) { proxy in
            let resting = try await TestConnection.open(port: proxy.port)
            try await resting.send(Self.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(Self.answer("one"))
            _ = try await resting.receiveText(through: "one")
            let busy = try await TestConnection.open(port: proxy.port)
            try await busy.send(Self.request())
            _ = try await server.receiveText(through: "\r\n\r\n")
            proxy.server.shutDown()
            try await resting.waitForEnd()
            try await eventually("a port that is closed") {
                do {
                    await (try TestConnection.open(port: proxy.port)).close()
                    return false
                } catch {
                    return true
                }
            }
            try await server.send(Self.answer("two"))
            #expect(try await busy.receiveText(through: "two").contains("Connection: close\r\n"))
            try await busy.waitForEnd()
            #expect(!busy.inbox.contents.isBroken)
        }
    }
}
