public import ColonyBalancing
public import ColonyCore

/// One request and its answer, for a log.
public struct AccessLogEntry: Sendable {
    /// When the answer was whole, or given up.
    public let time: WallTime
    /// The address of the client, as text without a port; that of the PROXY protocol if it was taken.
    public let client: String
    /// The method, such as `GET`; empty if the head could not be read.
    public let method: String
    /// The target as the client sent it; empty if the head could not be read.
    public let target: String
    /// The status of the answer; 0 if there was none.
    public let status: Int
    /// Bytes that were written to the client for it.
    public let bytes: UInt64
    /// From the head of the request to the end of the answer.
    public let duration: Duration
    /// Who answered; `nil` if the proxy did.
    public let endpoint: EndpointName?
    /// How many endpoints were tried.
    public let attempts: Int
    /// Whether the answer ended as it should.
    public let isComplete: Bool
}

/// Who is told of each request.
public struct AccessLog: Sendable {
    let clock: any WallClock
    let write: @Sendable (AccessLogEntry) -> Void

    /// Tells a function of the program.
    ///
    /// - Parameter write: Is called on the threads that serve requests, so it must not wait: an `AsyncStream` with a bounded buffer takes
    ///   entries to whoever writes them down.
    public init(clock: any WallClock = SystemWallClock(), _ write: @escaping @Sendable (AccessLogEntry) -> Void) {
        self.clock = clock
        self.write = write
    }

    /// A log as a stream.
    ///
    /// - Parameter capacity: How many entries wait at most; the newest ones beyond are lost. At least 1.
    /// - Returns: The log, and the stream that its entries come out of. The stream does not end by itself.
    public static func stream(
        capacity: Int = 4_096, clock: any WallClock = SystemWallClock()
    ) -> (log: AccessLog, entries: AsyncStream<AccessLogEntry>) {
        let (entries, continuation) = AsyncStream.makeStream(
            of: AccessLogEntry.self, bufferingPolicy: .bufferingOldest(max(1, capacity)))
        return (AccessLog(clock: clock) { continuation.yield($0) }, entries)
    }
}
