import ColonyCore
import ColonyProxy
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The proxies of the configuration file: it starts them, changes them when the file is read again, and ends them.
///
/// All changes are made one after the other within ``run()``. A change is made as a whole or not at all: new proxies listen before any other is
/// touched, and if one cannot take its new settings those before it get their old ones back.
///
/// What runs for proxies are child tasks of ``run()``. Graceful shutdown reaches the servers by itself; what probes and finds endpoints goes on
/// until they are drained.
final class ProxyFleet: Sendable {
    /// What a reload has done, by the names of proxies.
    struct Changes: Hashable, Sendable {
        var added: [String] = []
        var kept: [String] = []
        var removed: [String] = []
    }

    private struct Command: Sendable {
        let definitions: [ProxyDefinition]
        let answer: CheckedContinuation<Result<Changes, DaemonError>, Never>
    }

    private struct State {
        var proxies: [RunningProxy] = []
        /// Those that are drained and gone then.
        var leaving: [RunningProxy] = []
        /// Servers that have ended while a change was made, of which others learn when it is.
        var ended: [ProxyServer] = []
        var isOpen = true
        var start: Result<Void, DaemonError>?
        var askers: [CheckedContinuation<Result<Void, DaemonError>, Never>] = []
    }

    /// One for each event loop that the host has processors for.
    static var processorCount: Int { max(1, min(1_024, System.coreCount)) }

    static var silentLogger: Logger { Logger(label: "colony.proxy") { _ in SwiftLogNoOpLogHandler() } }

    let place: RunningUpstream.Surroundings
    private let definitions: [ProxyDefinition]
    /// What is read again; `nil` if there is none.
    private let file: String?
    private let commands: AsyncStream<Command>
    private let commander: AsyncStream<Command>.Continuation
    private let state = Mutex(State())

    /// - Parameters:
    ///   - definitions: The proxies to begin with.
    ///   - file: What is read again.
    init(_ definitions: [ProxyDefinition], in place: RunningUpstream.Surroundings, file: String?) {
        self.definitions = definitions
        self.place = place
        self.file = file
        (self.commands, self.commander) = AsyncStream.makeStream(of: Command.self)
    }

    // MARK: Looking

    /// The proxies that run, in the order of the file.
    var proxies: [RunningProxy] { self.state.withLock { $0.proxies } }

    func proxy(named name: String) -> RunningProxy? { self.proxies.first { $0.name == name } }

    // MARK: Running

