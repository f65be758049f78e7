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
        case running(ports: [Int], workers: [ProxyWorker])
        case ended(ProxyError?)
    }

    private struct State {
        /// What new requests go by.
        var settings: ProxySettings
        var phase = Phase.idle
        var hasStarted = false
        var askers: [CheckedContinuation<Result<[Int], ProxyError>, Never>] = []
    }

    private let options: ProxyOptions
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
        self.options = options
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
        let isFirst = self.state.withLock { state in
            defer { state.hasStarted = true }
            return !state.hasStarted
        }
        guard isFirst else { throw ProxyError(.closed, "a proxy runs once; make another one") }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: self.options.workers)
        let failure = await self.serve(on: group)
        self.settle(.ended(failure))
        try? await group.shutdownGracefully()
        if let failure { throw failure }
    }

    private func serve(on group: MultiThreadedEventLoopGroup) async -> ProxyError? {
        let settings = self.state.withLock { $0.settings }
        let count = ConnectionCount()
        var loops: [any EventLoop] = []
        for loop in group.makeIterator() { loops.append(loop) }
        let workers = loops.map { loop in
            ProxyWorker(
                group: group, eventLoop: loop, settings: settings, clock: self.clock, connectionCount: count)
        }
        let listener: Listener
        do throws(ProxyError) {
            listener = try await Listener.open(self.options, workers: workers)
        } catch {
            return error
        }
        self.settle(.running(ports: listener.ports, workers: workers))
        self.logger.info(
            "listening",
            metadata: [
                "addresses": "\(self.options.listen.map(\.description))", "ports": "\(listener.ports)",
                "workers": "\(workers.count)",
            ])
        let isGraceful = await self.waitForShutdown()
        await listener.close()
        if isGraceful { await self.drain(workers) }
        for worker in workers { try? await worker.eventLoop.submit { worker.abort() }.get() }
        self.logger.info("stopped")
        return nil
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
        let deadline = self.clock.now.advanced(by: self.options.drain)
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

    // MARK: What is known of it

    /// The ports that it listens on, in the order of ``ProxyOptions/listen``; waits until it does.
    ///
    /// - Throws: ``ProxyError``: why it cannot listen, or with code `closed` if it has ended.
    public var boundPorts: [Int] {
        get async throws(ProxyError) {
            let result = await withCheckedContinuation { continuation in
                let known = self.state.withLock { state -> Result<[Int], ProxyError>? in
                    if let known = Self.ports(of: state.phase) { return known }
                    state.askers.append(continuation)
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
            return try result.get()
        }
    }

    private static func ports(of phase: Phase) -> Result<[Int], ProxyError>? {
        switch phase {
        case .idle: nil
        case .running(let ports, _): .success(ports)
        case .ended(let error): .failure(error ?? ProxyError(.closed, "the proxy has ended"))
        }
    }

    private func settle(_ phase: Phase) {
        let askers = self.state.withLock { state in
            state.phase = phase
            defer { state.askers = [] }
            return state.askers
        }
        guard let known = Self.ports(of: phase) else { return }
        for asker in askers { asker.resume(returning: known) }
    }

    /// What it has done and does; all zero unless it runs.
    ///
    /// - Complexity: One visit to each worker.
    public func statistics() async -> ProxyStatistics {
        var statistics = ProxyStatistics()
        let workers = self.state.withLock { state -> [ProxyWorker] in
            if case .running(_, let workers) = state.phase { workers } else { [] }
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
