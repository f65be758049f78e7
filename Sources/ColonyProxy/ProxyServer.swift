public import ColonyBalancing
public import ColonyCore
import ColonyResilience
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// A reverse proxy: it takes connections of clients and passes what they say to endpoints that a balancer chooses.
///
/// ```swift
/// let balancer = try LoadBalancer(endpoints: [Endpoint("10.0.0.1:8080"), Endpoint("10.0.0.2:8080")])
/// let options = try ProxyOptions(mode: .http, listen: [ListenAddress("0.0.0.0:80")])
/// let proxy = try ProxyServer(options: options, balancer: balancer, logger: logger)
/// try await ServiceGroup(services: [proxy], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
///
/// Each worker is a thread with an event loop. A client's connection and the connections to endpoints that serve it are on one loop, so what
/// is passed on changes no thread and takes no lock. Bodies are passed on as they come, and are read no faster than the other side takes them.
///
/// On graceful shutdown it stops accepting, closes connections without work, lets what is under way end within ``ProxyOptions/drain``, and
/// then closes the rest. The balancer stays the caller's: its endpoints can be changed at any time.
public final class ProxyServer: Service {
    private enum Phase {
        case idle
        case running(workers: [ProxyWorker])
        case ended(ProxyError?)
    }

    private struct State {
        /// What new requests go by.
        var settings: ProxySettings
        var phase = Phase.idle
        var hasStarted = false
        /// No change is made any more, though the proxy may still be draining.
        var isEnding = false
        var listeners = ListenerSet()
        /// Starting, changes, and the end follow each other.
        var lastStep: Task<ProxyError?, Never>?
        var askers: [CheckedContinuation<Result<[Int], ProxyError>, Never>] = []
    }

    private let clock: any MonotonicClock
    private let logger: Logger
    private let shutdown = OneShotSignal()
    private let state: Mutex<State>

    /// Makes a proxy that does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - upstreams: Each with a name of its own. Without routes there is one, which gets everything.
    ///   - clock: What time-outs, latencies, and limits are counted on. Timers are those of the system all the same.
    ///   - logger: Gets `info` and above about the life of the proxy.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the name: of two upstreams that have the same, or of one that a
    ///   route needs and that is missing.
    public init(
        options: ProxyOptions, upstreams: [ProxyUpstream], clock: any MonotonicClock = HostClock(), logger: Logger
    ) throws(ProxyError) {
        self.clock = clock
        self.logger = logger
        self.state = Mutex(State(settings: try ProxySettings(options, upstreams: upstreams, clock: clock)))
    }

