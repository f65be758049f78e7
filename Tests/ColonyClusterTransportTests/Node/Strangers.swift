import ColonyCluster
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A socket for datagrams that says what no member would.
struct RawDatagrams {
    private let channel: any Channel

    init(receive: (@Sendable ([UInt8], SocketAddress) -> Void)? = nil) async throws {
        self.channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Receiver(receive))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { self.channel.localAddress?.port ?? 0 }

    func send(_ bytes: [UInt8], to address: MemberAddress) async throws {
        try await self.send(bytes, to: SocketAddress(ipAddress: address.host, port: Int(address.port)))
    }

    func send(_ bytes: [UInt8], to address: SocketAddress) async throws {
        try await self.channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes))
        ).get()
    }

    /// Without waiting, for whoever stands in the way of two others.
    func pass(_ bytes: [UInt8], to address: SocketAddress) {
        self.channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes)), promise: nil)
    }

    func close() async throws { try await self.channel.close().get() }

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let receive: (@Sendable ([UInt8], SocketAddress) -> Void)?

        init(_ receive: (@Sendable ([UInt8], SocketAddress) -> Void)?) { self.receive = receive }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = self.unwrapInboundIn(data)
            self.receive?(Array(envelope.data.readableBytesView), envelope.remoteAddress)
        }
    }
}

/// Stands in the way of all datagrams to one node, passes them on, and remembers them.
final class Eavesdropper: Sendable {
    private struct State {
        var recorded: [[UInt8]] = []
        var target: SocketAddress?
        var latest: SocketAddress?
        var socket: RawDatagrams?
    }

    private let state = Mutex(State())

    func open() async throws -> Int {
        let socket = try await RawDatagrams { [weak self] bytes, source in self?.take(bytes, from: source) }
        self.state.withLock { $0.socket = socket }
        return socket.port
    }

    func pass(to address: SocketAddress) { self.state.withLock { $0.target = address } }

    var recorded: [[UInt8]] { self.state.withLock { $0.recorded } }

    private func take(_ bytes: [UInt8], from source: SocketAddress) {
        self.state.withLock { state in
            guard let target = state.target else { return }
            if source == target {
                // An answer, which goes to whoever was passed on last.
                if let latest = state.latest { state.socket?.pass(bytes, to: latest) }
            } else {
                state.recorded.append(bytes)
                state.latest = source
                state.socket?.pass(bytes, to: target)
            }
        }
    }

    func close() async throws { try await self.state.withLock { $0.socket }?.close() }
}

/// Stands in the way of all connections to one node, and passes them on.
final class Switchboard {
    private let listener: any Channel
    var port: Int { self.listener.localAddress?.port ?? 0 }

    /// - Parameter port: Where they go to, as soon as it is known.
    init(to port: @escaping @Sendable () -> Int?) async throws {
        self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                guard let port = port() else { return channel.close() }
                return ClientBootstrap(group: channel.eventLoop)
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { other in
                        let there = other.pipeline.addHandler(Passing(to: channel))
                        return there.and(channel.pipeline.addHandler(Passing(to: other)))
                    }
                    .flatMap { _ in channel.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func close() async throws { try await self.listener.close().get() }

    private final class Passing: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let other: any Channel

        init(to other: any Channel) { self.other = other }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.other.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
    }
}

/// A connection that says what no member would.
struct RawConnection {
    private let channel: any Channel

    init(to address: MemberAddress) async throws {
        self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: address.host, port: Int(address.port)).get()
    }

    func send(_ bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    /// Waits until the other side has closed it.
    func closed() async throws { try await self.channel.closeFuture.get() }

    func close() async { try? await self.channel.close().get() }
}

/// What this host can do.
enum SystemAddresses {
    static var hasIPv6Loopback: Bool {
        let attempt = DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "::1", port: 0)
        guard let channel = try? attempt.wait() else { return false }
        channel.close(promise: nil)
        return true
    }
}

/// Remembers what a node tells its log.
final class Log: Sendable {
    private let lines = Mutex<[(level: Logger.Level, text: String)]>([])

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    /// All that was told, with its metadata.
    var all: [String] { self.lines.withLock { $0.map(\.text) } }
    var warnings: [String] { self.lines.withLock { $0.filter { $0.level >= .warning }.map(\.text) } }

    private struct Handler: LogHandler {
        let log: Log
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let text = "\(event.message) \(event.metadata ?? [:])"
            self.log.lines.withLock { $0.append((event.level, text)) }
        }
    }
}
