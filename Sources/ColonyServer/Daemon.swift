import ColonyCaches
import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
public import ColonyCore
public import ColonyIdentifiers
public import ColonyQueues
public import ColonyResilience
public import ColonyTransactions
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
import NIOPosix
import NIOSSL
public import ServiceLifecycle
import Synchronization

/// The server: the HTTP API of locks, semaphores, the registry, rate limits, queues, identifiers, a shared cache, proxies, and transactions, the console, and the metrics over one store.
///
/// ```swift
/// let daemon = try Daemon(configuration: configuration, engine: MemoryLeaseEngine(), logger: logger)
/// try await ServiceGroup(services: [daemon], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
/// ```
///
/// The daemon decides nothing about locks: it hands requests to the engine and keeps those who wait in turn. It never
/// renews for a client; a client that stops renewing loses its lease when that runs out.
///
/// On graceful shutdown it stops accepting, answers those who wait with `draining`, lets requests that run finish
/// within ``DaemonConfiguration/Limits/drain``, gives its worker number back, and then closes the engine.
public final class Daemon: Service {
    private enum Phase {
        case idle
        case running(port: Int)
        case failed(DaemonError)
        case ended
    }

    private struct State {
        var phase = Phase.idle
        var askers: [CheckedContinuation<Result<Int, DaemonError>, Never>] = []
    }

    private let configuration: DaemonConfiguration
    private let responder: Responder
    private let fleet: ProxyFleet
    private let server: HTTPServerBuilder
    private let closeEngine: @Sendable () async -> Void
    private let logger: Logger
    private let state = Mutex(State())

