import ColonyBalancing
import ColonyCore
import NIOCore
import NIOPosix

/// Opens connections to endpoints, on the loop of the client that they are for.
enum EndpointConnector {
    /// Where a connection goes, worked out once for each endpoint.
    enum Target {
        case address(SocketAddress)
        /// A name is looked up for each connection, so that a change in DNS is seen.
        case name(String, port: Int)

        init(_ address: EndpointAddress) {
            switch address.kind {
            case .host(let host, let port):
                if let address = try? SocketAddress(ipAddress: host, port: port) {
                    self = .address(address)
                } else {
                    self = .name(host, port: port)
                }
            case .socket(let path):
                if let address = try? SocketAddress(unixDomainSocketPath: path) {
                    self = .address(address)
                } else {
                    self = .name(path, port: 0)
                }
            }
        }
    }

    /// Opens a connection.
    ///
    /// - Parameter prepare: Puts handlers into the pipeline, on the loop.
    static func connect(
        to target: Target, on worker: ProxyWorker, allowsHalfClosure: Bool,
        prepare: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let timeout = worker.settings.options.timeouts.connect.clampedNanoseconds
        let bootstrap = ClientBootstrap(group: worker.eventLoop)
            .connectTimeout(.nanoseconds(timeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: allowsHalfClosure)
            .channelOption(.recvAllocator, value: Self.reading)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel) }
            }
        switch target {
        case .address(let address): return bootstrap.connect(to: address)
        case .name(let host, let port):
            // The bootstrap's own resolver asks the system on the event loop, where all connections of the worker would wait for a silent name server.
            return bootstrap.resolver(ThreadedResolver(on: worker.eventLoop)).connect(host: host, port: port)
        }
    }

    static let reading = AdaptiveRecvByteBufferAllocator(
        minimum: ProxySettings.smallestRead, initial: ProxySettings.firstRead, maximum: ProxySettings.largestRead)
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
        low: ProxySettings.lowWaterMark, high: ProxySettings.highWaterMark)

    /// What the balancer is told of an attempt that failed.
    static func failure(of error: any Error) -> CallFailure {
        if case ChannelError.connectTimeout = error { return .timedOut }
        return .connectFailed
    }
}
