import ColonyBalancing
import ColonyProxy
import Testing

@Suite("Routes: what is done with a request", .timeLimit(.minutes(3)))
struct RouteActionTests {
    @Test("each upstream gets what its route says, also where two of them share numbers and names of endpoints")
    func upstreams() async throws {
        let one = try await AnsweringServer.start(HTTPRelayTests.answer("one"))
        let two = try await AnsweringServer.start(HTTPRelayTests.answer("two"))
        let shared = try RunningProxy.balancer(to: [two.port])
        let upstreams = [
            try ProxyUpstream.to([one.port], name: "a"), try ProxyUpstream("b", balancer: shared),
            try ProxyUpstream("c", balancer: shared),
        ]
        let routes = [
            try ProxyRoute("to-a", RouteMatch(path: .prefix("/a")), .forward(RouteForward("a"))),
            try ProxyRoute("to-b", RouteMatch(path: .prefix("/b")), .forward(RouteForward("b"))),
            try ProxyRoute("to-c", .any, .forward(RouteForward("c"))),
        ]
        try await withProxy(routes: routes, upstreams: upstreams, workers: 2) { server, port in
            let client = try await TestConnection.open(port: port)
            for _ in 0..<3 {
                #expect(try await client.ask("GET", "/a").body == "one")
                #expect(try await client.ask("GET", "/b").body == "two")
                #expect(try await client.ask("GET", "/c").body == "two")
            }
            let statistics = await server.statistics()
            #expect(statistics.endpoints.map(\.upstream) == ["a", "b", "c"])
            #expect(statistics.endpoints.map(\.requests) == [3, 3, 3])
            #expect(statistics.endpoints.map(\.connections) == [1, 1, 1])
            #expect(statistics.routes.map(\.requests) == [3, 3, 3])
        }
    }

