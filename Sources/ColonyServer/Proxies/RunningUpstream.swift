import ColonyBalancing
import ColonyCoordination
import ColonyCore
import ColonyProxy
import Logging
import ServiceLifecycle

/// An upstream of a proxy that runs: its balancer, who probes its endpoints, and who finds them.
struct RunningUpstream: Sendable {
    let definition: UpstreamDefinition
    let core: UpstreamCore
    let checker: HealthChecker?
    let source: (any EndpointSource)?
    fileprivate let tag: UpstreamCore.SourceTag?
    fileprivate let checkTag: UpstreamCore.SourceTag?
    /// What runs for it, by what it is.
    fileprivate let watch: StoppableTask
    fileprivate let checking: StoppableTask?
    fileprivate let finding: StoppableTask?

    fileprivate var tasks: [StoppableTask] { [self.watch] + [self.checking, self.finding].compactMap { $0 } }
}

extension RunningUpstream {
    /// What an upstream needs from the daemon around it.
    struct Surroundings: Sendable {
        let registry: Registry?
        let clock: any MonotonicClock
        let logger: Logger
        /// Is told that an endpoint has changed.
        let changed: @Sendable () -> Void
    }

    /// What to do once a reload is certain.
    struct Preparation: Sendable {
        let upstream: RunningUpstream
        let starting: [StoppableTask]
        let stopping: [StoppableTask]
        /// Endpoints of the file for a balancer that stays, and the checks that are no longer made.
        fileprivate let endpoints: [Endpoint]?
        fileprivate let endedChecks: [String]
        /// What the upstream had before, if it has a balancer of its own now.
        fileprivate let replaced: UpstreamCore?

        /// Makes the new settings hold. What can be refused was tried before.
        func commit(logger: Logger) {
            do throws(BalancingError) {
                self.upstream.core.setSource(self.upstream.tag)
                if let replaced { try self.upstream.core.takeOver(from: replaced) }
                if let endpoints { try self.upstream.core.use(endpoints) }
                self.upstream.core.setChecker(self.upstream.checker, self.upstream.checkTag)
                try self.upstream.core.forget(self.endedChecks)
            } catch {
                logger.error(
                    "endpoints could not be used",
                    metadata: ["upstream": "\(self.upstream.definition.name)", "reason": "\(error.message)"])
            }
        }
    }

    /// Prepares an upstream; nothing that runs is touched.
    ///
    /// - Parameter old: The upstream of the same name that runs now. A balancer with the same settings is kept, and so is everything that
    ///   the new settings leave alone.
    static func prepare(
        _ definition: UpstreamDefinition, in place: Surroundings, old: RunningUpstream?
    ) throws -> Preparation {
        var endpoints: [Endpoint]?
        var starting: [StoppableTask] = []
        var stopping: [StoppableTask] = []
        let core: UpstreamCore
        let watch: StoppableTask
        let isKept = old?.definition.options == definition.options
        if let old, isKept {
            (core, watch) = (old.core, old.watch)
            if case .fixed(let fixed) = definition.source { endpoints = fixed }
        } else {
            if let old {
                let first = if case .fixed(let fixed) = definition.source { fixed } else { old.core.found }
                let isRegistry = if case .registry = definition.source { true } else { false }
                core = try UpstreamCore(
                    first, options: definition.options, clock: place.clock, like: old.core, keepsFindings: isRegistry,
                    checks: Set(definition.checks.map(\.name)))
                stopping.append(old.watch)
            } else {
                core = try UpstreamCore(
                    definition.fixedEndpoints, options: definition.options, clock: place.clock)
            }
            watch = Self.watch(core.balancer, of: definition.name, in: place)
            starting.append(watch)
        }
        var (checker, checking, checkTag) = (old?.checker, old?.checking, old?.checkTag)
        if !isKept || old?.definition.checks != definition.checks {
            stopping += [checking].compactMap { $0 }
            (checker, checking, checkTag) = (nil, nil, nil)
            if !definition.checks.isEmpty {
                let fresh = UpstreamCore.SourceTag()
                let made = try HealthChecker(
                    definition.checks, probe: NetworkProbe(clock: place.clock), clock: place.clock
                ) { core.note($0, from: fresh) }
                let task = StoppableTask { await made.run() }
                (checker, checking, checkTag) = (made, task, fresh)
                starting.append(task)
            }
        }
        var (source, finding, tag) = (old?.source, old?.finding, old?.tag)
        if !isKept || old?.definition.source != definition.source {
            stopping += [finding].compactMap { $0 }
            (source, finding, tag) = (nil, nil, nil)
            let fresh = UpstreamCore.SourceTag()
            if let made = try Self.source(definition, core, fresh, in: place) {
                let task = StoppableTask { try? await made.run() }
                (source, finding, tag) = (made, task, fresh)
                starting.append(task)
            }
        }
        let names = Set(definition.checks.map(\.name))
        let upstream = RunningUpstream(
            definition: definition, core: core, checker: checker, source: source, tag: tag, checkTag: checkTag,
            watch: watch, checking: checking, finding: finding)
        return Preparation(
            upstream: upstream, starting: starting, stopping: stopping, endpoints: endpoints,
            endedChecks: isKept ? (old?.definition.checks ?? []).map(\.name).filter { !names.contains($0) } : [],
            replaced: isKept ? nil : old?.core)
    }

    /// Ends everything that runs for the upstream.
    func stop() { for task in self.tasks { task.stop() } }

    private static func source(
        _ definition: UpstreamDefinition, _ core: UpstreamCore, _ tag: UpstreamCore.SourceTag, in place: Surroundings
    ) throws(DaemonError) -> (any EndpointSource)? {
        let receive: EndpointReceiver = { found throws(BalancingError) in
            try core.use(found, from: tag)
            place.changed()
        }
        switch definition.source {
        case .fixed: return nil
        case .dns(let options):
            return DNSEndpoints(options, clock: place.clock, logger: place.logger, receive: receive)
        case .registry(let service):
            guard let registry = place.registry else {
                throw DaemonError(
                    .invalidConfiguration,
                    "the upstream \(definition.name) needs the registry, and the store behind this daemon keeps no records"
                )
            }
            return RegistryEndpoints(
                of: service, in: registry, clock: place.clock, logger: place.logger, receive: receive)
        }
    }

    /// Lets ejections end and slow starts grow, and tells what happens to endpoints.
    private static func watch(
        _ balancer: LoadBalancer, of name: String, in place: Surroundings
    ) -> StoppableTask {
        StoppableTask {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await balancer.run() }
                for await event in balancer.events(buffering: 1_024) {
                    place.changed()
                    place.logger.notice(
                        "endpoint \(event.kind.word)",
                        metadata: [
                            "upstream": "\(name)", "endpoint": "\(event.endpoint)", "reason": "\(event.reason)",
                        ])
                }
                group.cancelAll()
            }
        }
    }
}

extension BalancerEvent.Kind {
    /// What happened, in a word.
    fileprivate var word: String {
        switch self {
        case .added: "added"
        case .removed: "removed"
        case .recovered(let check): "recovered by the check \(check)"
        case .failed(let check): "failed by the check \(check)"
        case .ejected: "ejected"
        case .restored: "restored"
        case .administered(let state): "set to \(state)"
        }
    }
}
