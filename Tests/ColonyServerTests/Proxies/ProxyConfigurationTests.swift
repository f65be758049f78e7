import ColonyProxy
import ColonyServer
import Foundation
import Testing

@Suite("Proxies in the configuration file")
struct ProxyConfigurationTests {
    private func load(_ yaml: String) throws -> DaemonConfiguration {
        let file = try ConfigurationText(yaml)
        return try file.load()
    }

    private func refusal(_ yaml: String) -> String {
        do {
            _ = try self.load(yaml)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test("Everything that can be set is read")
    func everything() throws {
        let yaml = """
            proxies:
              web:
                mode: http
                listen: [127.0.0.1:8080, "[::1]:8080"]
                workers: 2
                backlog: 512
                shares_port: true
                drain: 20s
                timeouts: {connect: 1s, request_head: 5s, client_idle: 30s, keep_alive: 60s, answer: 40s, endpoint_idle: 50s, relay_idle: 10m}
                limits: {connections: 1000, request_line_bytes: 4096, head_bytes: 16384, head_fields: 64, body_bytes: 1000000}
                retries: {attempts: 2, budget_ratio: 0.1, budget_minimum_per_second: 5}
                forwarding: {trusted: [10.0.0.0/8, "fd00::/8"], x_forwarded: true, forwarded: true, via: colony}
                proxy_protocol: {accepts: 10.0.0.1}
                access_log: {format: json, file: /tmp/colony-access.log}
                upstreams:
                  app:
                    algorithm: peak-ewma
                    decay: 5s
                    panic_threshold: 0.3
                    overprovisioning: 1.5
                    zone: a
                    least_endpoints_in_zone: 2
                    subset: {size: 10, caller: web-1}
                    outliers:
                      interval: 5s
                      consecutive_errors: 3
                      consecutive_connect_errors: 2
                      success_rate: {deviations: 2, minimum_difference: 0.1, minimum_hosts: 3, minimum_calls: 50}
                      failure_share: {threshold: 0.5, minimum_hosts: 2, minimum_calls: 20}
                      latency: {factor: 4, minimum_difference: 50ms, minimum_hosts: 3, minimum_calls: 50}
                      ejection_time: {base: 10s, maximum: 1m, jitter: 0.2}
                      maximum_ejected_share: 0.4
                      may_eject_one_always: true
                      enforcing: 0.9
                      passing_check_ends_ejection: true
                    slow_start: {window: 10s, aggression: 2, minimum_share: 0.2}
                    endpoints:
                      - 10.0.0.1:80
                      - {address: 10.0.0.2:80, name: second, weight: 3, zone: b, priority: 1, metadata: {rack: "7"}}
                    health:
                      - {name: ready, path: /readyz, method: GET, host: app.example, expected_statuses: [200-299, 304], expected_body: ok, interval: 2s, unhealthy_interval: 1s, timeout: 1s, jitter: 0.2, rise: 1, fall: 2, initially: unhealthy, first_result_decides: false, port: 81}
                      - {kind: tcp}
                      - {kind: tls, name: handshake, tls: {verify: false, server_name: app.example}}
                      - {kind: command, name: script, command: [/bin/true, "-x"]}
                    pool: {connections: 100, idle_connections: 10, idle_timeout: 20s, waiting: 50, waiting_timeout: 2s}
                  cache:
                    algorithm: bounded-ring-hash
                    load_factor: 1.5
                    outliers: off
                    dns: {name: cache.internal:6379, interval: 10s, jitter: 0.2, timeout: 2s, weight: 2, zone: a, priority: 1}
                  orders:
                    registry: {service: orders}
                routes:
                  - name: old
                    hosts: [old.example, "*.old.example"]
                    redirect: {status: 301, scheme: https, host: new.example, keep_query: false}
                  - name: health
                    path: /healthz
                    methods: [GET, HEAD]
                    respond: {status: 200, content_type: text/plain, body: fine}
                  - name: api
                    path_prefix: /api
                    headers: {X-Version: "2", X-Debug: false, X-Trace: true, User-Agent: {contains: curl}}
                    secure: false
                    forward:
                      upstream: app
                      rewrite: {prefix: /, host: app.internal, request: {set: {X-From: colony}, add: {X-Also: [a, b]}, remove: [X-Secret]}, response: {remove: [Server]}}
                      timeouts: {answer: 5s, endpoint_idle: 6s, total: 30s}
                      retries: {attempts: 1}
                      breaker: {window_calls: 50, failure_rate: 0.4, slow_after: 2s, slow_rate: 0.5, minimum_calls: 10, wait: 5s, wait_multiplier: 2, wait_maximum: 1m, wait_jitter: 0.1, probes: 3, probe_timeout: 10s}
                      key: {header: X-User}
                      sticky_cookie: {name: lb, lifetime: 1h, path: /api, secure: true, http_only: true, same_site: strict, secret: 0123456789abcdef}
                    limits: {body_bytes: 1000, concurrent_requests: 100, rate: {requests: 10, per: 1s, burst: 20, key: {header: X-User}, capacity: 1000}}
                  - forward: cache
              raw:
                mode: tcp
                listen: 127.0.0.1:5432
                proxy_protocol: {accepts: everybody, sends: v2}
                access_log: off
                upstreams: {db: {endpoints: [10.0.0.3:5432]}}
            """
        let configuration = try self.load(yaml)
        #expect(configuration.proxies.map(\.name) == ["web", "raw"])
        #expect(
            configuration.proxies.map { $0.listen.map(\.description) } == [
                ["127.0.0.1:8080", "[::1]:8080"], ["127.0.0.1:5432"],
            ])
        #expect(configuration.file != nil)
    }

    private static let simple = """
        proxies:
          web:
            listen: 127.0.0.1:8080
            upstreams:
              app:
                endpoints: [10.0.0.1:80]

        """

    @Test("The shortest proxy listens, and has one upstream that gets everything")
    func shortest() throws {
        #expect(try self.load(Self.simple).proxies.count == 1)
        #expect(try self.load("").proxies.isEmpty)
        #expect(try self.load("proxies:\n").proxies.isEmpty)
    }

    @Test(
        "What is wrong is quoted, with line and column and what was probably meant",
        arguments: [
            ("    listen: 127.0.0.1:8080", "    lisen: 127.0.0.1:8080", "line 3, column 5", "did you mean listen?"),
            ("127.0.0.1:8080", "127.0.0.1", "line 3, column 13", "127.0.0.1"),
            ("[10.0.0.1:80]", "[10.0.0.1:http]", "line 6, column 21", "10.0.0.1:http"),
            ("[10.0.0.1:80]", "[10.0.0.1:80, 10.0.0.1:80]", "line 6, column 34", "two endpoints have the name"),
            ("endpoints: [10.0.0.1:80]", "algorithm: ring-hsh", "line 6, column 20", "did you mean ring-hash?"),
            ("endpoints: [10.0.0.1:80]", "decay: 1s", "line 6, column 16", "decay is for the algorithm peak-ewma"),
            ("endpoints: [10.0.0.1:80]", "zone: a", "line 6, column 9", "none of endpoints, dns, and registry"),
            ("endpoints: [10.0.0.1:80]", "pool: {connections: 0}", "line 6, column 29", "a pool of 0 connections"),
            (
                "endpoints: [10.0.0.1:80]", "endpoints: [{address: 10.0.0.1:80, weight: 5000}]", "line 6, column",
                "the weight 5000"
            ),
            ("    upstreams:", "    timeouts: {connect: 5}\n    upstreams:", "line 4, column 25", "a duration such as"),
            ("    upstreams:", "    timeouts: {answer: 48h}\n    upstreams:", "line 4, column 24", "a time-out answer"),
            ("    upstreams:", "    limits: {body_bytes: many}\n    upstreams:", "line 4, column 26", "many"),
            ("    upstreams:", "    mode: htp\n    upstreams:", "line 4, column 11", "did you mean http?"),
            ("    upstreams:", "    routes: [{forward: ap}]\n    upstreams:", "line 4, column 14", "did you mean app?"),
            ("    upstreams:", "    routes: [{path: nix, forward: app}]\n    upstreams:", "line 4, column", "nix"),
            ("    upstreams:", "    routes: [{name: x}]\n    upstreams:", "line 4, column", "exactly one of forward"),
            ("  web:", "  web!:", "line 3, column 5", "web!"),
            ("  web:", "  reload:", "line 3, column 5", "not reload"),
        ])
    func refusals(old: String, new: String, place: String, hint: String) {
        let refusal = self.refusal(Self.simple.replacingOccurrences(of: old, with: new))
        #expect(refusal.contains(place), "\(refusal)")
        #expect(refusal.contains(hint), "\(refusal)")
        #expect(refusal.contains("/colony-"), "\(refusal)")
    }

    @Test("TLS is read for both sides, and a file that is not there is pointed at")
    func secrecy() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
            folder.appendingPathComponent("key.pem").path, "-out", folder.appendingPathComponent("chain.pem").path,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        let tls = """
                tls:
                  certificates: [{certificate: \(folder.path)/chain.pem, key: \(folder.path)/key.pem}]
                  minimum_version: "1.3"
                  http2: false
                upstreams:
                  secret: {endpoints: [app.example:443], tls: {verify: true, server_name: app.example, trust_roots: \(folder.path)/chain.pem}}
                  usual: {dns: app.example:443, tls: true, health: {kind: http, tls: true}}
                routes: [{forward: secret}]
            """
        let yaml = "proxies:\n  web:\n    listen: 127.0.0.1:8443\n" + tls
        #expect(try self.load(yaml).proxies.count == 1)
        let missing = self.refusal(yaml.replacingOccurrences(of: "/key.pem", with: "/no-key.pem"))
        #expect(missing.contains("line 4") || missing.contains("line 5"), "\(missing)")
        #expect(missing.contains("no-key.pem"), "\(missing)")
        let misspelt = self.refusal(yaml.replacingOccurrences(of: "http2", with: "htp2"))
        #expect(misspelt.contains("line 7, column 7") && misspelt.contains("did you mean http2?"), "\(misspelt)")
    }

