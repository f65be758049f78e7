import ColonyBalancing
import ColonyCore
import ColonyProxy
import Logging
import Testing

/// Runs `body` with an HTTP proxy that has routes, and sees at the end that no load is left behind at its upstreams.
func withProxy(
    routes: [ProxyRoute], upstreams: [ProxyUpstream] = [], workers: Int = 1,
    timeouts: ProxyTimeouts = ProxyTimeouts(), retries: ProxyRetries = ProxyRetries(),
    forwarding: ForwardingOptions = ForwardingOptions(), accessLog: AccessLog? = nil,
    clock: any MonotonicClock = HostClock(), _ body: (ProxyServer, _ port: Int) async throws -> Void
) async throws {
    let options = try ProxyOptions(
        mode: .http, listen: [ListenAddress("127.0.0.1:0")], workers: workers, timeouts: timeouts, retries: retries,
        forwarding: forwarding, drain: .zero, accessLog: accessLog, routes: routes)
    let server = try ProxyServer(options: options, upstreams: upstreams, clock: clock, logger: .silent)
    let run = Task { try await server.run() }
    do {
        try await body(server, try await server.boundPorts[0])
    } catch {
        server.shutDown()
        _ = await run.result
        throw error
    }
    server.shutDown()
    try await run.value
    for upstream in upstreams {
        try await eventually("an upstream \(upstream.name) without load") { upstream.balancer.callsUnderWay == 0 }
    }
}

extension ProxyUpstream {
    /// An upstream of endpoints on this host.
    static func to(
        _ ports: [Int], name: String = "origin", algorithm: BalancingAlgorithm = .roundRobin
    ) throws -> ProxyUpstream {
        try ProxyUpstream(name, balancer: RunningProxy.balancer(to: ports, algorithm: algorithm))
    }
}

/// A whole answer.
struct TestAnswer {
    let status: Int
    let head: String
    let body: String

    /// The value of the first line with a name.
    func value(of name: String) -> String? {
        self.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name.lowercased()): ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }
}

extension TestConnection {
    /// Sends a request and waits for an answer with a length.
    func ask(_ text: String) async throws -> TestAnswer {
        try await self.send(text)
        return try await self.receiveAnswer()
    }

    func receiveAnswer() async throws -> TestAnswer {
        let head = try await self.receiveText(through: "\r\n\r\n")
        let answer = TestAnswer(status: Int(head.dropFirst(9).prefix(3)) ?? 0, head: head, body: "")
        let length = answer.value(of: "Content-Length").flatMap { Int($0) } ?? 0
        return TestAnswer(status: answer.status, head: head, body: try await self.receiveText(length))
    }

    /// As ``ask(_:)``, for a request of these parts.
    func ask(
        _ method: String = "GET", _ target: String = "/", host: String = "example.org", fields: String = ""
    ) async throws -> TestAnswer {
        try await self.ask("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
    }
}
