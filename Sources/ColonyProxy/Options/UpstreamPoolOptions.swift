/// How many connections a proxy keeps to its endpoints. The numbers hold for each endpoint and each worker.
public struct UpstreamPoolOptions: Hashable, Sendable {
    /// Connections in all, from 1 to 100,000.
    public var connections: Int
    /// Connections that are kept open without work, from 0, none, to ``connections``.
    public var idleConnections: Int
    /// How long a connection is kept without work, from a millisecond to a day. It should be shorter than what the endpoints use, so that
    /// no request is sent into a connection that they are about to close.
    public var idleTimeout: Duration
    /// Requests that wait for a connection, from 0 to 100,000; a request beyond is answered with 503.
    public var waiting: Int
    /// How long they wait, from a millisecond to a day; then they are answered with 503.
    public var waitingTimeout: Duration

    /// Makes limits of a pool. They are checked with the options.
    public init(
        connections: Int = 1_024, idleConnections: Int = 128, idleTimeout: Duration = .seconds(50),
        waiting: Int = 1_024, waitingTimeout: Duration = .seconds(5)
    ) {
        self.connections = connections
        self.idleConnections = idleConnections
        self.idleTimeout = idleTimeout
        self.waiting = waiting
        self.waitingTimeout = waitingTimeout
    }

    func validate() throws(ProxyError) {
        guard (1...100_000).contains(self.connections) else {
            throw ProxyError(
                .invalidConfiguration,
                "a pool of \(self.connections) connections is not possible: from 1 to 100000")
        }
        guard (0...self.connections).contains(self.idleConnections) else {
            throw ProxyError(
                .invalidConfiguration,
                "a pool with \(self.idleConnections) idle connections is not possible: from 0 to \(self.connections)")
        }
        guard (0...100_000).contains(self.waiting) else {
            throw ProxyError(
                .invalidConfiguration, "a pool with \(self.waiting) waiting is not possible: from 0 to 100000")
        }
        for duration in [self.idleTimeout, self.waitingTimeout]
        where duration < .milliseconds(1) || duration > .seconds(86_400) {
            throw ProxyError(
                .invalidConfiguration,
                "a time-out of \(duration) of a pool is not possible: from a millisecond to a day")
        }
    }
}
