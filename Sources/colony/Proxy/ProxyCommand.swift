import ArgumentParser
import ColonyBalancing
import ColonyCore
import ColonyProxy
import ColonyWorkloads
import Logging
import ServiceLifecycle
import UnixSignals

struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy",
        abstract: "Pass HTTP requests or TCP connections on to endpoints that a balancer chooses.",
        discussion: """
            Example: colony proxy --listen 127.0.0.1:8080 --upstream 10.0.0.1:80 --upstream 10.0.0.2:80,weight=3 --check http:/healthz

            An endpoint whose calls fail five times in a row, or much more often than those of the others, gets none for half a minute, \
            then for longer; with --check, endpoints are also asked by themselves. A request that was certainly not carried out, or \
            that may be repeated, goes to another endpoint if one fails, within a budget of a fifth of the requests.

            With --tls-certificate and --tls-key, clients are spoken with in TLS, in HTTP/2 or HTTP/1.1 as they like. On SIGHUP the \
            files are read again; connections that are open notice nothing.

            Ends on SIGTERM or Ctrl-C: it stops accepting and lets what is under way end within --drain.
            """
    )

    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one. May be repeated.", valueName: "host:port"))
    var listen: [String]

    @Option(
        help: ArgumentHelp(
            "An endpoint: host:port or unix:/path, and after commas name=, weight=, zone=, priority=. May be repeated.",
            valueName: "host:port"), transform: { try UpstreamArgument($0) })
    var upstream: [UpstreamArgument]

    @Option(
        help: ArgumentHelp(
            "How an endpoint is chosen: \(BalancingAlgorithm.named.map(\.name).joined(separator: ", ")). Keys are the addresses of clients. (default: least-request)",
            valueName: "name"), transform: { try ProxyCommand.algorithm($0) })
    var algorithm: BalancingAlgorithm = .leastRequest(.two)

    @Flag(help: "Pass on bytes of connections, whatever they mean, instead of HTTP requests.")
    var tcp = false

    @Option(
        help: ArgumentHelp(
            "How endpoints are asked whether they are well: tcp, tls, or http:/path.", valueName: "check"),
        transform: { try CheckArgument($0) })
    var check: CheckArgument?

    @Option(
        help: .duration("How often an endpoint is asked. (default: 5s)"), transform: { try DurationArgument($0) })
    var checkInterval = DurationArgument(.seconds(5))

    @Option(help: ArgumentHelp("The zone of this proxy; endpoints in it come first.", valueName: "zone"))
    var zone: String?

    @Option(
        help: ArgumentHelp(
            "Below which share in health calls go to all endpoints, from 0, never, to 1. (default: 0)",
            valueName: "share"))
    var panic = 0.0

    @Option(
        help: ArgumentHelp(
            "Threads, each with its own connections. (default: one for each processor)", valueName: "count"))
    var workers: Int?

    @Option(
        help: ArgumentHelp(
            "How often a request is sent at most, to different endpoints. (default: 3)", valueName: "count"))
    var attempts = 3

    @Option(
        help: ArgumentHelp(
            "Connections of clients at once. (default: \(ProxyLimits().connections))", valueName: "count"))
    var connections: Int?

    @Option(
        help: .duration("How long what is under way may go on after SIGTERM. (default: 30s)"),
        transform: { try DurationArgument($0) })
    var drain = DurationArgument(.seconds(30))

    @Flag(help: "Let another process listen at the same address, to take over without a gap.")
    var sharePort = false

    @Flag(help: "Write a line for each request to standard output.")
    var accessLog = false

    @OptionGroup var tls: TLSArguments

    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let balancer = try LoadBalancer(
            self.upstream.map(\.endpoint),
            options: BalancerOptions(
                algorithm: self.algorithm, panicThreshold: self.panic, zone: self.zone, outliers: OutlierOptions()))
        let logger = Logger(label: "colony") { _ in SwiftLogNoOpLogHandler() }
        let writer = self.accessLog ? AccessLogWriter(asJSON: self.output.json) : nil
        let options = try self.options(writer, self.tls.clients())
        let addresses = options.listen
        let upstreams = [try ProxyUpstream("default", balancer: balancer, tls: self.tls.upstreams())]
        let proxy = try ProxyServer(options: options, upstreams: upstreams, logger: logger)
        var services: [any Service] = [proxy, Watch { await balancer.run() }]
        for warning in options.tls?.warnings ?? [] { StandardError.write("warning: \(warning)") }
        if !self.tls.tlsCertificate.isEmpty {
            services.append(
                Watch { [self] in
                    for await _ in await UnixSignalsSequence(trapping: .sighup) {
                        await self.reload(proxy, upstreams, writer)
                    }
                })
        }
        if let check = self.check {
            let checker = try HealthChecker(
                [
                    HealthCheck(
                        check.kind.label, self.tls.check(check.kind), interval: self.checkInterval.value,
                        timeout: min(.seconds(2), self.checkInterval.value))
                ], probe: NetworkProbe()
            ) { balancer.note($0) }
            checker.setEndpoints(balancer.endpoints)
            services.append(Watch { await checker.run() })
        }
        let report = ProxyReport(isJSON: self.output.json)
        services.append(Watch { await report.run(on: balancer) })
        let announcement = Task { [output] in
            let ports = try await proxy.boundPorts
            try ProxyAnnouncement(balancer, addresses: addresses, ports: ports).write(asJSON: output.json)
        }
        defer { announcement.cancel() }
        do {
            try await ServiceGroup(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        } catch {
            await writer?.finish()
            throw error
        }
        await writer?.finish()
    }

    /// Takes in certificates that have changed; if they cannot be, those from before stay.
    private func reload(_ proxy: ProxyServer, _ upstreams: [ProxyUpstream], _ writer: AccessLogWriter?) async {
        do throws(ProxyError) {
            let options = try self.options(writer, self.tls.clients())
            try await proxy.reconfigure(options, upstreams: upstreams)
            for warning in options.tls?.warnings ?? [] { StandardError.write("warning: \(warning)") }
            StandardError.write("certificates reloaded")
        } catch {
            StandardError.write("certificates not reloaded, those from before stay: \(error)")
        }
    }

    private func options(_ writer: AccessLogWriter?, _ tls: ProxyTLS?) throws(ProxyError) -> ProxyOptions {
        var limits = ProxyLimits()
        if let connections { limits.connections = connections }
        var addresses: [ListenAddress] = []
        for text in self.listen { addresses.append(try ListenAddress(text)) }
        var retries = ProxyRetries()
        retries.attempts = self.attempts
        return try ProxyOptions(
            mode: self.tcp ? .tcp : .http, listen: addresses, workers: self.workers ?? Machine.current().cores,
            sharesPort: self.sharePort, limits: limits, retries: retries, tls: tls, drain: self.drain.value,
            accessLog: writer?.log)
    }

    private static func algorithm(_ text: String) throws -> BalancingAlgorithm {
        do throws(BalancingError) {
            return try BalancingAlgorithm(text)
        } catch {
            throw ValidationError("--algorithm: \(error.message).")
        }
    }
}

/// Something that runs until it is cancelled, as a service that graceful shutdown ends.
private struct Watch: Service {
    let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) {
        self.body = body
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.body() }
    }
}
