import ColonyCore
import Foundation
import Testing

/// `colony proxy` in front of real servers, asked by real clients.
@Suite(.serialized) struct ProxyTests {
    /// A server that says its name, on a port that it prints; a `mode` of `slow` waits, one of `flapping` answers 503 in every other half second,
    /// and `echo` is no HTTP at all.
    static let server = """
        import http.server, socketserver, sys, time, threading
        name, mode = sys.argv[1], sys.argv[2]
        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer leaves whole. Of one that is broken off in the middle the client would hear, whatever the proxy does.
            wbufsize = 65536
            def do_GET(self):
                if mode == "slow": time.sleep(0.2)
                bad = mode == "flapping" and int(time.monotonic() * 2) % 2 == 0
                body = (name + " " + self.path + " " + self.headers.get("X-Forwarded-For", "-")).encode()
                self.send_response(503 if bad else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *rest): pass
        class Echo(socketserver.BaseRequestHandler):
            def handle(self):
                while data := self.request.recv(65536): self.request.sendall(name.encode() + b":" + data)
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
        with Server(("127.0.0.1", 0), Echo if mode == "echo" else Answer) as server:
            print(server.server_address[1], flush=True)
            server.serve_forever()
        """

    /// Asks so many times over four connections, and prints what came how often.
    static let client = """
        import collections, http.client, sys, threading
        port, count = int(sys.argv[1]), int(sys.argv[2])
        seen, lock = collections.Counter(), threading.Lock()
        def ask(number):
            connection = None
            for turn in range(count // 4):
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    connection.request("GET", f"/{number}/{turn}")
                    answer = connection.getresponse()
                    body = answer.read().decode()
                    said = body.split()[0] if answer.status == 200 else str(answer.status)
                    if answer.status == 200 and body.split()[1] != f"/{number}/{turn}": said = "mixed"
                except (OSError, http.client.HTTPException) as error:
                    connection, said = None, type(error).__name__
                with lock: seen[said] += 1
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(" ".join(f"{said}={count}" for said, count in sorted(seen.items())))
        """

