import ColonyBalancing
import ColonyCore
import ColonyProxy
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Routes of a running proxy that are changed", .timeLimit(.minutes(3)))
struct RouteChangeTests {
    private static func options(_ routes: [ProxyRoute]) throws -> ProxyOptions {
        try ProxyOptions(mode: .http, listen: [ListenAddress("127.0.0.1:0")], drain: .zero, routes: routes)
    }

    private static func route(
        edit: String, limits: RouteLimits = .none, breaker: CircuitBreakerOptions? = nil, sticky: StickyCookie? = nil
    ) throws -> ProxyRoute {
        let rewrite = try RouteRewrite(response: HeaderEdits(set: [.init("X-Edit", edit)]))
        return try ProxyRoute(
            "all", .any,
            .forward(
                RouteForward(
                    "origin", rewrite: rewrite, retries: ProxyRetries.none, breaker: breaker, sticky: sticky)),
            limits: limits)
    }

    @Test("a request under way ends by the rules that it began with, and counts for the limit of the new ones")
    func requestsUnderWay() async throws {
        let endpoint = try await TestServer.start()
        let upstream = try ProxyUpstream.to([endpoint.port])
        let limits = try RouteLimits(concurrentRequests: 1)
        try await withProxy(routes: [Self.route(edit: "old")], upstreams: [upstream]) { server, port in
            let client = try await TestConnection.open(port: port)
            try await client.send(HTTPRelayTests.request())
            let origin = try await endpoint.connection()
            _ = try await origin.receiveText(through: "\r\n\r\n")
            try await server.reconfigure(Self.options([Self.route(edit: "new", limits: limits)]), upstreams: [upstream])
            // It was let in without a limit, so it holds no place.
            let other = try await TestConnection.open(port: port)
            try await other.send(HTTPRelayTests.request())
            let second = try await endpoint.connection(1)
            _ = try await second.receiveText(through: "\r\n\r\n")
            try await server.reconfigure(
                Self.options([Self.route(edit: "newer", limits: limits)]), upstreams: [upstream])
            #expect(try await TestConnection.open(port: port).ask().status == 503)
            try await origin.send(HTTPRelayTests.answer("a"))
            #expect(try await client.receiveAnswer().value(of: "X-Edit") == "old")
            try await second.send(HTTPRelayTests.answer("b"))
            #expect(try await other.receiveAnswer().value(of: "X-Edit") == "new")
            try await client.send(HTTPRelayTests.request())
            try await eventually("a request on a kept connection") { !origin.text.isEmpty || !second.text.isEmpty }
            for connection in [origin, second] where !connection.text.isEmpty {
                try await connection.send(HTTPRelayTests.answer("c"))
            }
            #expect(try await client.receiveAnswer().value(of: "X-Edit") == "newer")
            let traffic = await server.statistics().routes
            #expect(traffic.map(\.name) == ["all"])
            #expect(traffic[0].requests == 4)
            #expect(traffic[0].activeRequests == 0)
        }
    }

    @Test("limits, breakers, and cookies whose rules stay go on through a change, and begin anew with other rules")
    func whatStays() async throws {
        let endpoint = try await AnsweringServer.start("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        let clock = ManualClock()
        let upstream = try ProxyUpstream.to([endpoint.port])
        func breaker(calls: Int) throws -> CircuitBreakerOptions {
            try CircuitBreakerOptions(window: .calls(calls), minimumCalls: 2)
        }
        func rate(_ permits: Int) throws -> RouteLimits {
            try RouteLimits(rateLimit: RouteRateLimit(RateLimitRule(permits, per: .seconds(1_000)), for: .all))
        }
        let cookie = try StickyCookie("s")
        let first = try Self.route(edit: "1", limits: rate(3), breaker: breaker(calls: 2), sticky: cookie)
        try await withProxy(routes: [first], upstreams: [upstream], clock: clock) { server, port in
            let client = try await TestConnection.open(port: port)
            let set = try #require(try await client.ask().value(of: "Set-Cookie"))
            #expect(try await client.ask().status == 500)
            #expect(await server.statistics().routes[0].breaker == .open)
            let same = try Self.route(edit: "2", limits: rate(3), breaker: breaker(calls: 2), sticky: cookie)
            try await server.reconfigure(Self.options([same]), upstreams: [upstream])
            #expect(try await client.ask().status == 503)
            #expect(try await client.ask().status == 429)
            let other = try Self.route(edit: "3", limits: rate(4), breaker: breaker(calls: 4), sticky: cookie)
            try await server.reconfigure(Self.options([other]), upstreams: [upstream])
            let answer = try await client.ask(fields: "Cookie: \(set.prefix(34))\r\n")
            #expect(answer.status == 500)
            #expect(answer.value(of: "Set-Cookie") == nil)
            #expect(answer.value(of: "X-Edit") == "3")
        }
    }
}
