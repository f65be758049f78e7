import ColonyBalancing
import NIOCore

/// What a worker knows of one endpoint: where it is, what went there, and the connections to it.
///
/// Connections without work are a stack: the one that was used last is used next, so those that are not needed grow old and are closed.
///
/// `@unchecked Sendable` because it is used on the event loop of its worker only, also by the closures that wait for a connection.
final class EndpointRecord: @unchecked Sendable {
    let number: UInt64
    let endpoint: Endpoint
    let target: EndpointConnector.Target
    /// The limits of its pool.
    let rules: PoolRules
    var traffic: ProxyStatistics.EndpointTraffic
    /// Open, or being opened.
    private(set) var openCount = 0

    init(number: UInt64, endpoint: Endpoint, upstream: String, rules: PoolRules) {
        self.number = number
        self.endpoint = endpoint
        self.target = EndpointConnector.Target(endpoint.address)
        self.rules = rules
        self.traffic = ProxyStatistics.EndpointTraffic(upstream: upstream, endpoint: endpoint, number: number)
    }

    private var idle: [HTTP1Upstream] = []
    /// Requests that wait for a connection, in the order in which they came.
    private var waiting: CircularBuffer<Exchange> = []

    var isUnused: Bool { self.openCount == 0 && self.waiting.isEmpty }

    // MARK: The life of a connection

    func connecting() { self.openCount += 1 }

    func connected() {
        self.traffic.connections &+= 1
        self.traffic.activeConnections += 1
    }

    func failedToConnect() {
        self.openCount -= 1
        self.traffic.failedConnections &+= 1
    }

    func closed() {
        self.openCount -= 1
        self.traffic.activeConnections -= 1
    }

    // MARK: The pool

    /// The connection that was used last, out of those without work.
    func takeIdle() -> HTTP1Upstream? {
        while let upstream = self.idle.popLast() {
            if upstream.isUsable { return upstream }
        }
        return nil
    }

    /// Takes a connection whose work is done: for the request that waits longest, or to rest.
    func give(_ upstream: HTTP1Upstream, on worker: ProxyWorker) {
        if let exchange = self.waiting.popFirst() {
            exchange.attach(upstream)
            return
        }
        guard self.idle.count < self.rules.options.idleConnections, !self.rules.isRetired, !worker.isDraining else {
            upstream.close()
            return
        }
        self.idle.append(upstream)
        upstream.rest()
    }

    func closed(_ upstream: HTTP1Upstream, wasResting: Bool) {
        self.closed()
        if wasResting { self.forget(upstream) }
        self.openForWaiting()
    }

    /// The connection rests no longer.
    func forget(_ upstream: HTTP1Upstream) { self.idle.removeAll { $0 === upstream } }

    /// Goes by the limits that the pool has now.
    func adapt() {
        while self.idle.count > self.rules.options.idleConnections { self.idle.removeFirst().close() }
        for upstream in self.idle { upstream.rest() }
        self.openForWaiting()
    }

    func closeIdle() {
        let idle = self.idle
        self.idle = []
        for upstream in idle { upstream.close() }
    }

    // MARK: Waiting for a connection

    /// Whether another connection may be opened.
    var hasPlace: Bool { self.openCount < self.rules.options.connections }

    /// Whether there was a place in the line.
    func wait(_ exchange: Exchange) -> Bool {
        guard self.waiting.count < self.rules.options.waiting else { return false }
        self.waiting.append(exchange)
        return true
    }

    /// Whether a request waits for a connection.
    func hasInLine(_ exchange: Exchange) -> Bool { self.waiting.contains { $0 === exchange } }

    func stopWaiting(_ exchange: Exchange) {
        self.waiting.removeAll { $0 === exchange }
    }

    /// A place is free: the request that waits longest opens a connection.
    func openForWaiting() {
        while self.hasPlace, let exchange = self.waiting.popFirst() { exchange.open(self) }
    }

    func snapshot() -> ProxyStatistics.EndpointTraffic {
        var traffic = self.traffic
        traffic.idleConnections = self.idle.count
        traffic.waiting = self.waiting.count
        return traffic
    }
}
