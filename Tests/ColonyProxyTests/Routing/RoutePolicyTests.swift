import ColonyBalancing
import ColonyCore
import ColonyProxy
import ColonyResilience
import ColonySimulation
import RealServers
import Testing

@Suite("Routes: limits, time-outs, and breakers", .timeLimit(.minutes(3)))
struct RoutePolicyTests {
    private static func forward(
        timeouts: RouteTimeouts = RouteTimeouts(), retries: ProxyRetries? = nil, breaker: CircuitBreakerOptions? = nil,
        limits: RouteLimits = .none
    ) throws -> ProxyRoute {
        try ProxyRoute(
            "limited", .any,
            .forward(RouteForward("origin", timeouts: timeouts, retries: retries, breaker: breaker)), limits: limits)
    }

    // MARK: Limits

    @Test(
        "a rate holds for each client, for each value of a field, or for all; the answer is 429 with the time to wait")
    func rates() async throws {
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("ok"))
        let clock = ManualClock()
        let rule = try RateLimitRule(1, per: .seconds(3), burst: 2)
        let keys: [(RouteRateLimit.Key, alsoOther: Bool)] = [(.client, false), (.header("X-Key"), true), (.all, false)]
        for (key, alsoOther) in keys {
            let route = try Self.forward(limits: RouteLimits(rateLimit: RouteRateLimit(rule, for: key)))
            try await withProxy(routes: [route], upstreams: [.to([endpoint.port])], clock: clock) { server, port in
                let client = try await TestConnection.open(port: port)
                for _ in 0..<2 { #expect(try await client.ask(fields: "X-Key: a\r\n").status == 200) }
                let refused = try await client.ask(fields: "X-Key: a\r\n")
                #expect(refused.status == 429)
                #expect(refused.value(of: "Retry-After") == "3")
                #expect(try await client.ask(fields: "x-key: b\r\n").status == (alsoOther ? 200 : 429))
                clock.advance(by: .seconds(3))
                #expect(try await client.ask(fields: "X-Key: a\r\n").status == 200)
                let traffic = await server.statistics().routes[0]
                #expect(traffic.refusedByRate == (alsoOther ? 1 : 2))
                #expect(traffic.activeRequests == 0)
            }
        }
    }

    @Test("more requests at one time than the limit are 503, and a place is free again whatever became of its request")
    func concurrency() async throws {
        let endpoint = try await TestServer.start()
        let route = try Self.forward(
            timeouts: RouteTimeouts(answer: .seconds(4)), limits: RouteLimits(concurrentRequests: 1))
        try await withProxy(routes: [route], upstreams: [.to([endpoint.port])], workers: 2) { server, port in
            let other = try await TestConnection.open(port: port)
            for (number, end) in ["answer", "break", "leave", "wait", "tunnel", "bad body", "answer"].enumerated() {
                let client = try await TestConnection.open(port: port)
                let upgrade = end == "tunnel" ? "Connection: upgrade\r\nUpgrade: chat\r\n" : ""
                let body = end == "bad body" ? "Transfer-Encoding: chunked\r\n" : ""
                try await client.send(HTTPRelayTests.request("POST", fields: upgrade + body))
                let origin = try await endpoint.connection(number)
                _ = try await origin.receiveText(through: "\r\n\r\n")
                if end != "wait" {
                    if end == "tunnel" {
                        try await origin.send("HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
                        _ = try await client.receiveText(through: "\r\n\r\n")
                    }
                    let refused = try await other.ask()
                    #expect(refused.status == 503, "\(end)")
                    #expect(refused.value(of: "Retry-After") == "1")
                }
                switch end {
                case "answer":
                    try await origin.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                    _ = try await client.receiveText(through: "ok")
                case "break": await origin.close()
                case "leave", "tunnel": await client.close()
                case "bad body": try await client.send("x")
                default: _ = try await client.receiveAnswer()
                }
                try await origin.waitForEnd()
                // A tunnel has two directions to be ended.
                await origin.close()
                // The request of the next round is let in, or its connection to the endpoint never comes.
                try await eventually("no request after \(end)") {
                    await server.statistics().routes[0].activeRequests == 0
                }
            }
            #expect(await server.statistics().routes[0].refusedByConcurrency == 6)
        }
    }

    @Test("a route has a limit of its own for bodies, also for those that do not say how long they are")
    func bodies() async throws {
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("ok"))
        let route = try Self.forward(limits: RouteLimits(bodyBytes: 4))
        try await withProxy(routes: [route], upstreams: [.to([endpoint.port])]) { _, port in
            for (fields, body, status) in [
                ("Content-Length: 5\r\n", "12345", 413),
                ("Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n0\r\n\r\n", 413),
                ("Content-Length: 4\r\n", "1234", 200),
                ("Transfer-Encoding: chunked\r\n", "4\r\n1234\r\n0\r\n\r\n", 200),
            ] {
                let client = try await TestConnection.open(port: port)
                let answer = try await client.ask(HTTPRelayTests.request("POST", fields: fields) + body)
                #expect(answer.status == status, "\(fields)")
            }
        }
    }

