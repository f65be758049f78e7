import ColonyBalancing
import ColonyCore
import ColonyProxy
import Foundation
import NIOCore
import Synchronization
import Testing

@Suite("Probes of the network")
struct NetworkProbeTests {
    private static let clock = HostClock()

    private static func ask(
        _ address: String, _ kind: HealthCheck.Kind, within timeout: Duration = .seconds(20), port: Int? = nil,
        names: HostLookup = .shared
    ) async throws -> HealthProbeResult {
        let check = try HealthCheck("test", kind, timeout: timeout, port: port)
        return await NetworkProbe(clock: self.clock, names: names).probe(
            try Endpoint(address), with: check, deadline: self.clock.now.advanced(by: timeout))
    }

    private static let ok = ProbeServer.Reply.bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    @Test("a connection is enough for TCP, and it is closed afterwards")
    func tcp() async throws {
        try await ProbeServer.with { _ in
            .silence
        } _: { server in
            let result = try await Self.ask("127.0.0.1:\(server.port)", .tcp)
            #expect(result.isSuccess)
            #expect(result.reason == "connected")
            #expect(result.latency > .zero)
            try await eventually("the end of the connection") { server.opened == 1 && server.open == 0 }
        }
    }

    @Test("a port at which nobody listens is refused, for every kind of connection")
    func refused() async throws {
        let closed = try BoundSocket()
        let address = "127.0.0.1:\(closed.port)"
        for kind in [.tcp, .tls(try .init()), .http(try .init()), .http(try .init(tls: .init()))] as [HealthCheck.Kind]
        {
            let result = try await Self.ask(address, kind)
            #expect(!result.isSuccess)
            #expect(result.reason == "connection refused")
        }
    }

