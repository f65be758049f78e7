import ColonyProxy
import Testing

@Suite("Routes: which request is for which", .timeLimit(.minutes(3)))
struct RouteMatchTests {
    /// A route that answers with its own name.
    static func named(_ name: String, _ match: RouteMatch) throws -> ProxyRoute {
        try ProxyRoute(name, match, .respond(RouteAnswer(status: 200, body: name)))
    }

    private static func routes() throws -> [ProxyRoute] {
        [
            try Self.named("closed", RouteMatch(path: .prefix("/admin"))),
            try Self.named("exact-host", RouteMatch(hosts: ["a.example"], path: .exact("/one"))),
            try Self.named("wild", RouteMatch(hosts: ["*.a.example"])),
            try Self.named("deep-wild", RouteMatch(hosts: ["*.b.a.example"])),
            try Self.named("ip", RouteMatch(hosts: ["[::1]", "127.0.0.1"])),
            try Self.named("api", RouteMatch(path: .prefix("/api/"), methods: ["GET", "PURGE"])),
            try Self.named("space", RouteMatch(path: .exact("/a%20b"))),
            try Self.named("present", RouteMatch(path: .prefix("/h"), headers: [HeaderMatch("X-A")])),
            try Self.named(
                "value",
                RouteMatch(
                    path: .prefix("/h"),
                    headers: [HeaderMatch("X-B", .exact("1")), HeaderMatch("X-C", .prefix("be"))])),
            try Self.named(
                "contains", RouteMatch(path: .prefix("/h"), headers: [HeaderMatch("x-d", .contains("mid"))])),
            try Self.named("absent", RouteMatch(path: .prefix("/h"), headers: [HeaderMatch("x-e", .absent)])),
            try Self.named("secure", RouteMatch(path: .exact("/tls"), isSecure: true)),
            try Self.named("plain", RouteMatch(path: .exact("/tls"), isSecure: false)),
            try Self.named("late", RouteMatch(hosts: ["a.example"], path: .prefix("/"))),
        ]
    }

    @Test(
        "the first route of the list wins, by host, path, method, header fields, and scheme; without one the answer is 404"
    )
    func matching() async throws {
        let cases: [(String, String, String, String, String?)] = [
            ("GET", "/one", "a.example", "", "exact-host"), ("GET", "/one?x=/two", "A.Example:8080", "", "exact-host"),
            ("GET", "/one", "a.example.", "", "exact-host"), ("GET", "/one/", "a.example", "", "late"),
            ("GET", "/", "x.a.example", "", "wild"), ("GET", "/", "x.b.a.EXAMPLE:1", "", "wild"),
            ("GET", "/", "xa.example", "", nil), ("GET", "/admin", "x.a.example", "", "closed"),
            ("GET", "/adminx", "x.a.example", "", "wild"), ("GET", "/", "[::1]:80", "", "ip"),
            ("GET", "/", "127.0.0.1", "", "ip"), ("GET", "/api", "h", "", "api"), ("GET", "/api/", "h", "", "api"),
            ("PURGE", "/api/x/y", "h", "", "api"), ("POST", "/api", "h", "", nil), ("get", "/api", "h", "", nil),
            ("GET", "/apis", "h", "", nil), ("GET", "/a%20b", "h", "", "space"), ("GET", "/%61%20b", "h", "", "space"),
            ("GET", "/h/1", "h", "x-a: \r\nX-E: 1\r\n", "present"),
            ("GET", "/h", "h", "X-B: 2\r\nX-B: 1\r\nX-C: better\r\nX-E: 1\r\n", "value"),
            ("GET", "/h", "h", "X-B: 1\r\nX-C: worse\r\nX-E: 1\r\n", nil),
            ("GET", "/h", "h", "X-D: amidst\r\nX-E: 1\r\n", "contains"), ("GET", "/h", "h", "X-D: mi\r\n", "absent"),
            ("GET", "/h", "h", "x-E: 1\r\n", nil), ("GET", "/tls", "h", "", "plain"),
            ("GET", "http://a.example/one", "other", "", "exact-host"),
            ("GET", "http://a.example", "other", "", "late"),
            ("OPTIONS", "*", "a.example", "", nil), ("OPTIONS", "*", "x.a.example", "", "wild"),
        ]
        try await withProxy(routes: try Self.routes()) { server, port in
            let client = try await TestConnection.open(port: port)
            for (method, target, host, fields, name) in cases {
                let answer = try await client.ask(method, target, host: host, fields: fields)
                if let name {
                    #expect(answer.status == 200 && answer.body == name, "\(method) \(target) \(host): \(answer)")
                } else {
                    #expect(answer.status == 404, "\(method) \(target) \(host): \(answer)")
                    #expect(answer.value(of: "Content-Type") == "application/problem+json")
                }
            }
            let statistics = await server.statistics()
            #expect(statistics.routes.map(\.name) == (try Self.routes().map(\.name)))
            let matched = cases.count { $0.4 != nil }
            #expect(statistics.routes.reduce(0) { $0 + $1.requests } == UInt64(matched))
            #expect(statistics.routes.reduce(0) { $0 + $1.answers.successful } == UInt64(matched))
            #expect(statistics.traffic.answers.refused == UInt64(cases.count - matched))
        }
    }

