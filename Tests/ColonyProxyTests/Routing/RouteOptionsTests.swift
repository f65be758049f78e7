import ColonyBalancing
import ColonyProxy
import ColonyResilience
import Logging
import Testing

@Suite("Routes: what cannot be set")
struct RouteOptionsTests {
    private static func refused(_ quoted: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("\(quoted) was taken")
        } catch let error as ProxyError {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains(quoted), "\(error.message)")
        } catch {
            Issue.record("\(quoted): \(error)")
        }
    }

    @Test(
        "hosts of routes that are none are refused and quoted",
        arguments: [
            "", "*", "*.", "a.*", "*a.example", "a.example:80", "a b", "[::1]:1", "*.[::1]", "a/b", "*.*.a", "a:", ".a",
            String(repeating: "a", count: 300),
        ])
    func hosts(host: String) {
        Self.refused("\"\(host)\"") { _ = try RouteMatch(hosts: [host]) }
    }

    @Test(
        "paths of routes that are none, or that have two readings, are refused and quoted",
        arguments: ["", "a", "/a b", "/a?b", "/a#b", "/ä", "/a/../b", "/%2e", "/a%2fb", "/a\\b", "/%", "/a\r\nb"])
    func paths(path: String) {
        Self.refused("\"\(path)\"") { _ = try RouteMatch(path: .exact(path)) }
        Self.refused("\"\(path)\"") { _ = try RouteMatch(path: .prefix(path)) }
    }

    @Test("names, methods, and header fields of routes that are none are refused and quoted")
    func matches() {
        Self.refused("\"a b\"") { _ = try RouteMatch(methods: ["a b"]) }
        Self.refused("\"\"") { _ = try RouteMatch(methods: [""]) }
        Self.refused("65 methods") { _ = try RouteMatch(methods: [String](repeating: "GET", count: 65)) }
        Self.refused("1025 hosts") { _ = try RouteMatch(hosts: [String](repeating: "a", count: 1_025)) }
        Self.refused("\"X:\"") { _ = try HeaderMatch("X:") }
        Self.refused("the value of X, of 4 bytes") { _ = try HeaderMatch("X", .exact("a\r\nb")) }
        Self.refused("\"a/b\"") { _ = try ProxyRoute("a/b", .any, .respond(RouteAnswer(status: 200))) }
        Self.refused("\"\"") { _ = try ProxyUpstream("", balancer: LoadBalancer([])) }
    }

    @Test("nothing that a route writes can end a line, frame a message, or belong to a connection")
    func edits() {
        for value in ["a\r\nX-Evil: 1", "a\nb", "\0", "ä", String(repeating: "a", count: 5_000)] {
            // It may be a secret, so only its length is told.
            Self.refused("the value of X, of \(value.utf8.count) bytes") {
                _ = try HeaderEdits(set: [.init("X", value)])
            }
            Self.refused("the value of X, of \(value.utf8.count) bytes") {
                _ = try HeaderEdits(add: [.init("X", value)])
            }
        }
        for name in [
            "Content-Length", "transfer-encoding", "Connection", "Keep-Alive", "Upgrade", "TE", "Trailer", "Host",
            "Proxy-Connection", "X-Forwarded-For", "forwarded", "Via", "content_length", "Expect", "a b", "",
        ] {
            Self.refused("\"\(name)\"") { _ = try HeaderEdits(set: [.init(name, "1")]) }
            Self.refused("\"\(name)\"") { _ = try HeaderEdits(add: [.init(name, "1")]) }
            Self.refused("\"\(name)\"") { _ = try HeaderEdits(remove: [name]) }
        }
        for host in ["", "a b", "a\r\nb", "a,b", "a:99999"] {
            Self.refused("\"\(host)\"") { _ = try RouteRewrite(host: host) }
            Self.refused("\"\(host)\"") { _ = try RouteRedirect(host: host) }
        }
        for path in ["", "a", "//a", "/a b", "/a\r\nb"] {
            Self.refused("\"\(path)\"") { _ = try RouteRewrite(prefix: path) }
            Self.refused("\"\(path)\"") { _ = try RouteRedirect(path: .replaced(path)) }
            Self.refused("\"\(path)\"") { _ = try RouteRedirect(path: .prefixReplaced(path)) }
        }
        Self.refused("\"/\\evil\"") { _ = try RouteRedirect(path: .replaced("/\\evil")) }
        Self.refused("304") { _ = try RouteRedirect(status: 304, scheme: "https") }
        Self.refused("\"ftp\"") { _ = try RouteRedirect(scheme: "ftp") }
        Self.refused("nothing") { _ = try RouteRedirect() }
        Self.refused("\"a\"") {
            _ = try ProxyRoute("a", .any, .redirect(RouteRedirect(path: .prefixReplaced("/b"))))
        }
        Self.refused("\"a\"") {
            _ = try ProxyRoute(
                "a", RouteMatch(path: .exact("/b")), .forward(RouteForward("u", rewrite: RouteRewrite(prefix: "/c"))))
        }
    }

    @Test("answers, limits, time-outs, keys, and cookies outside of their ranges are refused and quoted")
    func ranges() {
        Self.refused("199") { _ = try RouteAnswer(status: 199) }
        Self.refused("\"\"") { _ = try RouteAnswer(status: 200, contentType: "") }
        Self.refused("204") { _ = try RouteAnswer(status: 204, body: "a") }
        Self.refused("65537 bytes") { _ = try RouteAnswer(status: 200, body: String(repeating: "a", count: 65_537)) }
        Self.refused("-1 bytes") { _ = try RouteLimits(bodyBytes: -1) }
        Self.refused("0 requests") { _ = try RouteLimits(concurrentRequests: 0) }
        Self.refused("0 keys") { _ = try RouteRateLimit(RateLimitRule(1, per: .seconds(1)), capacity: 0) }
        Self.refused("\"a b\"") { _ = try RouteRateLimit(RateLimitRule(1, per: .seconds(1)), for: .header("a b")) }
        Self.refused("total of 0.0 seconds") { _ = try RouteForward("a", timeouts: RouteTimeouts(total: .zero)) }
        Self.refused("answer of") { _ = try RouteForward("a", timeouts: RouteTimeouts(answer: .seconds(90_000))) }
        Self.refused("0 attempts") { _ = try RouteForward("a", retries: ProxyRetries(attempts: 0)) }
        Self.refused("-1.0") { _ = try RouteForward("a", retries: ProxyRetries(budgetRatio: -1)) }
        Self.refused("\"a;b\"") { _ = try RouteForward("a", key: .cookie("a;b")) }
        Self.refused("\"a=b\"") { _ = try RouteForward("a", key: .query("a=b")) }
        Self.refused("\"\"") { _ = try RouteForward("a", key: .header("")) }
        Self.refused("\"a b\"") { _ = try StickyCookie("a b") }
        Self.refused("\"/;a\"") { _ = try StickyCookie("a", path: "/;a") }
        Self.refused("SameSite=None") { _ = try StickyCookie("a", sameSite: StickyCookie.SameSite.none) }
        Self.refused("0.5 seconds") { _ = try StickyCookie("a", lifetime: .milliseconds(500)) }
        Self.refused("less than 16 bytes") { _ = try StickyCookie("a", secret: "short") }
        #expect(throws: Never.self) { _ = try StickyCookie("a", isSecure: true, sameSite: StickyCookie.SameSite.none) }
    }

    @Test("a proxy has upstreams and routes with names of their own, and each route an upstream that is there")
    func proxies() throws {
        let listen = [try ListenAddress("127.0.0.1:0")]
        let upstream = try ProxyUpstream("a", balancer: LoadBalancer([]))
        let route = try ProxyRoute("r", .any, .forward(RouteForward("missing")))
        func make(_ upstreams: [ProxyUpstream], _ routes: [ProxyRoute]) throws {
            _ = try ProxyServer(
                options: ProxyOptions(mode: .http, listen: listen, routes: routes), upstreams: upstreams,
                logger: .silent)
        }
        Self.refused("\"missing\"") { try make([upstream], [route]) }
        Self.refused("\"a\"") { try make([upstream, upstream], []) }
        Self.refused("not 0") { try make([], []) }
        Self.refused("\"a\"") {
            try make([upstream, upstream], [ProxyRoute("r", .any, .forward(RouteForward("a")))])
        }
        Self.refused("\"r\"") { try make([upstream], [route, route]) }
        Self.refused("TCP") { _ = try ProxyOptions(mode: .tcp, listen: listen, routes: [route]) }
        Self.refused("17 trusted") {
            _ = try ProxyOptions(
                mode: .http, listen: listen, forwarding: ForwardingOptions(trusted: .everybody, trustedHops: 17))
        }
        Self.refused("2 trusted") {
            _ = try ProxyOptions(mode: .http, listen: listen, forwarding: ForwardingOptions(trustedHops: 2))
        }
        #expect(throws: Never.self) {
            try make([], [ProxyRoute("r", .any, .redirect(RouteRedirect(scheme: "https")))])
        }
    }

    @Test("the example of the handbook can be made")
    func example() throws {
        let logger = Logger.silent
        let secret = "one that nobody guesses"
        let api = try ProxyUpstream(
            "api", balancer: LoadBalancer([Endpoint("10.0.0.1:8080"), Endpoint("10.0.0.2:8080")]))
        let shop = try ProxyUpstream("shop", balancer: LoadBalancer([Endpoint("10.0.1.1:8080")]))
        let routes = [
            try ProxyRoute("internal", RouteMatch(path: .prefix("/internal")), .respond(RouteAnswer(status: 403))),
            try ProxyRoute(
                "api", RouteMatch(hosts: ["api.example"], path: .prefix("/v1"), methods: ["GET", "POST"]),
                .forward(
                    RouteForward(
                        "api",
                        rewrite: RouteRewrite(
                            prefix: "/",
                            response: HeaderEdits(set: [.init("Cache-Control", "no-store")], remove: ["Server"])),
                        timeouts: RouteTimeouts(answer: .seconds(5), total: .seconds(20)),
                        retries: ProxyRetries(attempts: 2, budgetRatio: 0.1),
                        breaker: CircuitBreakerOptions(failureRate: 0.5), key: .header("X-Tenant"))),
                limits: RouteLimits(
                    bodyBytes: 1_000_000, rateLimit: RouteRateLimit(RateLimitRule(100, per: .seconds(1))),
                    concurrentRequests: 500)),
            try ProxyRoute(
                "old", RouteMatch(path: .prefix("/shop")), .redirect(RouteRedirect(path: .prefixReplaced("/store")))),
            try ProxyRoute(
                "shop", RouteMatch(hosts: ["shop.example", "*.shop.example"]),
                .forward(RouteForward("shop", sticky: StickyCookie("route", secret: secret)))),
        ]
        let proxy = try ProxyServer(
            options: ProxyOptions(mode: .http, listen: [ListenAddress("0.0.0.0:8080")], routes: routes),
            upstreams: [api, shop], logger: logger)
        #expect(throws: Never.self) { proxy.shutDown() }
    }
}