    /// Runs the proxies until graceful shutdown or cancellation, and returns when all have ended.
    func run() async {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                do throws(DaemonError) {
                    _ = try await self.apply(self.definitions, to: &group)
                    self.settle(.success(()))
                } catch {
                    self.settle(.failure(error))
                    self.close()
                    group.cancelAll()
                }
                for await command in self.commands {
                    do throws(DaemonError) {
                        let changes = try await self.apply(command.definitions, to: &group)
                        command.answer.resume(returning: .success(changes))
                    } catch {
                        command.answer.resume(returning: .failure(error))
                    }
                }
                self.close()
            }
        } onGracefulShutdown: {
            self.close()
        }
        // What came while the run was cancelled.
        for await command in self.commands { command.answer.resume(returning: .failure(Self.draining)) }
    }

    /// Waits until all proxies of the start listen.
    ///
    /// - Throws: Why one cannot; none of them runs then.
    func waitForStart() async throws(DaemonError) {
        let result = await withCheckedContinuation { continuation in
            let known = self.state.withLock { state -> Result<Void, DaemonError>? in
                if state.start == nil { state.askers.append(continuation) }
                return state.start
            }
            if let known { continuation.resume(returning: known) }
        }
        try result.get()
    }

    private func settle(_ result: Result<Void, DaemonError>) {
        let askers = self.state.withLock { state in
            state.start = result
            defer { state.askers = [] }
            return state.askers
        }
        for asker in askers { asker.resume(returning: result) }
    }

    /// Takes no more commands. Those that were given are answered.
    private func close() {
        self.state.withLock { $0.isOpen = false }
        self.commander.finish()
    }

    private static var draining: DaemonError {
        DaemonError(.cannotListen, "the daemon is shutting down, and proxies are changed no more")
    }

    // MARK: Reloading

    /// Reads the file again, and makes what it says of proxies hold. Nothing changes if anything is wrong with it.
    ///
    /// - Throws: ``DaemonError`` that says what is wrong, with line and column where it stands in the file.
    func reload() async throws(DaemonError) -> Changes {
        let definitions = try await self.load()
        let result = await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if state.isOpen { self.commander.yield(Command(definitions: definitions, answer: continuation)) }
                return state.isOpen
            }
            if !isOpen { continuation.resume(returning: .failure(Self.draining)) }
        }
        let changes = try result.get()
        for proxy in self.proxies {
            do throws(DaemonError) {
                try proxy.log?.reopen()
            } catch {
                self.place.logger.error("\(error.message); the old one is written on")
            }
        }
        self.place.changed()
        return changes
    }

    /// Files are read on a thread that may wait.
    private func load() async throws(DaemonError) -> [ProxyDefinition] {
        guard let file else {
            throw DaemonError(.invalidConfiguration, "there is no configuration file that could be read again")
        }
        let result = await Task(executorPreference: DedicatedExecutor(named: "colony-reload")) {
            () -> Result<[ProxyDefinition], DaemonError> in
            do throws(DaemonError) {
                return .success(try DaemonConfiguration.proxies(of: file))
            } catch {
                return .failure(error)
            }
        }.value
        return try result.get()
    }

    /// A proxy that is to run, with all that was prepared for it.
    private struct Plan: Sendable {
        let definition: ProxyDefinition
        let old: RunningProxy?
        let upstreams: [RunningUpstream.Preparation]
        let log: AccessLogOutput?
        let options: ProxyOptions
        let proxyUpstreams: [ProxyUpstream]

        var isNewLog: Bool { self.log != nil && self.log !== self.old?.log }
    }

    private func apply(
        _ definitions: [ProxyDefinition], to group: inout DiscardingTaskGroup
    ) async throws(DaemonError) -> Changes {
        let present = self.proxies
        let plans = try self.plan(definitions, present)
        let kept = Set(plans.compactMap { $0.old?.name })
        var started: [RunningProxy] = []
        var changed: [RunningProxy] = []
        do throws(DaemonError) {
            // New ones first: they may find their port taken.
            for plan in plans where plan.old == nil { started.append(try await self.start(plan, in: &group)) }
            for plan in plans {
                guard let old = plan.old else { continue }
                changed.append(try await self.change(old, by: plan))
            }
        } catch {
            for proxy in started { proxy.server.shutDown() }
            await self.undo(changed, plans)
            for plan in plans where plan.isNewLog { await plan.log?.finish() }
            throw error
        }
        var changes = Changes()
        for plan in plans {
            for warning in plan.definition.settings.tls?.warnings ?? [] {
                self.place.logger.warning(
                    "\(warning)", metadata: ["proxy": "\(plan.definition.name)"])
            }
            for part in plan.upstreams {
                part.commit(logger: self.place.logger)
                for task in part.stopping { task.stop() }
                for task in part.starting { group.addTask { await task.run() } }
            }
            guard let old = plan.old else {
                changes.added.append(plan.definition.name)
                continue
            }
            changes.kept.append(plan.definition.name)
            let names = Set(plan.definition.upstreams.map(\.name))
            for upstream in old.upstreams where !names.contains(upstream.definition.name) { upstream.stop() }
            if let log = old.log, log !== plan.log { await log.finish() }
        }
        let leaving = present.filter { !kept.contains($0.name) }
        let running = started + changed
        let all = plans.compactMap { plan in running.first { $0.name == plan.definition.name } }
        let gone = self.state.withLock { state in
            state.proxies = all
            state.leaving += leaving
            defer { state.ended = [] }
            return (all + leaving).filter { proxy in state.ended.contains { $0 === proxy.server } }
        }
        // Shutdown reaches servers by themselves, and may have done so before they were known here.
        for proxy in gone { await self.stop(proxy) }
        for proxy in leaving {
            changes.removed.append(proxy.name)
            // Its upstreams end when it is drained.
            proxy.server.shutDown()
        }
        if !all.isEmpty || !present.isEmpty {
            self.place.logger.info(
                "proxies run",
                metadata: [
                    "proxies": "\(all.map { "\($0.name) \($0.addresses.joined(separator: " "))" })",
                    "removed": "\(changes.removed)",
                ])
        }
        return changes
    }

    private func plan(
        _ definitions: [ProxyDefinition], _ present: [RunningProxy]
    ) throws(DaemonError) -> [Plan] {
        let names = Set(definitions.map(\.name))
        var free = present.filter { !names.contains($0.name) }
        var plans: [Plan] = []
        for definition in definitions {
            var old = present.first { $0.name == definition.name }
            // Under another name it is the same, because nobody else could listen there.
            if old == nil, let index = free.firstIndex(where: { Self.sharesAddress($0.definition, definition) }) {
                old = free.remove(at: index)
            }
            plans.append(try self.plan(definition, old))
        }
        return plans
    }

    private static func sharesAddress(_ first: ProxyDefinition, _ second: ProxyDefinition) -> Bool {
        first.listen.contains { $0.port != 0 && second.listen.contains($0) }
    }

    private func plan(_ definition: ProxyDefinition, _ old: RunningProxy?) throws(DaemonError) -> Plan {
        let settings = definition.settings.accessLog
        let log: AccessLogOutput?
        if let old, old.log?.settings == settings {
            log = old.log
        } else {
            log = if let settings { try AccessLogOutput(settings) } else { nil }
        }
        do {
            let upstreams = try definition.upstreams.map { upstream in
                try RunningUpstream.prepare(
                    upstream, in: self.place, old: old?.upstream(named: upstream.name))
            }
            return Plan(
                definition: definition, old: old, upstreams: upstreams, log: log,
                options: try definition.options(accessLog: log?.log),
                proxyUpstreams: try upstreams.map { try Self.proxyUpstream($0.upstream) })
        } catch let error as DaemonError {
            throw error
        } catch {
            throw DaemonError(
                .invalidConfiguration, "the proxy \(definition.name): \(SectionValue.sentence(of: error))", cause: error
            )
        }
    }

    private static func proxyUpstream(_ upstream: RunningUpstream) throws(ProxyError) -> ProxyUpstream {
        try ProxyUpstream(
            upstream.definition.name, balancer: upstream.core.balancer, pool: upstream.definition.pool,
            tls: upstream.definition.tls)
    }

    private func start(_ plan: Plan, in group: inout DiscardingTaskGroup) async throws(DaemonError) -> RunningProxy {
        let name = plan.definition.name
        do throws(ProxyError) {
            let server = try ProxyServer(
                options: plan.options, upstreams: plan.proxyUpstreams, clock: self.place.clock,
                logger: Self.silentLogger)
            group.addTask {
                // Why it could not listen is told by its ports.
                try? await server.run()
                await self.ended(server)
            }
            let ports = try await server.boundPorts
            return RunningProxy(
                definition: plan.definition, server: server, upstreams: plan.upstreams.map(\.upstream), log: plan.log,
                ports: ports)
        } catch {
            throw Self.refused(name, error)
        }
    }

    private func change(_ old: RunningProxy, by plan: Plan) async throws(DaemonError) -> RunningProxy {
        do throws(ProxyError) {
            try await old.server.reconfigure(plan.options, upstreams: plan.proxyUpstreams)
            return RunningProxy(
                definition: plan.definition, server: old.server, upstreams: plan.upstreams.map(\.upstream),
                log: plan.log, ports: try await old.server.boundPorts)
        } catch {
            throw Self.refused(plan.definition.name, error)
        }
    }

    /// Gives those that were changed their old settings back.
    private func undo(_ changed: [RunningProxy], _ plans: [Plan]) async {
        for proxy in changed {
            guard let old = plans.first(where: { $0.definition.name == proxy.name })?.old else { continue }
            do {
                try await old.server.reconfigure(
                    old.definition.options(accessLog: old.log?.log),
                    upstreams: old.upstreams.map { try Self.proxyUpstream($0) })
            } catch {
                self.place.logger.error(
                    "a proxy could not be given its old settings back",
                    metadata: ["proxy": "\(old.name)", "reason": "\(error)"])
            }
        }
    }

    /// A server has ended, and with it the reason to look after its upstreams.
    private func ended(_ server: ProxyServer) async {
        let proxy = self.state.withLock { state -> RunningProxy? in
            let proxy = (state.proxies + state.leaving).first { $0.server === server }
            state.leaving.removeAll { $0.server === server }
            state.ended.append(server)
            return proxy
        }
        if let proxy { await self.stop(proxy) }
    }

    /// Repeating it does nothing.
    private func stop(_ proxy: RunningProxy) async {
        for upstream in proxy.upstreams { upstream.stop() }
        await proxy.log?.finish()
    }

    private static func refused(_ name: String, _ error: ProxyError) -> DaemonError {
        let code: DaemonError.Code =
            switch error.code {
            case .addressInUse: .addressInUse
            case .cannotListen: .cannotListen
            default: .invalidConfiguration
            }
        return DaemonError(code, "the proxy \(name): \(error.message)", cause: error)
    }
}
