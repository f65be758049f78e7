import ColonyBalancing
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
    let settings: ProxySettings
    let balancer: LoadBalancer
    let clock: any MonotonicClock
    /// Shared by all workers, like the number of connections.
    let budget: RetryBudget
    let connectionCount: ConnectionCount

    var traffic = ProxyStatistics.Traffic()
    var latency = LatencyCounts()
    let endpoints: EndpointTable
    var spares = SpareBuffers()
    private var connections: [ObjectIdentifier: any ClientConnection] = [:]
    private(set) var isDraining = false
    private var whenEmpty: (() -> Void)?

    init(
        group: any EventLoopGroup, eventLoop: any EventLoop, settings: ProxySettings, balancer: LoadBalancer,
        clock: any MonotonicClock, budget: RetryBudget, connectionCount: ConnectionCount
    ) {
        self.group = group
        self.eventLoop = eventLoop
        self.settings = settings
        self.balancer = balancer
        self.clock = clock
        self.budget = budget
        self.connectionCount = connectionCount
        self.endpoints = EndpointTable()
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
        self.endpoints.closeIdle()
    }

    // MARK: Choosing

    /// Chooses an endpoint for an attempt.
    func pick(_ context: borrowing PickContext) -> Pick? {
        do throws(BalancingError) {
            return try self.balancer.pick(context)
        } catch {
            return nil
        }
    }

    /// Whether the budget allows another attempt; counted.
    func mayRetry() -> Bool {
        guard self.budget.withdraw() else {
            self.traffic.refusedRetries &+= 1
            return false
        }
        self.traffic.retries &+= 1
        return true
    }

    func snapshot() -> (ProxyStatistics.Traffic, LatencyCounts, [ProxyStatistics.EndpointTraffic]) {
        (self.traffic, self.latency, self.endpoints.snapshot())
    }
}

/// How many clients are connected, over all workers.
final class ConnectionCount: Sendable {
    private let count = Atomic(0)

    func enter(limit: Int) -> Bool {
        if self.count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        self.leave()
        return false
    }

    func leave() { self.count.wrappingSubtract(1, ordering: .relaxed) }
}