    /// Runs `body` with servers of the given modes, called a, b, c, ….
    func withServers(
        _ scene: Scene, _ modes: [String], _ body: ([ChildProcess], [Int]) async throws -> Void
    ) async throws {
        try scene.write(Self.server, to: "server.py")
        try scene.write(Self.client, to: "client.py")
        var children: [ChildProcess] = []
        var ports: [Int] = []
        do {
            for (number, mode) in modes.enumerated() {
                let name = String(UnicodeScalar(UInt8(97 + number)))
                let child = try ChildProcess(
                    ["/usr/bin/env", "python3", scene.path("server.py"), name, mode].map { Array($0.utf8) },
                    environment: scene.environment, in: scene.folder, as: "server-\(name)", input: "/dev/null")
                children.append(child)
                try await eventually("server \(name) listens: \(child.errors)") {
                    child.output.hasSuffix("\n")
                }
                ports.append(try #require(Int(child.output.trimmingCharacters(in: .whitespacesAndNewlines))))
            }
            try await body(children, ports)
        } catch {
            for child in children { await child.destroy() }
            throw error
        }
        for child in children { await child.destroy() }
    }

    /// Runs `body` with a proxy in front of the ports, and gives what the proxy said when it was asked to end.
    private func withProxy(
        _ scene: Scene, _ ports: [Int], _ words: [String], _ body: (ChildProcess, Int) async throws -> Void
    ) async throws -> Outcome {
        let upstreams = ports.enumerated().flatMap { number, port in
            ["--upstream", "127.0.0.1:\(port),name=\(String(UnicodeScalar(UInt8(97 + number))))"]
        }
        let all = [ColonyBinary.path, "proxy", "--listen", "127.0.0.1:0", "--json"] + upstreams + words
        let (_, outcome) = try await scene.during(all.map { Array($0.utf8) }) { proxy in
            var port: Int?
            try await eventually("the proxy listens: \(proxy.errors)") {
                guard proxy.output.hasSuffix("\n"), let line = proxy.output.split(separator: "\n").first else {
                    try #require(proxy.isRunning, "the proxy ended: \(proxy.errors)")
                    return false
                }
                let document = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                port = (document?["listen"] as? [String])?.first?.split(separator: ":").last.flatMap { Int($0) }
                return port != nil
            }
            try await body(proxy, try #require(port))
            proxy.send(SIGTERM)
        }
        return outcome
    }

    func ask(_ scene: Scene, _ port: Int, _ count: Int) async throws -> [String: Int] {
        let outcome = try await scene.shell("python3 $DIR/client.py \(port) \(count)")
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome.output.split(separator: " ").reduce(into: [:]) { seen, pair in
            let parts = pair.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "=")
            seen[String(parts[0])] = Int(parts[1])
        }
    }

    @Test func `requests go in turn to every server, with the address of who asks`() async throws {
        try await Scene.run { scene in
            try await self.withServers(scene, ["plain", "plain"]) { _, ports in
                let outcome = try await self.withProxy(scene, ports, ["--algorithm", "round-robin", "--workers", "1"]) {
                    _, port in
                    #expect(try await self.ask(scene, port, 400) == ["a": 200, "b": 200])
                    let curl = try await scene.shell("curl -sS http://127.0.0.1:\(port)/x")
                    #expect(curl.output.hasSuffix(" /x 127.0.0.1"), "\(curl.output)\(curl.errors)")
                }
                #expect(outcome.code == 0, "\(outcome.errors)")
            }
        }
    }

    @Test func `a server that is killed under load costs no request that may be repeated`() async throws {
        try await Scene.run { scene in
            try await self.withServers(scene, ["plain", "plain", "plain", "plain"]) { servers, ports in
                let outcome = try await self.withProxy(scene, ports, []) { proxy, port in
                    async let seen = self.ask(scene, port, 8_000)
                    try await eventually("some requests are answered") {
                        try await self.ask(scene, port, 40).values.reduce(0, +) == 40
                    }
                    servers[1].send(SIGKILL)
                    let answers = try await seen
                    #expect(answers.values.reduce(0, +) == 8_000)
                    #expect(Set(answers.keys).isSubset(of: ["a", "b", "c", "d"]), "\(answers)")
                    try await eventually("the dead server is left alone") {
                        _ = try await self.ask(scene, port, 40)
                        return proxy.errors.contains("\"ejected\"")
                    }
                    #expect(try await self.ask(scene, port, 200)["b"] == nil)
                }
                #expect(outcome.errors.contains("\"endpoint\":\"b\""))
            }
        }
    }

    @Test func `a slow server gets little, and one that flaps is found by its check`() async throws {
        try await Scene.run { scene in
            try await self.withServers(scene, ["plain", "slow", "flapping"]) { _, ports in
                let words = ["--check", "http:/health", "--check-interval", "100ms"]
                _ = try await self.withProxy(scene, ports, words) { proxy, port in
                    let answers = try await self.ask(scene, port, 1_200)
                    #expect(answers["a"] ?? 0 > answers["b"] ?? 0, "\(answers)")
                    #expect(answers["b"] ?? 0 < 400, "\(answers)")
                    try await eventually("the check finds what flaps") {
                        proxy.errors.contains("\"failed\"") && proxy.errors.contains("\"endpoint\":\"c\"")
                    }
                }
            }
        }
    }

    @Test func `connections are passed on byte by byte`() async throws {
        try await Scene.run { scene in
            try await self.withServers(scene, ["echo"]) { _, ports in
                _ = try await self.withProxy(scene, ports, ["--tcp"]) { _, port in
                    let script = """
                        import socket, sys
                        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
                            connection.sendall(b"hello")
                            connection.shutdown(socket.SHUT_WR)
                            print(b"".join(iter(lambda: connection.recv(4096), b"")).decode())
                        """
                    try scene.write(script, to: "tcp.py")
                    let outcome = try await scene.shell("python3 $DIR/tcp.py \(port)")
                    #expect(outcome.output == "a:hello\n", "\(outcome.errors)")
                }
            }
        }
    }

    @Test func `a log has a line for each request`() async throws {
        try await Scene.run { scene in
            try await self.withServers(scene, ["plain"]) { _, ports in
                let outcome = try await self.withProxy(scene, ports, ["--access-log"]) { _, port in
                    let seen = try await self.ask(scene, port, 4)
                    #expect(seen == ["a": 4])
                }
                let lines = outcome.output.split(separator: "\n").dropFirst()
                #expect(lines.count == 4)
                for line in lines {
                    let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect(entry?["status"] as? Int == 200 && entry?["endpoint"] as? String == "a")
                }
            }
        }
    }

    @Test(arguments: [
        (["--upstream", "nowhere"], "\"nowhere\""), (["--upstream", "127.0.0.1:80,weight=x"], "\"x\""),
        (["--upstream", "127.0.0.1:80,wieght=2"], "\"wieght=2\""),
        (["--upstream", "127.0.0.1:80,weight=0"], "weight 0"),
        (["--upstream", "127.0.0.1:80", "--algorithm", "fastest"], "\"fastest\""),
        (["--upstream", "127.0.0.1:80", "--check", "ping"], "\"ping\""),
        (["--upstream", "127.0.0.1:80", "--check", "http:health"], "\"health\""),
        (["--upstream", "127.0.0.1:80", "--workers", "0"], "0 workers"),
        (["--upstream", "127.0.0.1:80", "--panic", "2"], "2.0"), ([], "--upstream"),
        (["--upstream", "127.0.0.1:80", "--upstream", "127.0.0.1:80"], "\"127.0.0.1:80\""),
    ])
    func `what cannot work is refused, and quoted`(words: [String], quoted: String) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(["proxy", "--listen", "127.0.0.1:0"] + words)
            #expect(outcome.code == 64, "\(outcome.errors)")
            #expect(outcome.errors.contains(quoted), "\(outcome.errors)")
        }
    }

    @Test func `a port that is in use is an error that names it`() async throws {
        try await Scene.run { scene in
            try await self.withServers(scene, ["plain"]) { _, ports in
                let outcome = try await scene.colony(
                    "proxy", "--listen", "127.0.0.1:\(ports[0])", "--upstream", "127.0.0.1:1")
                #expect(outcome.code == 1)
                #expect(outcome.errors.contains("127.0.0.1:\(ports[0])"), "\(outcome.errors)")
            }
        }
    }
}