    // MARK: Time

    @Test("the time-outs of a route take the place of those of the proxy, for the head and for the body")
    func timeouts() async throws {
        let endpoint = try await TestServer.start()
        let routes = [
            try ProxyRoute(
                "head", RouteMatch(path: .exact("/head")),
                .forward(RouteForward("origin", timeouts: RouteTimeouts(answer: .milliseconds(60))))),
            try Self.forward(timeouts: RouteTimeouts(endpointIdle: .milliseconds(60))),
        ]
        try await withProxy(routes: routes, upstreams: [.to([endpoint.port])]) { _, port in
            let client = try await TestConnection.open(port: port)
            #expect(try await client.ask("GET", "/head").status == 504)
            try await client.send(HTTPRelayTests.request())
            let origin = try await endpoint.connection(1)
            _ = try await origin.receiveText(through: "\r\n\r\n")
            try await origin.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            try await client.waitForEnd()
            #expect(client.inbox.contents.isBroken)
        }
    }

    @Test("the end of all holds before an answer, in the middle of one, and while a place is waited for")
    func total() async throws {
        let endpoint = try await TestServer.start()
        let balancer = try RunningProxy.balancer(to: [endpoint.port])
        let upstream = try ProxyUpstream(
            "origin", balancer: balancer,
            pool: UpstreamPoolOptions(connections: 1, idleConnections: 1, waitingTimeout: .seconds(60)))
        let route = try Self.forward(timeouts: RouteTimeouts(total: .seconds(2)))
        try await withProxy(routes: [route], upstreams: [upstream]) { server, port in
            let client = try await TestConnection.open(port: port)
            try await client.send(HTTPRelayTests.request())
            let origin = try await endpoint.connection()
            _ = try await origin.receiveText(through: "\r\n\r\n")
            let waiting = try await TestConnection.open(port: port)
            try await waiting.send(HTTPRelayTests.request())
            // Bytes now and then move no deadline of all.
            try await origin.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            try await eventually("the end") {
                origin.sendLater([1])
                return client.inbox.contents.hasEnded
            }
            #expect(client.inbox.contents.isBroken)
            #expect(try await waiting.receiveAnswer().status == 504)
            let silent = try await TestConnection.open(port: port)
            #expect(try await silent.ask().status == 504)
            #expect(await server.statistics().traffic.timeouts >= 3)
        }
    }

    @Test("an end of all that comes while the client is waited for is 408, and says nothing of the endpoint")
    func totalByClient() async throws {
        let endpoint = try await TestServer.start()
        let route = try Self.forward(
            timeouts: RouteTimeouts(total: .seconds(1)), breaker: Self.breaker())
        let upstream = try ProxyUpstream.to([endpoint.port])
        try await withProxy(routes: [route], upstreams: [upstream]) { server, port in
            for _ in 0..<5 {
                let client = try await TestConnection.open(port: port)
                try await client.send(HTTPRelayTests.request("POST", fields: "Content-Length: 10\r\n") + "half")
                #expect(try await client.receiveAnswer().status == 408)
            }
            #expect(await server.statistics().routes[0].breaker == .closed)
            #expect(await server.statistics().endpoints.allSatisfy { $0.failures == 0 })
        }
    }

    // MARK: Breakers

    private static func breaker(wait: Duration = .seconds(10), probes: Int = 1) throws -> CircuitBreakerOptions {
        try CircuitBreakerOptions(
            window: .calls(4), failureRate: 0.5, minimumCalls: 4,
            wait: CircuitBreakerOptions.Wait(wait, multiplier: 1, maximum: wait, jitter: 0), probes: probes)
    }