    @Test("sockets in the file system are probed, and a missing one is a failure")
    func unixSockets() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "c\(UInt32.random(in: 0...UInt32.max)).s"
        )
        .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await ProbeServer.with(path: path) { _ in
            Self.ok
        } _: { server in
            let asked = try await Self.ask("unix:\(path)", .http(.init(expectedBody: "ok")))
            #expect(asked.isSuccess)
            #expect(server.requests.first?.contains("\r\nHost: localhost\r\n") == true)
        }
        try? FileManager.default.removeItem(atPath: path)
        let missing = try await Self.ask("unix:\(path)", .tcp)
        #expect(missing.reason == "no such file or directory")
    }

    @Test("a request has the path, the method, and the host of the check, and another port if it has one")
    func requests() async throws {
        try await ProbeServer.with { _ in
            Self.ok
        } _: { server in
            let address = "127.0.0.1:\(server.port)"
            let path = try await Self.ask(address, .http(.init(path: "/healthz?full=1")))
            #expect(path.isSuccess)
            let other = try HealthCheck.HTTP(method: "HEAD", host: "example.org")
            let named = try await Self.ask("127.0.0.1:1", .http(other), port: server.port)
            #expect(named.isSuccess)
            #expect(
                server.requests == [
                    "GET /healthz?full=1 HTTP/1.1\r\nHost: \(address)\r\nUser-Agent: colony-health\r\nAccept: */*\r\n"
                        + "Connection: close\r\n\r\n",
                    "HEAD / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: colony-health\r\nAccept: */*\r\n"
                        + "Connection: close\r\n\r\n",
                ])
        }
    }

    @Test("statuses and bodies decide, also of an answer that never ends")
    func answers() async throws {
        try await ProbeServer.with { request in
            if request.contains("/bad") { return .bytes("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n") }
            if request.contains("/endless") { return .bytes("HTTP/1.1 200 OK\r\n\r\ndata: ready", closes: false) }
            if request.contains("/close") { return .close }
            return Self.ok
        } _: { server in
            let address = "127.0.0.1:\(server.port)"
            let bad = try await Self.ask(address, .http(.init(path: "/bad")))
            #expect(bad.reason == "the status is 500")
            let endless = try await Self.ask(address, .http(.init(path: "/endless", expectedBody: "ready")))
            #expect(endless.isSuccess)
            let closed = try await Self.ask(address, .http(.init(path: "/close")))
            #expect(
                closed.reason
                    == "the connection was closed without an answer")
            let lacking = try await Self.ask(address, .http(.init(expectedBody: "ready")))
            #expect(
                lacking.reason
                    == "the status is 200, but the body does not have \"ready\"")
            try await eventually("the end of all connections") { server.open == 0 }
        }
    }

    @Test("what never answers is a failure at the deadline, and its connection is closed")
    func silence() async throws {
        try await ProbeServer.with { _ in
            .silence
        } _: { server in
            for kind in [.http(try .init()), .tls(try .init()), .http(try .init(tls: .init()))] as [HealthCheck.Kind] {
                // TLS would wait five seconds for a goodbye each time if it were asked nicely. A machine may be busy once.
                var fastest = Duration.seconds(5)
                for _ in 0..<20 where fastest > .seconds(4) {
                    let result = try await Self.ask("127.0.0.1:\(server.port)", kind, within: .milliseconds(200))
                    // On a machine that is busier still, the time is over before there is a connection.
                    let unconnected = ["there was no time for a connection", "no connection within 200 ms"]
                    if unconnected.contains(result.reason) { continue }
                    #expect(result.reason == "no answer within 200 ms")
                    #expect(result.latency >= .milliseconds(200))
                    fastest = min(fastest, result.latency)
                }
                #expect(fastest <= .seconds(4))
            }
            try await eventually("the end of all connections") { server.opened >= 3 && server.open == 0 }
        }
    }

    @Test("a black hole is a failure at the deadline")
    func blackHole() async throws {
        let hole = try FullListener()
        let result = try await Self.ask("127.0.0.1:\(hole.port)", .tcp, within: .milliseconds(300))
        #expect(result.reason == "no connection within 300 ms")
        #expect((Duration.milliseconds(300)..<Duration.seconds(60)).contains(result.latency))
        let late = try await Self.ask("127.0.0.1:\(hole.port)", .tcp, within: .milliseconds(1))
        #expect(!late.isSuccess)
    }

    @Test("a probe ends soon after its task is cancelled, also before it has begun")
    func cancellation() async throws {
        let hole = try FullListener()
        try await ProbeServer.with { _ in
            .silence
        } _: { server in
            for port in [server.port, hole.port] {
                let task = Task { try await Self.ask("127.0.0.1:\(port)", .http(.init()), within: .seconds(300)) }
                if port == server.port { try await eventually("a request") { server.requests.count == 1 } }
                task.cancel()
                #expect(try await task.value.reason == "the probe was cancelled")
            }
            try await eventually("the end of its connection") { server.open == 0 }
        }
    }

    @Test("certificates are verified unless the check says otherwise")
    func certificates() async throws {
        try await SelfSigned.with { own in
            try await ProbeServer.with(tls: own.context) { _ in
                Self.ok
            } _: { server in
                let trusting = try HealthCheck.TLS(trustRootsFile: own.certificate)
                for host in ["localhost", "127.0.0.1"] {
                    let address = "\(host):\(server.port)"
                    let handshake = try await Self.ask(address, .tls(trusting))
                    #expect(handshake.reason == "the TLS handshake succeeded")
                    let https = try await Self.ask(address, .http(.init(expectedBody: "ok", tls: trusting)))
                    #expect(https.isSuccess)
                    let stranger = try await Self.ask(address, .tls(.init()))
                    #expect(stranger.reason.contains("CERTIFICATE_VERIFY_FAILED"), "\(stranger.reason)")
                    let unverified = try await Self.ask(address, .tls(.init(verifies: false)))
                    #expect(unverified.isSuccess)
                }
                let missing = try HealthCheck.TLS(trustRootsFile: own.certificate + ".missing")
                let unread = try await Self.ask("localhost:\(server.port)", .tls(missing))
                #expect(unread.reason.hasPrefix("TLS cannot be set up"), "\(unread.reason)")
                try await eventually("the end of all connections") { server.open == 0 }
            }
            try await ProbeServer.with { _ in
                Self.ok
            } _: { server in
                let plain = try await Self.ask("127.0.0.1:\(server.port)", .tls(.init(verifies: false)))
                #expect(!plain.isSuccess)
            }
        }
    }

    @Test("a certificate must be for the name that is asked for")
    func certificateNames() async throws {
        try await SelfSigned.with(names: "DNS:localhost") { own in
            try await ProbeServer.with(tls: own.context) { _ in
                Self.ok
            } _: { server in
                func verdict(_ host: String, _ name: String?) async throws -> HealthProbeResult {
                    let tls = try HealthCheck.TLS(serverName: name, trustRootsFile: own.certificate)
                    return try await Self.ask("\(host):\(server.port)", .tls(tls))
                }
                let named = try await verdict("127.0.0.1", "localhost")
                #expect(named.isSuccess)
                for (host, name) in [("localhost", "example.org"), ("127.0.0.1", nil)] {
                    let wrong = try await verdict(host, name)
                    #expect(!wrong.isSuccess)
                    #expect(wrong.reason.hasPrefix("TLS failed"), "\(wrong.reason)")
                }
                let unnamed = try await verdict("localhost", "127.0.0.1")
                #expect(unnamed.reason.hasPrefix("TLS failed"), "\(unnamed.reason)")
            }
        }
    }

    @Test("names are looked up beside the event loop, and the deadline holds while name servers are silent")
    func namesAreLookedUp() async throws {
        try await ProbeServer.with { _ in
            Self.ok
        } _: { server in
            let localhost = try await Self.ask("localhost:\(server.port)", .tcp)
            #expect(localhost.isSuccess)
            let known = HostLookup { host in
                host == "two.test"
                    ? Result {
                        [
                            try SocketAddress(ipAddress: "::1", port: 0),
                            try SocketAddress(ipAddress: "127.0.0.1", port: 0),
                        ]
                    }
                    .mapError { HostLookupFailure("\($0)") }
                    : .failure(HostLookupFailure("\(host) has no address"))
            }
            // Nobody listens at the first address.
            let second = try await Self.ask("two.test:\(server.port)", .http(.init()), names: known)
            #expect(second.isSuccess)
            let unknown = try await Self.ask("none.test:80", .tcp, names: known)
            #expect(unknown.reason == "none.test has no address")

            let gate = ThreadCondition(false)
            let silent = HostLookup { _ in
                gate.waitLoop { isOpen in isOpen ? .done(()) : .wait(atMost: .seconds(30)) }
                return .failure(HostLookupFailure("too late"))
            }
            let result = try await Self.ask("silent.test:80", .tcp, within: .milliseconds(200), names: silent)
            #expect(result.reason == "no connection within 200 ms")
            // The loops go on meanwhile.
            let meanwhile = try await Self.ask("127.0.0.1:\(server.port)", .tcp)
            #expect(meanwhile.isSuccess)
            gate.withLock { $0 = true }
            gate.signal()
        }
    }

    @Test("those who ask for one name share a lookup, and lookups are limited")
    func lookupsAreShared() async throws {
        let gate = ThreadCondition(false)
        let started = Mutex(0)
        let lookup = HostLookup { _ in
            started.withLock { $0 += 1 }
            gate.waitLoop { isOpen in isOpen ? .done(()) : .wait(atMost: .seconds(30)) }
            // Whoever is woken wakes the next.
            gate.signal()
            return .success([])
        }
        let answers = Mutex(0)
        for _ in 0..<5 { lookup.addresses(of: "one.test") { _ in answers.withLock { $0 += 1 } } }
        try await eventually("a lookup") { started.withLock { $0 } == 1 }
        for number in 1..<HostLookup.mostNames {
            lookup.addresses(of: "\(number).test") { _ in answers.withLock { $0 += 1 } }
        }
        let refusals = Mutex<[String]>([])
        lookup.addresses(of: "more.test") { answer in
            if case .failure(let failure) = answer { refusals.withLock { $0.append(failure.description) } }
        }
        #expect(refusals.withLock { $0 } == ["64 names are being looked up, and 64 are the most"])
        gate.withLock { $0 = true }
        gate.signal()
        try await eventually("an answer for everybody") { answers.withLock { $0 } == 4 + HostLookup.mostNames }
        #expect(started.withLock { $0 } == HostLookup.mostNames)
    }

    @Test("a checker with real probes notices that an endpoint goes bad and comes back")
    func checkerWithRealProbes() async throws {
        let isWell = Atomic(true)
        let dead = try BoundSocket()
        try await ProbeServer.with { _ in
            isWell.load(ordering: .relaxed) ? Self.ok : .bytes("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        } _: { server in
            let check = try HealthCheck(
                "ready", .http(.init(path: "/ready")), interval: .milliseconds(20), timeout: .seconds(20), rise: 2,
                fall: 3)
            let told = Mutex<[HealthTransition]>([])
            let checker = try HealthChecker([check], probe: NetworkProbe()) { transition in
                told.withLock { $0.append(transition) }
            }
            checker.setEndpoints([
                try Endpoint("127.0.0.1:\(server.port)", name: "good"),
                try Endpoint("127.0.0.1:\(dead.port)", name: "dead"),
            ])
            let task = Task { await checker.run() }
            func isHealthy(_ name: EndpointName) -> Bool? {
                told.withLock { $0.last { $0.endpoint == name }?.isHealthy }
            }
            try await eventually("a first verdict about both") {
                isHealthy("good") == true && isHealthy("dead") == false
            }
            isWell.store(false, ordering: .relaxed)
            try await eventually("a bad verdict") { isHealthy("good") == false }
            #expect(told.withLock { $0.last }?.reason == "3 probes in a row failed: the status is 503")
            isWell.store(true, ordering: .relaxed)
            try await eventually("a good verdict again") { isHealthy("good") == true }
            task.cancel()
            await task.value
            #expect(checker.probesUnderWay == 0)
            try await eventually("the end of all connections") { server.open == 0 }
        }
    }
}
