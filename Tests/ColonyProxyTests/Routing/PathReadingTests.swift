import ColonyProxy
import ColonySimulation
import RealServers
import Testing

@testable import ColonyProxy

@Suite("Routes: paths as servers read them", .timeLimit(.minutes(3)))
struct PathReadingTests {
    private static let pieces = [
        "/", "/", "/", "//", "admin", "admin", "admin", "%61dmin", "adm%69n", "Admin", ".", "..", "%2e", "%2E%2e",
        ".%2e",
        "%2f", "%2F..", "%5c", "\\", ";", "..;", ";a=b", "x", "%78", "%00", "?", "%", "%2", "%25", "%252e", "+", "%20",
        "~",
    ]

    @Test(
        "no path that nginx takes for a closed one goes around the route that closes it",
        .enabled(if: NginxProcess.isAvailable))
    func nothingGoesAround() async throws {
        let nginx = try NginxProcess(
            origin: "location / { return 200; } location = /admin { return 201; } location ^~ /admin/ { return 201; }")
        let routes = [
            try ProxyRoute("closed", RouteMatch(path: .prefix("/admin")), .respond(RouteAnswer(status: 403))),
            try ProxyRoute("open", .any, .forward(RouteForward("origin"))),
        ]
        try await withProxy(routes: routes, upstreams: [.to([nginx.originPort])]) { _, port in
            var generator = SeededGenerator(seed: 20_260)
            var closed = 0
            var passed = 0
            for _ in 0..<1_000 {
                var path = "/"
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    path += Self.pieces.randomElement(using: &generator) ?? ""
                }
                func status(_ port: Int) async throws -> Int {
                    let client = try await TestConnection.open(port: port)
                    let answer = try await client.ask("GET", path, fields: "Connection: close\r\n")
                    await client.close()
                    return answer.status
                }
                let direct = try await status(nginx.originPort)
                let through = try await status(port)
                #expect(through != 201, "\(path) goes around")
                if direct == 201 {
                    closed += 1
                    #expect(through == 403 || through == 400, "\(path): \(through)")
                } else if direct == 200, through == 200 {
                    passed += 1
                }
            }
            // Or the paths say nothing.
            #expect(closed > 50)
            #expect(passed > 50)
        }
    }

    @Test("a path is read in place, and its first bytes are found in what came")
    func reading() {
        let cases: [(String, String?)] = [
            ("/a/b", "/a/b"), ("//a///b/", "/a/b/"), ("/%61%2520", "/a%20"), ("/a%3Bb", "/a;b"),
            ("/a..b/...", "/a..b/..."),
            ("/.", nil), ("/..", nil), ("/a/./b", nil), ("/a/..;x", nil), ("/a;/..", nil), ("/%2E.", nil),
            ("/%2f", nil),
            ("/%5C", nil), ("/%00", nil), ("/%", nil), ("/%1", nil), ("/%g0", nil), ("/\\", nil), ("/;..", "/"),
            ("/a;x=1/b;y", "/a/b"), ("/a;/;b/c", "/a/c"),
        ]
        for (path, expected) in cases {
            var bytes = Array(path.utf8)
            let count = bytes.withUnsafeMutableBytes { PathReading.normalise($0) }
            #expect(count.map { String(decoding: bytes.prefix($0), as: UTF8.self) } == expected, "\(path)")
            let isPlain = Array(path.utf8).withUnsafeBytes { PathReading.isPlain($0) }
            if isPlain { #expect(expected == path) }
        }
        for (path, count, expected) in [("//%61/b", 2, 5), ("/a/b", 2, 2), ("/a", 9, 2), ("", 0, 0), ("/a//b", 3, 3)] {
            let found = Array(path.utf8).withUnsafeBytes { PathReading.rawCount(of: count, in: $0) }
            #expect(found == expected, "\(path)")
        }
    }
}
