import ColonyBalancing
import ColonyResilience
import ColonySimulation
import NIOCore
import Testing

@testable import ColonyProxy

@Suite("Routes: clients that stay, keys, and who the client is", .timeLimit(.minutes(3)))
struct StickyTests {
    private static func servers(_ count: Int) async throws -> [AnsweringServer] {
        var servers: [AnsweringServer] = []
        for number in 0..<count { servers.append(try await AnsweringServer.start(HTTPRelayTests.answer("\(number)"))) }
        return servers
    }

    private static func route(
        _ key: PickKey? = nil, sticky: StickyCookie? = nil, limits: RouteLimits = .none
    ) throws -> ProxyRoute {
        try ProxyRoute("all", .any, .forward(RouteForward("origin", key: key, sticky: sticky)), limits: limits)
    }

    @Test(
        "a cookie keeps a client with its endpoint, reveals no address, and is set anew when the endpoint is out or gone"
    )
    func cookies() async throws {
        let servers = try await Self.servers(3)
        let clock = ManualClock()
        let cookie = try StickyCookie(
            "route", lifetime: .seconds(60), path: "/app", isSecure: true, sameSite: .strict)
        let upstream = try ProxyUpstream.to(servers.map(\.port))
        let names = upstream.balancer.endpoints.map(\.name)
        try await withProxy(
            routes: [Self.route(sticky: cookie)], upstreams: [upstream], clock: clock
        ) { _, port in
            let client = try await TestConnection.open(port: port)
            let first = try await client.ask()
            let set = try #require(first.value(of: "Set-Cookie"))
            let value = String(set.dropFirst("route=".count).prefix(32))
            #expect(set == "route=\(value); Path=/app; Max-Age=60; Secure; HttpOnly; SameSite=Strict")
            #expect(value.allSatisfy { "0123456789abcdef".contains($0) })
            for port in servers.map(\.port) { #expect(!set.contains("\(port)")) }
            func ask(_ cookie: String) async throws -> TestAnswer {
                clock.advance(by: .seconds(2))
                return try await client.ask(fields: "Cookie: \(cookie)\r\n")
            }
            for form in [
                "route=\(value)", "a=b; route=\(value); c=d", "route=\"\(value)\"", "xroute=1;  route=\(value)",
            ] {
                for _ in 0..<4 {
                    let answer = try await ask(form)
                    #expect(answer.body == first.body)
                    #expect(answer.value(of: "Set-Cookie") == nil)
                }
            }
            // What was made up is as none.
            for form in ["route=\(String(repeating: "0", count: 32))", "route=../..", "route=", "Route=\(value)"] {
                #expect(try await ask(form).value(of: "Set-Cookie") != nil)
            }
            let name = names[Int(first.body) ?? 0]
            // Drain keeps the clients that are there, maintenance does not.
            try upstream.balancer.setState(.draining, of: name)
            #expect(try await ask("route=\(value)").body == first.body)
            try upstream.balancer.setState(.maintenance, of: name)
            let moved = try await ask("route=\(value)")
            #expect(moved.body != first.body)
            let second = try #require(moved.value(of: "Set-Cookie"))
            #expect(second.prefix(38) != set.prefix(38))
            for _ in 0..<4 { #expect(try await ask(String(second.prefix(38))).body == moved.body) }
            // Taken out while its cookie is in use.
            try upstream.balancer.setEndpoints(
                upstream.balancer.endpoints.filter { $0.name != name && $0.name != names[Int(moved.body) ?? 0] })
            let last = try await ask(String(second.prefix(38)))
            #expect(last.body != moved.body && last.body != first.body)
            #expect(last.value(of: "Set-Cookie") != nil)
        }
    }

    @Test("an endpoint that fails a client with a cookie is left, and the cookie with it")
    func failedEndpoint() async throws {
        let servers = try await Self.servers(1)
        let dead = try await TestServer.start()
        let upstream = try ProxyUpstream.to([dead.port, servers[0].port])
        let cookie = try StickyCookie("s", secret: "a secret of many bytes")
        try await withProxy(routes: [Self.route(sticky: cookie)], upstreams: [upstream]) { _, port in
            let client = try await TestConnection.open(port: port)
            let value = StickyPlan(cookie, upstream: "origin", chance: SipHash(key: 1, 2))
                .value(of: upstream.balancer.endpoints[0].name)
            var text = ByteBuffer()
            value.write(to: &text)
            await dead.stop()
            let moved = try await client.ask(fields: "Cookie: s=\(String(buffer: text))\r\n")
            #expect(moved.body == "0")
            #expect(moved.value(of: "Set-Cookie") != nil)
        }
    }

    @Test("with the same secret another proxy knows the cookie, with another secret it does not")
    func secrets() async throws {
        let servers = try await Self.servers(4)
        var values: [String: String] = [:]
        for (label, secret) in [("a", "0123456789abcdef"), ("b", "0123456789abcdef"), ("c", "0123456789abcdeg")] {
            let cookie = try StickyCookie("s", secret: secret)
            let upstream = try ProxyUpstream.to([servers[0].port])
            try await withProxy(routes: [Self.route(sticky: cookie)], upstreams: [upstream]) { _, port in
                values[label] = try await TestConnection.open(port: port).ask().value(of: "Set-Cookie")
            }
        }
        #expect(values["a"] == values["b"])
        #expect(values["a"] != values["c"])
    }

    @Test(
        "requests with the same key go to the same endpoint, by header, cookie, query, or path; others are spread",
        arguments: [
            PickKey.header("X-User"), .cookie("user"), .query("user"), .path,
        ])
    func keys(key: PickKey) async throws {
        let servers = try await Self.servers(4)
        let upstream = try ProxyUpstream.to(servers.map(\.port), algorithm: BalancingAlgorithm("ring-hash"))
        try await withProxy(routes: [Self.route(key)], upstreams: [upstream]) { _, port in
            let client = try await TestConnection.open(port: port)
            var generator = SeededGenerator(seed: 1)
            func ask(_ user: Int) async throws -> String {
                switch key {
                case .header: try await client.ask(fields: "x-user: \(user)\r\n").body
                case .cookie: try await client.ask(fields: "Cookie: a=1; user=\(user)\r\n").body
                case .query: try await client.ask("GET", "/?a=b&user=\(user)&user=9").body
                default: try await client.ask("GET", "/\(user)?\(generator.next())").body
                }
            }
            var seen: Set<String> = []
            for user in 0..<32 {
                let one = try await ask(user)
                #expect(try await ask(user) == one)
                seen.insert(one)
            }
            #expect(seen.count >= 3)
        }
    }

    @Test(
        "behind trusted proxies the client is the first address from the right that is not trusted, so many at most",
        arguments: [
            (1, "9.9.9.9", "9.9.9.9"), (1, "1.1.1.1, 9.9.9.9", "9.9.9.9"), (2, "9.9.9.9, 10.0.0.1", "9.9.9.9"),
            (2, "8.8.8.8, 9.9.9.9", "9.9.9.9"), (3, "8.8.8.8, 9.9.9.9, 10.0.0.1", "9.9.9.9"),
            (1, "9.9.9.9, 10.0.0.1", "10.0.0.1"), (5, "10.0.0.2, 10.0.0.1", "10.0.0.2"), (1, "unknown", "127.0.0.1"),
            (2, "unknown, 10.0.0.1", "10.0.0.1"), (1, "", "127.0.0.1"), (1, "9.9.9.9:1234", "9.9.9.9"),
            (1, "[2001:db8::1]:80", "2001:db8::1"), (1, " 2001:db8::1 ", "2001:db8::1"),
            (2, "9.9.9.9,,10.0.0.1", "9.9.9.9"),
            (0, "9.9.9.9", "127.0.0.1"),
        ])
    func trustedHops(hops: Int, field: String, client: String) async throws {
        let servers = try await Self.servers(1)
        let (log, entries) = AccessLog.stream()
        let trusted = try TrustedSources(["127.0.0.1", "10.0.0.0/8"])
        try await withProxy(
            routes: [Self.route()], upstreams: [.to(servers.map(\.port))],
            forwarding: ForwardingOptions(trusted: trusted, trustedHops: hops), accessLog: log
        ) { _, port in
            let connection = try await TestConnection.open(port: port)
            _ = try await connection.ask(fields: "X-Forwarded-For: \(field)\r\n")
            var iterator = entries.makeAsyncIterator()
            #expect(await iterator.next()?.client == client)
        }
    }

    @Test("limits and placement by address go by the client behind trusted proxies, and by nobody's word otherwise")
    func clientBehindProxies() async throws {
        let servers = try await Self.servers(4)
        let rule = try RouteRateLimit(RateLimitRule(1, per: .seconds(1_000)))
        let upstream = try ProxyUpstream.to(servers.map(\.port), algorithm: BalancingAlgorithm("ring-hash"))
        for (trusted, expected) in [(["127.0.0.1"], [200, 200, 429]), (["10.0.0.1"], [200, 429, 429])] {
            try await withProxy(
                routes: [Self.route(limits: RouteLimits(rateLimit: rule))], upstreams: [upstream],
                forwarding: ForwardingOptions(trusted: TrustedSources(trusted), trustedHops: 1)
            ) { _, port in
                let client = try await TestConnection.open(port: port)
                var statuses: [Int] = []
                for address in ["9.9.9.9", "8.8.8.8", "9.9.9.9"] {
                    statuses.append(try await client.ask(fields: "X-Forwarded-For: \(address)\r\n").status)
                }
                #expect(statuses == expected)
            }
        }
    }

    @Test("SipHash gives what its authors' implementation gives")
    func sipHash() {
        let hash = SipHash(key: 0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
        let expected: [(UInt64, UInt64)] = [
            (0xE6A8_25BA_047F_81A3, 0x9302_55C7_1472_F66D), (0x44AF_996B_D8C1_87DA, 0x45FC_229B_1159_7634),
            (0xC75D_A4A4_8D22_7781, 0xE4FF_0AF6_DE8B_A3FC),
        ]
        for (count, words) in expected.enumerated() {
            let result = hash.hash((0..<count).map { UInt8($0) })
            #expect(result == words)
        }
    }
}