    @Test("an open breaker answers 503 with the rest of its wait and asks no endpoint; a probe closes it")
    func breakerOpens() async throws {
        let clock = ManualClock()
        let endpoint = try await TestServer.start()
        let route = try Self.forward(retries: ProxyRetries.none, breaker: Self.breaker())
        try await withProxy(routes: [route], upstreams: [.to([endpoint.port])], clock: clock) { server, port in
            let client = try await TestConnection.open(port: port)
            var origin: TestConnection?
            func request(answeredBy status: Int) async throws -> Int {
                try await client.send(HTTPRelayTests.request())
                let connection = try await endpoint.connection()
                origin = connection
                _ = try await connection.receiveText(through: "\r\n\r\n")
                try await connection.send("HTTP/1.1 \(status) X\r\nContent-Length: 0\r\n\r\n")
                return try await client.receiveAnswer().status
            }
            // 501 and 404 are answers.
            for status in [501, 404, 200, 200, 500, 502] {
                #expect(try await request(answeredBy: status) == status)
            }
            #expect(await server.statistics().routes[0].breaker == .open)
            for _ in 0..<3 {
                let refused = try await client.ask()
                #expect(refused.status == 503)
                #expect(refused.value(of: "Retry-After") == "10")
            }
            #expect(origin?.text.isEmpty == true)
            #expect(endpoint.count == 1)
            #expect(await server.statistics().routes[0].refusedByBreaker == 3)
            clock.advance(by: .seconds(10))
            #expect(try await request(answeredBy: 200) == 200)
            #expect(await server.statistics().routes[0].breaker == .closed)
        }
    }

    @Test("a client that is slow to send or to take reaches the end of all, and endpoint and breaker are not blamed")
    func slowClientsAreToBlame() async throws {
        let endpoint = try await TestServer.start()
        let balancer = try RunningProxy.balancer(to: [endpoint.port])
        let route = try Self.forward(
            timeouts: RouteTimeouts(total: .seconds(2)),
            breaker: CircuitBreakerOptions(
                window: .calls(2), failureRate: 0.5, minimumCalls: 1))
        let upstream = try ProxyUpstream("origin", balancer: balancer)
        try await withProxy(routes: [route], upstreams: [upstream]) { server, port in
            let sending = try await TestConnection.open(port: port)
            try await sending.send(HTTPRelayTests.request("POST", fields: "Content-Length: 1000000\r\n"))
            _ = try await endpoint.connection().receiveText(through: "\r\n\r\n")
            #expect(try await sending.receiveText(through: "\r\n\r\n").hasPrefix("HTTP/1.1 408 "))
            let taking = try await TestConnection.open(port: port, reads: false)
            try await taking.send(HTTPRelayTests.request())
            let origin = try await endpoint.connection(1)
            _ = try await origin.receiveText(through: "\r\n\r\n")
            origin.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n".utf8))
            origin.sendLater([UInt8](repeating: 1, count: 50_000_000))
            try await eventually("the end of the answer") { balancer.callsUnderWay == 0 }
            #expect(await server.statistics().routes[0].breaker == .closed)
            #expect(balancer.status[0].failures == 0)
            #expect(await server.statistics().endpoints.allSatisfy { $0.failures == 0 })
        }
    }

