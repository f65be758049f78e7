/// What a proxy takes from clients at most. They are checked with the options.
public struct ProxyLimits: Hashable, Sendable {
    /// Connections of clients at one time, from 1 to 10,000,000. What comes beyond is closed at once.
    public var connections: Int
    /// The line of a request, in bytes, from 64 to 1,048,576; a longer one is answered with 414.
    public var requestLineBytes: Int
    /// The whole head of a message, in bytes, from 256 to 1,048,576; a longer one is answered with 431.
    public var headBytes: Int
    /// Header fields in a head, from 1 to 10,000.
    public var headFields: Int
    /// The body of a request, in bytes; a longer one is answered with 413. `nil` for any length.
    public var bodyBytes: Int64?
    /// Requests at one time on a connection in HTTP/2, from 1 to 10,000. A client is told, and one
    /// that begins more than that loses the connection.
    public var streams: Int

    /// Makes limits.
    public init(
        connections: Int = 20_000, requestLineBytes: Int = 8_192, headBytes: Int = 32_768, headFields: Int = 128,
        bodyBytes: Int64? = nil, streams: Int = 100
    ) {
        self.connections = connections
        self.requestLineBytes = requestLineBytes
        self.headBytes = headBytes
        self.headFields = headFields
        self.bodyBytes = bodyBytes
        self.streams = streams
    }

    func validate() throws(ProxyError) {
        guard (1...10_000_000).contains(self.connections) else {
            throw ProxyError(
                .invalidConfiguration, "a limit of \(self.connections) connections is not possible: from 1 to 10000000")
        }
        guard (64...1_048_576).contains(self.requestLineBytes) else {
            throw ProxyError(
                .invalidConfiguration,
                "a limit of \(self.requestLineBytes) bytes for a request line is not possible: from 64 to 1048576")
        }
        guard (256...1_048_576).contains(self.headBytes), self.headBytes >= self.requestLineBytes else {
            throw ProxyError(
                .invalidConfiguration,
                "a limit of \(self.headBytes) bytes for a head is not possible: from 256 to 1048576, and not less than "
                    + "the \(self.requestLineBytes) of the request line")
        }
        guard (1...10_000).contains(self.headFields) else {
            throw ProxyError(
                .invalidConfiguration, "a limit of \(self.headFields) header fields is not possible: from 1 to 10000")
        }
        guard (1...10_000).contains(self.streams) else {
            throw ProxyError(
                .invalidConfiguration, "a limit of \(self.streams) streams is not possible: from 1 to 10000")
        }
        if let bodyBytes, bodyBytes < 0 {
            throw ProxyError(.invalidConfiguration, "a limit of \(bodyBytes) bytes for a body is not possible")
        }
    }
}