    /// Makes a proxy with one upstream, which is called `default`.
    ///
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`.
    public convenience init(
        options: ProxyOptions, balancer: LoadBalancer, pool: UpstreamPoolOptions = UpstreamPoolOptions(),
        clock: any MonotonicClock = HostClock(), logger: Logger
    ) throws(ProxyError) {
        try self.init(
            options: options, upstreams: [try ProxyUpstream("default", balancer: balancer, pool: pool)], clock: clock,
            logger: logger)
    }

    // MARK: Running

    /// Serves until graceful shutdown, ``shutDown()``, or cancellation. Cancellation does not wait for what is under way.
    ///
    /// - Throws: ``ProxyError`` with code `addressInUse` or `cannotListen`, or `closed` if it has been run before.
    public func run() async throws {
        let settings = self.state.withLock { state -> ProxySettings? in
            defer { state.hasStarted = true }
            return state.hasStarted ? nil : state.settings
        }
        guard let settings else { throw ProxyError(.closed, "a proxy runs once; make another one") }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: settings.options.workers)
        let failure = await self.serve(settings, on: group)
        self.settle(.ended(failure))
        try? await group.shutdownGracefully()
        if let failure { throw failure }
    }

    private func serve(_ settings: ProxySettings, on group: MultiThreadedEventLoopGroup) async -> ProxyError? {
        let count = ConnectionCount()
        var loops: [any EventLoop] = []
        for loop in group.makeIterator() { loops.append(loop) }
        let workers = loops.map { loop in
            ProxyWorker(
                group: group, eventLoop: loop, settings: settings, clock: self.clock, connectionCount: count)
        }
        if let failure = await self.step({ await self.start(workers) }) { return failure }
        let isGraceful = await self.waitForShutdown()
        _ = await self.step {
            self.state.withLock { $0.isEnding = true }
            return nil
        }
        await self.state.withLock { $0.listeners }.close()
        if isGraceful { await self.drain(workers) }
        for worker in workers { try? await worker.eventLoop.submit { worker.abort() }.get() }
        self.logger.info("stopped")
        return nil
    }

    private func start(_ workers: [ProxyWorker]) async -> ProxyError? {
        let settings = self.state.withLock { $0.settings }
        do throws(ProxyError) {
            let (listeners, _) = try await ListenerSet().adding(settings.options, workers: workers)
            await self.adopt(settings, listeners, workers)
        } catch {
            self.state.withLock { $0.isEnding = true }
            return error
        }
        self.logger.info("listening", metadata: self.places(settings.options))
        return nil
    }

    private func places(_ options: ProxyOptions) -> Logger.Metadata {
        let ports = self.state.withLock { $0.listeners.ports }
        return [
            "addresses": "\(options.listen.map(\.description))", "ports": "\(ports)", "workers": "\(options.workers)",
        ]
    }

    /// Whether there is time for what is under way.
    private func waitForShutdown() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await Self.hasEnded { try await gracefulShutdown() } }
            group.addTask { await Self.hasEnded { try await self.shutdown.wait() } }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    private static func hasEnded(_ wait: () async throws -> Void) async -> Bool {
        do {
            try await wait()
            return true
        } catch {
            return false
        }
    }

    private func drain(_ workers: [ProxyWorker]) async {
        self.logger.info("draining")
        let drain = self.state.withLock { $0.settings.options.drain }
        let deadline = self.clock.now.advanced(by: drain)
        let signals = workers.map { worker in
            let signal = OneShotSignal()
            worker.eventLoop.execute { worker.drain { signal.fire() } }
            return signal
        }
        for signal in signals {
            do {
                let isEmpty = try await signal.wait(until: deadline, on: self.clock)
                if !isEmpty { self.logger.warning("the time for draining is over; open connections are closed") }
            } catch {
                return
            }
        }
    }

    /// Begins a graceful shutdown, for programs without a service group. Repeating it does nothing.
    public func shutDown() { self.shutdown.fire() }

    // MARK: Changing

    /// Goes by other options and upstreams from the next request and the next connection on.
    ///
    /// It is all or nothing. New addresses are listened at first, and if one cannot be, nothing has changed. No connection is closed for it:
    /// requests under way end as they began, and so do relays in TCP mode; connections that were accepted at an address that is gone go on.
    /// An upstream with the name and the balancer of one before keeps its connections to endpoints, and a route with the name and the rules of
    /// one before keeps what its limits and breaker know. An address that stays keeps its socket, with the backlog that it has.
    ///
    /// Changes are made one after the other, in the order of the calls. Before ``run()``, they are what it begins with. Cancellation does not
    /// stop a change. Making the same change again does nothing.
    ///
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, also for another number of workers than it runs with; `addressInUse` or
    ///   `cannotListen`; or `closed` when it has been asked to end.
    public func reconfigure(_ options: ProxyOptions, upstreams: [ProxyUpstream]) async throws(ProxyError) {
        if let failure = await self.step({ await self.change(options, upstreams) }) { throw failure }
    }

    /// Does something when all that was begun before is done.
    private func step(_ work: @escaping @Sendable () async -> ProxyError?) async -> ProxyError? {
        let task = self.state.withLock { state in
            let last = state.lastStep
            let task = Task {
                _ = await last?.value
                return await work()
            }
            state.lastStep = task
            return task
        }
        return await task.value
    }

    private func change(_ options: ProxyOptions, _ upstreams: [ProxyUpstream]) async -> ProxyError? {
        let (phase, earlier, listeners, isEnding) = self.state.withLock {
            ($0.phase, $0.settings, $0.listeners, $0.isEnding)
        }
        if case .ended = phase { return Self.ended }
        guard !isEnding else { return Self.ended }
        do throws(ProxyError) {
            let settings = try ProxySettings(options, upstreams: upstreams, earlier: earlier, clock: self.clock)
            // The number of workers is fixed by the start, which may come meanwhile.
            let workers = self.state.withLock { state -> [ProxyWorker]? in
                guard !state.hasStarted || options.workers == earlier.options.workers else { return nil }
                if case .running(let workers) = phase { return workers }
                state.settings = settings
                return []
            }
            guard let workers else {
                throw ProxyError(
                    .invalidConfiguration,
                    "a proxy that runs with \(earlier.options.workers) workers cannot go on with \(options.workers): start "
                        + "another one that shares its port, and end this one")
            }
            if workers.isEmpty { return nil }
            let (chosen, rest) = try await listeners.adding(options, workers: workers)
            await self.adopt(settings, chosen, workers)
            await rest.close()
        } catch {
            return error
        }
        self.logger.info("changed", metadata: self.places(options))
        return nil
    }

    private func adopt(_ settings: ProxySettings, _ listeners: ListenerSet, _ workers: [ProxyWorker]) async {
        for worker in workers { try? await worker.eventLoop.submit { worker.adopt(settings) }.get() }
        self.state.withLock { state in
            state.settings = settings
            state.listeners = listeners
        }
        await listeners.accept()
        self.settle(.running(workers: workers))
        for warning in settings.options.tls?.warnings ?? [] { self.logger.warning("\(warning)") }
    }

    private static var ended: ProxyError { ProxyError(.closed, "the proxy has ended") }

    // MARK: What is known of it

    /// The ports that it listens on, in the order of the addresses; waits until it does.
    ///
    /// - Throws: ``ProxyError``: why it cannot listen, or with code `closed` if it has ended.
    public var boundPorts: [Int] {
        get async throws(ProxyError) {
            let result = await withCheckedContinuation { continuation in
                let known = self.state.withLock { state -> Result<[Int], ProxyError>? in
                    if let known = Self.ports(of: state) { return known }
                    state.askers.append(continuation)
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
            return try result.get()
        }
    }

    private static func ports(of state: State) -> Result<[Int], ProxyError>? {
        switch state.phase {
        case .idle: nil
        case .running: .success(state.listeners.ports)
        case .ended(let error): .failure(error ?? Self.ended)
        }
    }

    private func settle(_ phase: Phase) {
        let (askers, known) =
            self.state.withLock { state in
                state.phase = phase
                guard let known = Self.ports(of: state) else { return ([], nil) }
                defer { state.askers = [] }
                return (state.askers, known)
            } as ([CheckedContinuation<Result<[Int], ProxyError>, Never>], Result<[Int], ProxyError>?)
        guard let known else { return }
        for asker in askers { asker.resume(returning: known) }
    }

    /// What it has done and does; all zero unless it runs.
    ///
    /// - Complexity: One visit to each worker.
    public func statistics() async -> ProxyStatistics {
        var statistics = ProxyStatistics()
        let workers = self.state.withLock { state -> [ProxyWorker] in
            if case .running(let workers) = state.phase { workers } else { [] }
        }
        for worker in workers {
            guard let part = try? await worker.eventLoop.submit({ worker.snapshot() }).get() else { continue }
            statistics.add(part)
        }
        let breakers = self.state.withLock { $0.settings }.plans.map { ($0.name, $0.guards?.breaker?.state) }
        statistics.note(breakers: Dictionary(breakers) { first, _ in first })
        return statistics
    }
}
