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
    var traffic: ProxyStatistics.EndpointTraffic
    /// Open, or being opened.
    private(set) var openCount = 0

    init(number: UInt64, endpoint: Endpoint) {
        self.number = number
        self.endpoint = endpoint
        self.target = EndpointConnector.Target(endpoint.address)
        self.traffic = ProxyStatistics.EndpointTraffic(endpoint: endpoint, number: number)
    }

    var isUnused: Bool { self.openCount == 0 }

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

    func closeIdle() {}

    func snapshot() -> ProxyStatistics.EndpointTraffic {
        self.traffic
    }
}
