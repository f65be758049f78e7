import ColonyBalancing
import ColonyProxy
import Logging

/// A proxy that runs for the length of a test.
struct RunningProxy: Sendable {
    let server: ProxyServer
    let balancer: LoadBalancer
    let port: Int

    static func balancer(
        to ports: [Int], host: String = "127.0.0.1", algorithm: BalancingAlgorithm = .roundRobin
    ) throws -> LoadBalancer {
        try LoadBalancer(
            ports.map { try Endpoint("\(host):\($0)") }, options: BalancerOptions(algorithm: algorithm))
    }

    var loads: Int { self.balancer.callsUnderWay }
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// Runs `body` with a proxy in front of the endpoints at `ports`, and sees at the end that no load is left behind: each pick was settled
/// exactly once.
func withProxy(
    to ports: [Int], host: String = "127.0.0.1", algorithm: BalancingAlgorithm = .roundRobin, workers: Int = 1,
    timeouts: ProxyTimeouts = ProxyTimeouts(), limits: ProxyLimits = ProxyLimits(),
    pool: UpstreamPoolOptions = UpstreamPoolOptions(), retries: ProxyRetries = ProxyRetries(),
    forwarding: ForwardingOptions = ForwardingOptions(), proxyProtocol: ProxyProtocolOptions = ProxyProtocolOptions(),
    tls: ProxyTLS? = nil, upstreamTLS: UpstreamTLS? = nil, drain: Duration = .seconds(0), accessLog: AccessLog? = nil,
    listen: String = "127.0.0.1", mode: ProxyOptions.Mode,
    _ body: (RunningProxy) async throws -> Void
) async throws {
    let balancer = try RunningProxy.balancer(to: ports, host: host, algorithm: algorithm)
    let options = try ProxyOptions(
        mode: mode, listen: [ListenAddress(host: listen, port: 0)], workers: workers, timeouts: timeouts,
        limits: limits, retries: retries, forwarding: forwarding, proxyProtocol: proxyProtocol,
        tls: tls, drain: drain, accessLog: accessLog)
    let upstream = try ProxyUpstream("default", balancer: balancer, pool: pool, tls: upstreamTLS)
    let server = try ProxyServer(options: options, upstreams: [upstream], logger: .silent)
    let run = Task { try await server.run() }
    let proxy: RunningProxy
    do {
        proxy = RunningProxy(server: server, balancer: balancer, port: try await server.boundPorts[0])
        try await body(proxy)
    } catch {
        server.shutDown()
        _ = await run.result
        throw error
    }
    server.shutDown()
    try await run.value
    try await eventually("a balancer without load, not \(proxy.loads)") { proxy.loads == 0 }
}