    @Test("No error shows a value that may be a secret, also where the file is no YAML")
    func errorsKeepSecrets() {
        let route = """
                routes: [{forward: {upstream: app, rewrite: {request: {set: {Authorization: "Bearer s3cret\\n"}}}}}]
                upstreams:
            """
        let badValue = self.refusal(Self.simple.replacingOccurrences(of: "    upstreams:", with: route))
        #expect(badValue.contains("Authorization") && !badValue.contains("s3cret"), "\(badValue)")
        let badYAML = self.refusal(Self.simple + "    secret: \"s3cret: [}\n  - {\n")
        #expect(badYAML.contains("is not YAML: line") && !badYAML.contains("s3cret"), "\(badYAML)")
    }

    @Test("Two proxies cannot listen at one address")
    func sameAddress() {
        let two = Self.simple + "  other:\n    listen: 127.0.0.1:8080\n    upstreams: {a: {endpoints: [h:1]}}\n"
        #expect(self.refusal(two).contains("where the proxy web listens already"))
        // The system would give each of them a part of the connections.
        let shared = two.replacingOccurrences(of: "  other:\n", with: "  other:\n    shares_port: true\n")
        #expect(self.refusal(shared).contains("where the proxy web listens already"))
        let misspelt = Self.simple.replacingOccurrences(of: "proxies:", with: "proxis:")
        #expect(self.refusal(misspelt).contains("did you mean proxies?"))
    }

    @Test("The examples of the documentation load")
    func documentation() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let text = try String(
            contentsOf: folder.appendingPathComponent("../../../docs/proxy.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        let examples = blocks.filter { $0.hasPrefix("proxies:") }
        #expect(!examples.isEmpty)
        for example in examples {
            let refusal = self.refusal(example)
            #expect(refusal == "accepted", "\(refusal)\n\(example)")
        }
    }
}

/// A configuration file in a folder of its own, which goes with it.
final class ConfigurationText: Sendable {
    let path: String

    init(_ yaml: String) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.path = folder.appendingPathComponent("colony.yaml").path
        try self.write(yaml)
    }

    deinit { try? FileManager.default.removeItem(atPath: (self.path as NSString).deletingLastPathComponent) }

    func write(_ yaml: String) throws { try yaml.write(toFile: self.path, atomically: true, encoding: .utf8) }

    func load() throws -> DaemonConfiguration {
        try DaemonConfiguration.load(file: self.path, environment: [:])
    }
}