    @Test(
        "a path with another reading goes around no route: encodings and double slashes are read, what is left is refused",
        arguments: [
            ("/admin", "closed"), ("/%61dmin", "closed"), ("//admin", "closed"), ("/admin//x", "closed"),
            ("/admin;x/secret", "closed"), ("/admin;", "closed"), ("/;x/admin", "closed"), ("/admin;/x", "closed"),
            ("/ADMIN", "open"), ("/.admin", "open"), ("/...", "open"), ("/x;/admin", "open"),
            ("/x?y=/../admin", "open"), ("/x/../admin", nil), ("/..", nil), ("/./admin", nil), ("/%2e%2E/admin", nil),
            ("/.%2e/admin", nil), ("/x/..;/admin", nil), ("/x/..;a=b/admin", nil), ("/x%2f..%2fadmin", nil),
            ("/x%5cadmin", nil), ("/x\\admin", nil), ("/admin%00", nil), ("/%zz", nil), ("/%2", nil),
        ])
    func readings(target: String, name: String?) async throws {
        let routes = [
            try Self.named("closed", RouteMatch(path: .prefix("/admin"))), try Self.named("open", .any),
        ]
        try await withProxy(routes: routes) { _, port in
            let client = try await TestConnection.open(port: port)
            let answer = try await client.ask("GET", target)
            if let name {
                #expect(answer.body == name)
            } else {
                #expect(answer.status == 400)
                #expect(answer.value(of: "Connection") == "close")
            }
        }
    }

    @Test("where no route looks at paths, they are passed on whatever they are")
    func pathsAsTheyAre() async throws {
        try await withProxy(routes: [try Self.named("all", .any)]) { _, port in
            let client = try await TestConnection.open(port: port)
            for target in ["/x/../y", "/%zz", "/a%2fb", "//"] {
                #expect(try await client.ask("GET", target).body == "all")
            }
        }
    }

    @Test("a body that nobody wants is skipped if it has come, and otherwise ends the connection")
    func unwantedBodies() async throws {
        try await withProxy(routes: [try Self.named("all", .any)]) { _, port in
            let client = try await TestConnection.open(port: port)
            for _ in 0..<2 {
                let answer = try await client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
                #expect(answer.body == "all")
            }
            let other = try await TestConnection.open(port: port)
            let answer = try await other.ask("POST", fields: "Content-Length: 1000000\r\n")
            #expect(answer.value(of: "Connection") == "close")
            try await other.waitForEnd()
            #expect(!other.inbox.contents.isBroken)
        }
    }

    @Test("a request without a host is for the routes without hosts")
    func noHost() async throws {
        let routes = [try Self.named("host", RouteMatch(hosts: ["a", "*.a"])), try Self.named("all", .any)]
        try await withProxy(routes: routes) { _, port in
            for text in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n"] {
                let client = try await TestConnection.open(port: port)
                let answer = try await client.ask(text)
                #expect(answer.body == "all")
            }
        }
    }

    @Test("an answer to HEAD says how long it would be and has no body")
    func headRequests() async throws {
        try await withProxy(routes: [try Self.named("all", .any)]) { _, port in
            let client = try await TestConnection.open(port: port)
            try await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try await client.receiveText(through: "\r\n\r\n")
            #expect(head.contains("Content-Length: 3\r\n"))
            #expect(try await client.ask().body == "all")
        }
    }

    @Test("a thousand hosts and paths are told apart")
    func manyRoutes() async throws {
        var routes: [ProxyRoute] = []
        for number in 0..<500 {
            routes.append(try Self.named("host-\(number)", RouteMatch(hosts: ["h\(number).example"])))
            routes.append(try Self.named("path-\(number)", RouteMatch(path: .prefix("/p\(number)/x"))))
        }
        try await withProxy(routes: routes) { _, port in
            let client = try await TestConnection.open(port: port)
            for number in stride(from: 0, to: 500, by: 7) {
                #expect(
                    try await client.ask("GET", "/p1/x", host: "h\(number).example").body
                        == (number <= 1 ? "host-\(number)" : "path-1"))
                #expect(try await client.ask("GET", "/p\(number)/x/y").body == "path-\(number)")
                #expect(try await client.ask("GET", "/p\(number)/xy").status == 404)
            }
        }
    }
}