    /// Makes a daemon; nothing is opened before ``run()``.
    ///
    /// - Parameters:
    ///   - configuration: Checked by ``DaemonConfiguration/validate()``.
    ///   - engine: Where leases live. Listing, breaking, and renewing many are offered as far as it has those powers, and so
    ///     are semaphores and the registry: on an engine of leases alone they are `not_offered`.
    ///   - segments: Where ranges of numbers live, which Snowflake identifiers and numbered series are made of. It should
    ///     be in the same store as the leases. Without it the daemon says `not_offered` to who asks for them.
    ///   - queues: Where queues live; it should be the same store, too. Without it the daemon says `not_offered` likewise.
    ///   - rateLimits: What counts limits. Without it the daemon says `not_offered` likewise, and it lists them as far as it can.
    ///   - journal: Where transactions live; it should be the same store, too. Without it they are `unsupported`.
    ///   - closeEngine: Called once after the last request, to close what the engine holds open.
    ///   - metrics: What `/metrics` shows. Hand in the registry that the program gave to `MetricsSystem.bootstrap(_:)`
    ///     to see the metrics of its libraries as well.
    ///   - clock: What uptime, waits, and latencies are counted on.
    ///   - logger: Gets `info` and above about the life of the daemon, and `debug` for every request.
    /// - Throws: ``DaemonError`` with code `invalidConfiguration`, `unsafeAddress`, or `invalidCertificate`.
    public init(
        configuration: DaemonConfiguration, engine: any LeaseEngine, segments: (any SegmentEngine)? = nil,
        queues: (any QueueAdministration)? = nil, rateLimits: (any RateLimitEngine)? = nil,
        journal: (any TransactionAdministration)? = nil,
        closeEngine: @escaping @Sendable () async -> Void = {},
        metrics: PrometheusRegistry = PrometheusRegistry(),
        clock: any MonotonicClock = HostClock(), wallClock: any WallClock = SystemWallClock(), logger: Logger
    ) throws(DaemonError) {
        try configuration.validate()
        self.configuration = configuration
        self.closeEngine = closeEngine
        self.logger = logger
        let gatekeeper = Gatekeeper(tokens: configuration.tokens, isLoopback: configuration.isLoopback)
        let coordination = CoordinationMetrics(registry: metrics)
        let limitMetrics = LimitMetrics(registry: metrics)
        let transactionMetrics = TransactionMetrics(registry: metrics)
        let metrics = DaemonMetrics(registry: metrics)
        let cache: SharedCache
        do throws(CacheError) {
            cache = try SharedCache(
                settings: configuration.cache, invalidations: InvalidationHub(limit: configuration.limits.streams),
                metrics: metrics, clock: clock, epoch: wallClock.now)
        } catch {
            throw DaemonError(.invalidConfiguration, error.message, cause: error)
        }
        let hub = EventHub(limit: configuration.limits.streams, clock: clock)
        let desk = (engine as? any RegistryEngine).map { SwitchOperator(on: $0) }
        let fleet = ProxyFleet(
            configuration.proxies,
            in: RunningUpstream.Surroundings(
                registry: (engine as? any RegistryEngine).map { Registry(on: $0) }, clock: clock, logger: logger
            ) { hub.poke(.proxies) },
            file: configuration.file)
        self.fleet = fleet
        let rules = AddressRules(
            allowsLoopback: configuration.isLoopback, allowed: configuration.transactions.allow)
        let responder = Responder(
            locks: LockService(
                engine: engine, limits: configuration.limits, hub: hub, metrics: metrics, clock: clock),
            identifiers: IdentifierService(
                engine: engine, segments: segments, settings: configuration.identifiers, limits: configuration.limits,
                metrics: metrics, clock: clock, wallClock: wallClock),
            caches: CacheService(cache: cache, limits: configuration.limits),
            queues: QueueService(
                engine: queues, settings: configuration.queues, limits: configuration.limits, hub: hub,
                clock: clock, wallClock: wallClock),
            permits: PermitService(
                engine: engine as? any PermitEngine, limits: configuration.limits, hub: hub, metrics: coordination,
                clock: clock),
            registry: RegistryService(
                engine: engine as? any RegistryEngine, limits: configuration.limits, metrics: coordination),
            rateLimits: LimitService(
                engine: rateLimits, limits: configuration.limits, metrics: limitMetrics,
                switches: LimitSwitches(desk: desk, clock: clock) { hub.poke(.switches) }),
            switches: SwitchService(desk: desk, metrics: limitMetrics),
            proxies: ProxyService(fleet: fleet, limits: configuration.limits, clock: clock),
            transactions: TransactionService(
                coordinator: try journal.map { journal throws(DaemonError) in
                    try Self.coordinator(of: journal, configuration, rules, clock, wallClock)
                }, rules: rules, limits: configuration.limits, hub: hub, metrics: transactionMetrics, clock: clock,
                wallClock: wallClock, logger: logger),
            cluster: ClusterService(
                try configuration.cluster.configuration(),
                election: try configuration.cluster.election(in: configuration.dataDirectory),
                schedules: configuration.cluster.schedules, clock: clock, wallClock: wallClock, logger: logger
            ) { hub.poke(.cluster) },
            gatekeeper: gatekeeper,
            about: ServerAbout(
                store: configuration.store?.description
                    ?? configuration.dataDirectory.map { "sqlite:\($0)/colony.db" } ?? "\(type(of: engine))",
                // Whoever reaches the daemon reaches its locks, whatever reaches the store underneath.
                guarantee: Guarantee(reach: .network, survival: engine.guarantee.survival),
                longestLease: engine.longestLease,
                dataDirectory: configuration.dataDirectory, started: clock.now, needsTokens: gatekeeper.needsTokens),
            limits: configuration.limits, clock: clock, wallClock: wallClock, logger: logger)
        self.responder = responder
        self.server = try Self.makeServer(
            configuration, executors: EventLoopExecutors(Self.group), connections: responder.metrics.connections)
    }

    private static func coordinator(
        of journal: any TransactionAdministration, _ configuration: DaemonConfiguration, _ rules: AddressRules,
        _ clock: any MonotonicClock, _ wallClock: any WallClock
    ) throws(DaemonError) -> TransactionCoordinator {
        let client = try ParticipantClient(
            configuration.transactions, rules: rules, clock: clock, wallClock: wallClock)
        do {
            return try TransactionCoordinator(
                journal,
                erased: [HTTPSaga.definition(calling: client), HTTPTransfer.definition(calling: client)],
                options: try configuration.transactions.options(drain: configuration.limits.drain), clock: clock,
                wall: wallClock)
        } catch {
            throw DaemonError(.invalidConfiguration, error.message, cause: error)
        }
    }