    @Test(
        "a prefix is replaced where it ends a segment, and what is left begins with one slash",
        arguments: [
            ("/api", "/v2", "/api/users?a=/api", "/v2/users?a=/api"), ("/api", "/v2", "/api", "/v2"),
            ("/api/", "/v2/", "/api/", "/v2/"), ("/api", "/", "/api", "/"), ("/api", "/", "/api?x", "/?x"),
            ("/api", "/", "/api/x", "/x"), ("/api", "/", "/api//evil.example/x", "/evil.example/x"),
            ("/", "/v2", "/x", "/v2/x"), ("/", "/v2", "/", "/v2/"), ("/api", "/v2", "/%61pi/%62", "/v2/%62"),
            ("/api", "/v2", "//api/x", "/v2/x"), ("/a/b", "/c", "/a//b/d", "/c/d"),
        ])
    func prefixes(prefix: String, replacement: String, target: String, expected: String) async throws {
        let endpoint = try await TestServer.start()
        let route = try ProxyRoute(
            "all", RouteMatch(path: .prefix(prefix)),
            .forward(RouteForward("origin", rewrite: RouteRewrite(prefix: replacement))))
        try await withProxy(routes: [route], upstreams: [.to([endpoint.port])]) { _, port in
            let client = try await TestConnection.open(port: port)
            try await client.send(HTTPRelayTests.request("GET", target))
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.hasPrefix("GET \(expected) HTTP/1.1\r\n"), "\(head)")
        }
    }

    @Test("host and header fields are changed both ways, also those that clients send with underscores or twice")
    func headerEdits() async throws {
        let endpoint = try await TestServer.start()
        let rewrite = try RouteRewrite(
            host: "inner.example:8080",
            request: HeaderEdits(
                set: [.init("X-Tenant", "blue")], add: [.init("X-Hop", "colony")], remove: ["Cookie", "x-debug"]),
            response: HeaderEdits(
                set: [.init("Strict-Transport-Security", "max-age=60")], add: [.init("Vary", "Origin")],
                remove: ["server"]))
        let route = try ProxyRoute("all", .any, .forward(RouteForward("origin", rewrite: rewrite)))
        try await withProxy(routes: [route], upstreams: [.to([endpoint.port])]) { _, port in
            let client = try await TestConnection.open(port: port)
            let fields =
                "X_Tenant: red\r\nx-tenant: red\r\nX-TENANT: red\r\nX-Hop: other\r\nCookie: a=b\r\nX-Debug: 1\r\nAccept: */*\r\n"
            try await client.send(HTTPRelayTests.request(fields: fields))
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(
                head == "GET / HTTP/1.1\r\nHost: inner.example:8080\r\nX-Hop: other\r\nAccept: */*\r\n"
                    + "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org\r\n"
                    + "X-Tenant: blue\r\nX-Hop: colony\r\n\r\n")
            try await server.send(
                "HTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\nVary: Accept\r\n"
                    + "Strict-Transport-Security: max-age=1\r\nContent-Length: 2\r\n\r\nhi")
            #expect(
                try await client.receiveText(through: "\r\n\r\n") == "HTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\n")
            let answer = try await client.receiveAnswer()
            #expect(
                answer.head == "HTTP/1.1 200 OK\r\nVary: Accept\r\nContent-Length: 2\r\n"
                    + "Strict-Transport-Security: max-age=60\r\nVary: Origin\r\n\r\n")
        }
    }

    @Test("redirects change what they say and keep the rest, and never lead to a host that a path has made up")
    func redirects() async throws {
        let cases: [(RouteRedirect, RouteMatch, String, String, String)] = [
            (try RouteRedirect(scheme: "https"), .any, "/a?b=c", "a.example:8080", "https://a.example/a?b=c"),
            (try RouteRedirect(scheme: "https"), .any, "/", "[::1]:8080", "https://[::1]/"),
            (
                try RouteRedirect(scheme: "http", path: .replaced("/new")), .any, "/a", "a.example:8080",
                "http://a.example:8080/new"
            ),
            (try RouteRedirect(status: 301, host: "b.example:81"), .any, "//x/y", "a", "http://b.example:81/x/y"),
            (
                try RouteRedirect(status: 302, path: .replaced("/new?from=old"), keepsQuery: true), .any, "/a?x=1", "a",
                "/new?from=old&x=1"
            ),
            (try RouteRedirect(status: 303, path: .replaced("/new"), keepsQuery: false), .any, "/a?x", "a", "/new"),
            (
                try RouteRedirect(status: 307, path: .prefixReplaced("/new")), try RouteMatch(path: .prefix("/old")),
                "/old/a%20b?x=1", "a", "/new/a%20b?x=1"
            ),
            (
                try RouteRedirect(path: .prefixReplaced("/")), try RouteMatch(path: .prefix("/old")),
                "/old//evil.example", "a", "/evil.example"
            ),
            (try RouteRedirect(keepsQuery: false), .any, "//evil.example/?x", "a", "/evil.example/"),
            (try RouteRedirect(keepsQuery: false), .any, "/\\evil.example/?x", "a", "/%5Cevil.example/"),
        ]
        for (redirect, match, target, host, location) in cases {
            try await withProxy(routes: [try ProxyRoute("there", match, .redirect(redirect))]) { _, port in
                let client = try await TestConnection.open(port: port)
                let answer = try await client.ask("GET", target, host: host)
                #expect(answer.status == redirect.status)
                #expect(answer.value(of: "Location") == location, "\(target): \(answer.head)")
                #expect(answer.value(of: "Content-Length") == "0")
                #expect(try await client.ask("HEAD", target, host: host).status == redirect.status)
            }
        }
    }

    @Test("a redirect to another scheme is refused where the request names no host, and would come back to itself")
    func redirectsNeedHosts() async throws {
        let route = try ProxyRoute("secure", .any, .redirect(RouteRedirect(scheme: "https")))
        try await withProxy(routes: [route]) { _, port in
            let client = try await TestConnection.open(port: port)
            try await client.send("GET /a HTTP/1.0\r\n\r\n")
            #expect(try await client.receiveAnswer().status == 400)
        }
    }

    @Test("an answer of a route has its status, its type, and its body, and 204 has none")
    func fixedAnswers() async throws {
        let routes = [
            try ProxyRoute("none", RouteMatch(path: .exact("/none")), .respond(RouteAnswer(status: 204))),
            try ProxyRoute(
                "text", .any, .respond(RouteAnswer(status: 503, contentType: "text/html", body: "<p>Säulen</p>"))),
        ]
        try await withProxy(routes: routes) { server, port in
            let client = try await TestConnection.open(port: port)
            let none = try await client.ask("GET", "/none")
            #expect(none.head == "HTTP/1.1 204 No Content\r\n\r\n")
            let text = try await client.ask()
            #expect(text.status == 503 && text.body == "<p>Säulen</p>")
            #expect(text.value(of: "Content-Type") == "text/html")
            #expect(await server.statistics().traffic.ownAnswers == 2)
        }
    }
}
