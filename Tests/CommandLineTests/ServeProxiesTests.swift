import ColonyCore
import Foundation
import Testing

/// `colony serve` with proxies in its file, in front of real servers, asked by real clients.
@Suite(.serialized) struct ServeProxiesTests {
    private let tools = ProxyTests()

    private func yaml(_ ports: [Int], listen: Int, algorithm: String = "round-robin") -> String {
        let endpoints = ports.enumerated().map { number, port in
            "{address: \"127.0.0.1:\(port)\", name: \(String(UnicodeScalar(UInt8(97 + number))))}"
        }
        return """
            proxies:
              web:
                listen: 127.0.0.1:\(listen)
                workers: 2
                drain: 5s
                upstreams:
                  app:
                    algorithm: \(algorithm)
                    endpoints: [\(endpoints.joined(separator: ", "))]
                    health: {path: /healthz, interval: 200ms, rise: 1, fall: 1}

            """
    }

    /// A port that was free a moment ago, below those that systems give to connections that other tests make.
    private func freePort(_ scene: Scene) async throws -> Int {
        let script =
            "import random, socket; p = random.randrange(15000, 30000); socket.socket().bind(('127.0.0.1', p)); print(p)"
        let outcome = try await scene.shell("python3 -c \"\(script)\"")
        return try #require(Int(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// Runs `body` with a daemon that has read `colony.yaml`, the address of its API, and the port of its proxy.
    private func withDaemon(
        _ scene: Scene, _ body: (ChildProcess, String, Int) async throws -> Void
    ) async throws -> Outcome {
        let words = [
            ColonyBinary.path, "serve", "--http", "127.0.0.1:0", "--data", scene.path("data"), "--config",
            scene.path("colony.yaml"), "--json",
        ]
        let (_, outcome) = try await scene.during(words.map { Array($0.utf8) }) { daemon in
            var found: (api: String, port: Int)?
            try await eventually("the daemon is ready: \(daemon.errors)") {
                guard daemon.output.hasSuffix("\n"), let line = daemon.output.split(separator: "\n").first else {
                    try #require(daemon.isRunning, "the daemon ended: \(daemon.errors)")
                    return false
                }
                let document = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                let proxies = document?["proxies"] as? [[String: Any]]
                let address = (proxies?.first?["addresses"] as? [String])?.first
                if let api = document?["api"] as? String,
                    let port = address?.split(separator: ":").last.flatMap({ Int($0) })
                {
                    found = (api, port)
                }
                return found != nil
            }
            let (api, port) = try #require(found)
            try await body(daemon, api, port)
            daemon.send(SIGTERM)
        }
        return outcome
    }

    private func state(_ scene: Scene, _ api: String, of endpoint: String) async throws -> String? {
        let answer = try await scene.shell("curl -sS \(api)proxies/web")
        let document = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any]
        let upstreams = document?["upstreams"] as? [[String: Any]]
        let endpoints = upstreams?.first?["endpoints"] as? [[String: Any]]
        return endpoints?.first { $0["name"] as? String == endpoint }?["state"] as? String
    }

    @Test
    func
        `an endpoint is drained, another one is killed, and the file is read again under load, without one failed request`()
        async throws
    {
        try await Scene.run { scene in
            try await self.tools.withServers(scene, ["plain", "plain", "plain"]) { servers, ports in
                let listen = try await self.freePort(scene)
                try scene.write(self.yaml(ports, listen: listen), to: "colony.yaml")
                let outcome = try await self.withDaemon(scene) { daemon, api, port in
                    #expect(try await self.tools.ask(scene, port, 120).keys.sorted() == ["a", "b", "c"])
                    let path = "\(api)proxies/web/upstreams/app/endpoints/a"
                    let drained = try await scene.shell(
                        "curl -sS -X PATCH -H 'Content-Type: application/json' -d '{\"state\": \"drain\"}' \(path)")
                    #expect(drained.output.contains(#""state":"draining""#), "\(drained.output)")
                    #expect(try await self.tools.ask(scene, port, 40).keys.sorted() == ["b", "c"])

                    async let seen = self.tools.ask(scene, port, 2_000)
                    await servers[1].destroy()
                    for turn in 0..<10 {
                        let algorithm = ["least-request", "round-robin"][turn % 2]
                        try scene.write(self.yaml(ports, listen: port, algorithm: algorithm), to: "colony.yaml")
                        let answer = try await scene.shell("curl -sS -X POST \(api)proxies/reload")
                        #expect(answer.output.contains(#""kept":["web"]"#), "\(answer.output)")
                    }
                    let answers = try await seen
                    #expect(Set(answers.keys).isSubset(of: ["b", "c"]), "\(answers)")
                    #expect(answers.values.reduce(0, +) == 2_000)
                    try await eventually("the dead endpoint is out") {
                        let state = try await self.state(scene, api, of: "b")
                        return state == "unhealthy" || state == "ejected"
                    }
                    // The words of the operator have outlived ten reloads.
                    #expect(try await self.state(scene, api, of: "a") == "draining")
                }
                #expect(outcome.code == 0, "\(outcome.errors)")
            }
        }
    }

    @Test func `a signal has the file read again, and a broken file keeps what was and is told with its line`()
        async throws
    {
        try await Scene.run { scene in
            try await self.tools.withServers(scene, ["plain", "plain"]) { _, ports in
                let listen = try await self.freePort(scene)
                try scene.write(self.yaml([ports[0]], listen: listen), to: "colony.yaml")
                let outcome = try await self.withDaemon(scene) { daemon, api, port in
                    #expect(try await self.tools.ask(scene, port, 8) == ["a": 8])
                    try scene.write(
                        self.yaml(ports, listen: port).replacingOccurrences(of: "algorithm", with: "algoritm"),
                        to: "colony.yaml")
                    daemon.send(SIGHUP)
                    try await eventually("the error is told: \(daemon.errors)") {
                        daemon.errors.contains("line 8, column 9") && daemon.errors.contains("did you mean algorithm?")
                    }
                    let answer = try await scene.shell("curl -sS -w '%{http_code}' -X POST \(api)proxies/reload")
                    #expect(
                        answer.output.hasSuffix("409") && answer.output.contains("line 8, column 9"), "\(answer.output)"
                    )
                    #expect(try await self.tools.ask(scene, port, 8) == ["a": 8])
                    try scene.write(self.yaml(ports, listen: port), to: "colony.yaml")
                    daemon.send(SIGHUP)
                    try await eventually("both are asked: \(daemon.errors)") {
                        try await self.tools.ask(scene, port, 8).keys.sorted() == ["a", "b"]
                    }
                }
                #expect(outcome.code == 0, "\(outcome.errors)")
            }
        }
    }
}