    private static var group: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }

    // MARK: Running

    /// Serves until graceful shutdown or cancellation.
    ///
    /// - Throws: ``DaemonError`` with code `addressInUse` or `cannotListen` if the address cannot be listened on.
    public func run() async throws {
        let failure = await self.serveAll()
        // The worker number is given back while the engine is still open.
        await self.responder.identifiers.close()
        await self.closeEngine()
        self.settle(failure.map(Phase.failed) ?? .ended)
        if let failure { throw failure }
        self.logger.info("stopped")
    }

    /// The port that the daemon listens on, as soon as it does.
    ///
    /// - Throws: ``DaemonError`` if the daemon could not start or has ended.
    public func boundPort() async throws(DaemonError) -> Int {
        let result = await withCheckedContinuation { continuation in
            let known = self.state.withLock { state -> Result<Int, DaemonError>? in
                switch state.phase {
                case .idle:
                    state.askers.append(continuation)
                    return nil
                case .running(let port): return .success(port)
                case .failed(let error): return .failure(error)
                case .ended: return .failure(DaemonError(.cannotListen, "the daemon has ended"))
                }
            }
            if let known { continuation.resume(returning: known) }
        }
        return try result.get()
    }

    /// The addresses that proxies listen at, by the names of the proxies, in the order of the configuration file. Empty before they do, so ask
    /// after ``boundPort()``.
    public var proxyAddresses: [(name: String, addresses: [String])] {
        self.fleet.proxies.map { ($0.name, $0.addresses) }
    }

    /// By which address other members of its cluster know the daemon; `nil` without a cluster. Ask after ``boundPort()``.
    public var clusterAddress: String? { self.responder.cluster.address?.description }

    /// Reads the configuration file again, and makes what it says of proxies hold; everything else in it needs a restart.
    ///
    /// Connections and requests go on. Endpoints that stay keep their health, their load, and what operators said of them.
    ///
    /// - Throws: ``DaemonError`` that says what is wrong, with line and column. Nothing has changed then.
    public func reloadProxies() async throws(DaemonError) {
        _ = try await self.fleet.reload()
    }

    private func settle(_ phase: Phase) {
        let askers = self.state.withLock { state in
            switch state.phase {
            case .failed, .ended: break
            case .idle, .running: state.phase = phase
            }
            defer { state.askers = [] }
            return state.askers
        }
        for asker in askers {
            switch phase {
            case .running(let port): asker.resume(returning: .success(port))
            case .failed(let error): asker.resume(returning: .failure(error))
            case .idle, .ended: asker.resume(returning: .failure(DaemonError(.cannotListen, "the daemon has ended")))
            }
        }
    }

    /// Serves the API and runs the proxies. Both drain at the same time, each within its own limit.
    private func serveAll() async -> DaemonError? {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.fleet.run() }
            do throws(DaemonError) {
                try await self.fleet.waitForStart()
            } catch {
                return error
            }
            let failure = await self.serve()
            if failure != nil { group.cancelAll() }
            return failure
        }
    }

    private func serve() async -> DaemonError? {
        do {
            let service = try self.makeService()
            // Services are shut down from the last to the first, each after the one behind it: the waits must end
            // before the server can find its connections idle.
            let services: [any Service] =
                [self.responder.rateLimits.switches] + self.responder.transactions.services
                + self.responder.cluster.services + [
                    service, EventPump(responder: self.responder),
                ]
            var group = ServiceGroupConfiguration(
                services: services + self.responder.schedules.services, logger: Self.silentLogger)
            group.maximumGracefulShutdownDuration = self.configuration.limits.drain
            try await ServiceGroup(configuration: group).run()
            return nil
        } catch let error as DaemonError {
            return error
        } catch let error as ClusterError {
            return DaemonError(.cannotListen, "cluster: \(error.message)", cause: error)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            return DaemonError(
                .addressInUse,
                "\(self.configuration.authority(port: self.configuration.port)) is in use: another process listens there, "
                    + "perhaps another daemon; stop it or choose another port with http.port",
                cause: error)
        } catch is CancellationError {
            return nil
        } catch {
            return DaemonError(
                .cannotListen,
                "\(self.configuration.authority(port: self.configuration.port)) cannot be listened on: \(error)",
                cause: error)
        }
    }

    private func makeService() throws -> any Service {
        let responder = self.responder
        return try self.server.buildServer(
            configuration: ServerConfiguration(
                address: .hostname(self.configuration.host, port: self.configuration.port), backlog: 1_024,
                availableConnectionsDelegate: .maximum(self.configuration.limits.connections, logger: Self.silentLogger)
            ),
            eventLoopGroup: Self.group, logger: Self.silentLogger,
            responder: { request, writer, channel in
                try await responder.respond(to: request, writer: writer, channel: channel)
            },
            onServerRunning: { [weak self] channel in self?.started(channel.localAddress?.port ?? 0) })
    }

    private func started(_ port: Int) {
        let scheme = self.configuration.certificate == nil ? "http" : "https"
        self.logger.info(
            "listening",
            metadata: [
                "url": "\(scheme)://\(self.configuration.authority(port: port))",
                "tokens": "\(self.configuration.tokens.count)",
            ])
        if !self.configuration.isLoopback, self.configuration.tokens.isEmpty {
            self.logger.warning("everybody on the network may break locks, because insecure is set")
        }
        let cluster = self.responder.cluster
        cluster.announce("\(scheme)://\(self.configuration.authority(port: port))")
        // Whoever asks after the start asks for both addresses. If it cannot be reached by others, the start has failed, and is settled as that.
        Task { if await cluster.waitForStart() { self.settle(.running(port: port)) } }
    }

    /// What the libraries underneath say is either said better here or of interest only to them.
    private static var silentLogger: Logger {
        Logger(label: "colony.server") { _ in SwiftLogNoOpLogHandler() }
    }

    private static func makeServer(
        _ configuration: DaemonConfiguration, executors: EventLoopExecutors, connections: PrometheusGauge
    ) throws(DaemonError) -> HTTPServerBuilder {
        let limits = configuration.limits
        let bodyTimeout = TimeAmount.nanoseconds(limits.bodyTimeout.clampedNanoseconds)
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionMonitor(bodyTimeout: bodyTimeout)],
            idleTimeout: .nanoseconds(limits.idleTimeout.clampedNanoseconds),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1_024, maxHeaderListSize: 32 * 1_024, maxHeaderFieldCount: 100))
        let plain = HTTPServerBuilder { responder in
            ColonyChannel(
                base: HTTP1Channel(responder: responder, configuration: channel), executors: executors,
                connections: connections, headTimeout: .nanoseconds(limits.headTimeout.clampedNanoseconds))
        }
        guard let certificate = configuration.certificate else { return plain }
        do {
            return try .tls(plain, tlsConfiguration: Self.tls(certificate))
        } catch {
            throw DaemonError(
                .invalidCertificate,
                "the certificate \(NameRules.quoted(certificate.chainFile)) or its key "
                    + "\(NameRules.quoted(certificate.keyFile)) cannot be used: \(error)",
                cause: error)
        }
    }

    private static func tls(_ certificate: DaemonConfiguration.Certificate) throws -> TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMFile(certificate.chainFile)
        let key = try NIOSSLPrivateKey(file: certificate.keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        // A key that does not belong to the certificate is found here and not at the first connection.
        _ = try NIOSSLContext(configuration: configuration)
        return configuration
    }
}

/// Passes events on, and ends waits and streams when shutdown begins, so that the server finds its connections idle.
private struct EventPump: Service {
    let responder: Responder

    func run() async throws {
        let responder = self.responder
        await withGracefulShutdownHandler {
            await responder.hub.run(watching: responder.locks.engine)
        } onGracefulShutdown: {
            responder.logger.info("draining")
            responder.drain()
        }
    }
}
