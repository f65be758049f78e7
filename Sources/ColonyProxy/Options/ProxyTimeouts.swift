/// How long a proxy waits for what. Each is from one millisecond to one day; they are checked with the options.
public struct ProxyTimeouts: Hashable, Sendable {
    /// For a connection to an endpoint.
    public var connect: Duration
    /// For the whole head of a request, from its first byte on, or from the opening of the connection for the first one. A client that
    /// sends a byte now and then does not get more time.
    public var requestHead: Duration
    /// For the next bytes of a request's body, and for a client to take the next bytes of an answer.
    public var clientIdle: Duration
    /// For the next request on a connection that is kept open.
    public var keepAlive: Duration
    /// For the head of an answer, from the moment the request has been passed on.
    public var answer: Duration
    /// For the next bytes of an answer's body.
    public var endpointIdle: Duration
    /// For bytes in either direction in TCP mode, and after an upgrade.
    public var relayIdle: Duration

    /// Makes time-outs. The defaults are those that nginx and HAProxy are commonly run with.
    public init(
        connect: Duration = .seconds(5), requestHead: Duration = .seconds(10), clientIdle: Duration = .seconds(60),
        keepAlive: Duration = .seconds(75), answer: Duration = .seconds(60), endpointIdle: Duration = .seconds(60),
        relayIdle: Duration = .seconds(600)
    ) {
        self.connect = connect
        self.requestHead = requestHead
        self.clientIdle = clientIdle
        self.keepAlive = keepAlive
        self.answer = answer
        self.endpointIdle = endpointIdle
        self.relayIdle = relayIdle
    }

    private static var range: ClosedRange<Duration> { .milliseconds(1)...(.seconds(86_400)) }

    func validate() throws(ProxyError) {
        let named: [(String, Duration)] = [
            ("connect", self.connect), ("requestHead", self.requestHead), ("clientIdle", self.clientIdle),
            ("keepAlive", self.keepAlive), ("answer", self.answer), ("endpointIdle", self.endpointIdle),
            ("relayIdle", self.relayIdle),
        ]
        for (name, value) in named where !Self.range.contains(value) {
            throw ProxyError(
                .invalidConfiguration, "a time-out \(name) of \(value) is not possible: from a millisecond to a day")
        }
    }
}