    @Test("what a breaker knows of an upstream is not held against the next one of the same route")
    func breakersAreOfUpstreams() async throws {
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("ok"))
        let clock = ManualClock()
        let breaker = try CircuitBreakerOptions(window: .calls(2), failureRate: 0.5, minimumCalls: 1)
        let route = try Self.forward(retries: ProxyRetries.none, breaker: breaker)
        let closed = try FreePort.take(1)[0]
        try await withProxy(routes: [route], upstreams: [.to([closed])], clock: clock) { server, port in
            let client = try await TestConnection.open(port: port)
            while try await client.ask().status != 503 {}
            let options = try ProxyOptions(
                mode: .http, listen: [ListenAddress(host: "127.0.0.1", port: 0)], routes: [route])
            try await server.reconfigure(options, upstreams: [.to([endpoint.port])])
            #expect(try await client.ask().status == 200)
        }
    }

    @Test("clients that leave say nothing to a breaker, and give a probe back")
    func breakerIgnoresAborts() async throws {
        let clock = ManualClock()
        let endpoint = try await TestServer.start()
        let route = try Self.forward(retries: ProxyRetries.none, breaker: Self.breaker())
        try await withProxy(routes: [route], upstreams: [.to([endpoint.port])], clock: clock) { server, port in
            var number = 0
            func leave() async throws {
                let client = try await TestConnection.open(port: port)
                try await client.send(HTTPRelayTests.request())
                let origin = try await endpoint.connection(number)
                _ = try await origin.receiveText(through: "\r\n\r\n")
                await client.close()
                try await origin.waitForEnd()
                number += 1
            }
            for _ in 0..<8 { try await leave() }
            #expect(await server.statistics().routes[0].breaker == .closed)
            let client = try await TestConnection.open(port: port)
            for _ in 0..<4 {
                try await client.send(HTTPRelayTests.request())
                let origin = try await endpoint.connection(number)
                _ = try await origin.receiveText(through: "\r\n\r\n")
                await origin.close()
                #expect(try await client.receiveAnswer().status == 502)
                number += 1
            }
            #expect(try await client.ask().status == 503)
            clock.advance(by: .seconds(10))
            // The only probe is given up by its client; another one is let through.
            try await leave()
            try await eventually("no request") { await server.statistics().routes[0].activeRequests == 0 }
            #expect(await server.statistics().routes[0].breaker == .halfOpen)
            try await client.send(HTTPRelayTests.request())
            let origin = try await endpoint.connection(number)
            _ = try await origin.receiveText(through: "\r\n\r\n")
            #expect(try await TestConnection.open(port: port).ask().status == 503)
            try await origin.send(HTTPRelayTests.answer("ok"))
            #expect(try await client.receiveAnswer().status == 200)
            #expect(await server.statistics().routes[0].breaker == .closed)
        }
    }

    @Test("no endpoint at all says nothing to a breaker")
    func breakerWithoutEndpoints() async throws {
        let route = try Self.forward(breaker: Self.breaker())
        try await withProxy(routes: [route], upstreams: [.to([])]) { server, port in
            let client = try await TestConnection.open(port: port)
            for _ in 0..<6 { #expect(try await client.ask().status == 503) }
            let traffic = await server.statistics().routes[0]
            #expect(traffic.breaker == .closed)
            #expect(traffic.refusedByBreaker == 0)
        }
    }

    // MARK: Retries

    @Test(
        "with all endpoints failing a proxy makes no more attempts than its budget says, also one before another one")
    func retryBudgetCapsStorm() async throws {
        let clock = ManualClock()
        let (ratio, floor, requests) = (0.2, 1.0, 200)
        let retries = ProxyRetries(attempts: 4, budgetRatio: ratio, budgetMinimumPerSecond: floor)
        let refusing = try FreePort.take(5)
        // The floor of a window of ten seconds may be used at once.
        let most = Double(requests) * (1 + ratio) + floor * 10
        func storm(_ server: ProxyServer, _ port: Int) async throws -> Int {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let client = try await TestConnection.open(port: port)
                        for _ in 0..<(requests / 4) { #expect(try await client.ask().status == 502) }
                    }
                }
                try await group.waitForAll()
            }
            let statistics = await server.statistics()
            #expect(statistics.traffic.requests == UInt64(requests))
            #expect(statistics.traffic.refusedRetries > 0)
            return statistics.endpoints.reduce(0) { $0 + Int($1.failedConnections) }
        }
        let upstreams = [try ProxyUpstream.to(refusing)]
        for route in [try Self.forward(), try Self.forward(retries: retries)] {
            try await withProxy(routes: [route], upstreams: upstreams, workers: 2, retries: retries, clock: clock) {
                server, port in
                let attempts = try await storm(server, port)
                #expect(Double(attempts) <= most, "\(attempts) attempts")
                #expect(attempts > requests)
            }
        }
        // Two in a row: the inner one answers 502, which is an answer and no reason to try again, so budgets do not multiply.
        try await withProxy(routes: [try Self.forward()], upstreams: upstreams, retries: retries, clock: clock) {
            inner, innerPort in
            try await withProxy(
                routes: [try Self.forward()], upstreams: [.to([innerPort])], retries: retries, clock: clock
            ) { outer, outerPort in
                let client = try await TestConnection.open(port: outerPort)
                for _ in 0..<requests { #expect(try await client.ask().status == 502) }
                #expect(await outer.statistics().traffic.retries == 0)
                #expect(await outer.statistics().endpoints[0].requests == UInt64(requests))
                let attempts = await inner.statistics().endpoints.reduce(0) { $0 + Int($1.failedConnections) }
                #expect(Double(attempts) <= most, "\(attempts) attempts")
            }
        }
    }
}
