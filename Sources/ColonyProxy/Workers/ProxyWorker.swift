import ColonyCore
import ColonyResilience
import NIOCore
import Synchronization

/// A connection of a client, as its worker sees it.
protocol ClientConnection: AnyObject {
    /// Ends when the work that is under way is done, and takes no more.
    func drain()
    /// Ends now.
    func abort()
}

/// One event loop and all that lives on it: connections of clients, those to endpoints, and what is counted.
///
/// Both connections of a request are on the same loop, so they call each other directly, and no counter needs a lock.
///
/// `@unchecked Sendable` because its mutable state is used on its event loop only. What is handed to other threads are the constants, and
/// snapshots that are taken on the loop.
final class ProxyWorker: @unchecked Sendable {
    /// All loops of the proxy.
    let group: any EventLoopGroup
    let eventLoop: any EventLoop
    /// What new requests go by; those under way go on with what they began with. Nobody else keeps it for longer than a request.
    private(set) var settings: ProxySettings
    /// In the order of the plans of the settings.
    private(set) var routes: [WorkerRoute]
    /// In the order of the upstreams of the settings.
    private var pools: [UpstreamPool]
    /// Of upstreams that are gone, until their last connection is.
    private var retired: [UpstreamPool] = []
    let clock: any MonotonicClock
    /// Shared by all workers.
    let connectionCount: ConnectionCount

    var traffic = ProxyStatistics.Traffic()
    var latency = LatencyCounts()
    var spares = SpareBuffers()
    private var connections: [ObjectIdentifier: any ClientConnection] = [:]
    private(set) var isDraining = false
    private var whenEmpty: (() -> Void)?

    init(
        group: any EventLoopGroup, eventLoop: any EventLoop, settings: ProxySettings, clock: any MonotonicClock,
        connectionCount: ConnectionCount
    ) {
        let pools = settings.upstreams.map { UpstreamPool($0) }
        self.group = group
        self.eventLoop = eventLoop
        self.settings = settings
        self.pools = pools
        self.routes = settings.plans.map { WorkerRoute($0, pools: pools, counts: RouteCounts(name: $0.name)) }
        self.clock = clock
        self.connectionCount = connectionCount
    }

    /// Goes by other settings from the next request on.
    ///
    /// Requests under way keep their routes and connections. What stays the same keeps its connections, too; the pools of upstreams that are gone
    /// are closed as their work ends.
    func adopt(_ settings: ProxySettings) {
        var unused = self.pools
        self.pools = settings.upstreams.map { upstream in
            guard let index = unused.firstIndex(where: { $0.serves(upstream) }) else { return UpstreamPool(upstream) }
            let pool = unused.remove(at: index)
            pool.update(upstream)
            return pool
        }
        for pool in unused { pool.retire() }
        self.retired = (self.retired + unused).filter { !$0.endpoints.isUnused }
        let earlier = Dictionary(self.routes.map { ($0.plan.name, $0.counts) }) { first, _ in first }
        self.routes = settings.plans.map { plan in
            WorkerRoute(plan, pools: self.pools, counts: earlier[plan.name] ?? RouteCounts(name: plan.name))
        }
        self.settings = settings
    }

    /// Nanoseconds on the clock.
    var now: Int64 { self.clock.now.nanoseconds }

    // MARK: Connections of clients

    /// Takes a connection in, unless there are too many or the proxy is ending. One that was taken in before goes on.
    func admit(_ connection: any ClientConnection, from origin: ConnectionOrigin) -> Bool {
        if let earlier = origin.admitted {
            origin.admitted = nil
            guard self.connections.removeValue(forKey: ObjectIdentifier(earlier)) != nil else { return false }
            self.connections[ObjectIdentifier(connection)] = connection
            return true
        }
        guard !self.isDraining, self.connectionCount.enter(limit: self.settings.options.limits.connections) else {
            self.traffic.refusedConnections &+= 1
            return false
        }
        self.traffic.connections &+= 1
        self.traffic.activeConnections += 1
        self.connections[ObjectIdentifier(connection)] = connection
        return true
    }

    func ended(_ connection: any ClientConnection) {
        guard self.connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        self.traffic.activeConnections -= 1
        self.connectionCount.leave()
        if self.connections.isEmpty { self.whenEmpty?() }
    }

    /// Lets what is under way end, and calls back when there is nothing left.
    func drain(_ whenEmpty: @escaping () -> Void) {
        self.isDraining = true
        self.whenEmpty = whenEmpty
        for connection in Array(self.connections.values) { connection.drain() }
        if self.connections.isEmpty { whenEmpty() }
    }

    /// Ends all connections.
    func abort() {
        self.isDraining = true
        for connection in Array(self.connections.values) { connection.abort() }
        for pool in self.pools + self.retired { pool.endpoints.closeIdle() }
    }

    /// Whether the budget of a route allows another attempt; counted.
    func mayRetry(_ plan: RoutePlan) -> Bool {
        guard plan.budget.withdraw() else {
            self.traffic.refusedRetries &+= 1
            return false
        }
        self.traffic.retries &+= 1
        return true
    }

    func snapshot() -> ProxyStatistics {
        self.retired.removeAll { $0.endpoints.isUnused }
        var statistics = ProxyStatistics()
        statistics.traffic = self.traffic
        statistics.latency = self.latency
        statistics.endpoints = (self.pools + self.retired).flatMap { $0.endpoints.snapshot() }
        // The one that takes everything where no routes are set has no name.
        statistics.routes = self.routes.map(\.counts.traffic).filter { !$0.name.isEmpty }
        return statistics
    }
}

/// How many clients are connected, or how many requests of a route are at endpoints, over all workers.
final class ConnectionCount: Sendable {
    private let count = Atomic(0)

    func enter(limit: Int) -> Bool {
        if self.count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        self.leave()
        return false
    }

    /// Without a limit.
    func enter() { self.count.wrappingAdd(1, ordering: .relaxed) }

    func leave() { self.count.wrappingSubtract(1, ordering: .relaxed) }
}
