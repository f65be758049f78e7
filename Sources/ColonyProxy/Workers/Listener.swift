import ColonyCore
import NIOCore
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The sockets that a proxy listens with at one address: one for each worker, so that a connection is accepted on the loop that serves it and
/// never changes threads. The system spreads new connections over sockets of one port. Where it cannot, there is one socket for all workers.
struct Listener: Sendable {
    /// As it was asked for: a port of 0 stays one.
    let address: ListenAddress
    let port: Int
    private let channels: [any Channel]
    private let workers: [ProxyWorker]
    /// Whether other sockets may take the connections that come when these are closed.
    private let hasHeirs: Bool

    /// Makes sockets at an address. The system takes connections for them, and they wait until ``accept()``.
    ///
    /// - Parameter isOwnPort: Whether this proxy has sockets at the port already, perhaps of an address that is part of this one.
    /// - Throws: ``ProxyError`` with code `addressInUse` or `cannotListen`; nothing is left open.
    static func open(
        _ address: ListenAddress, backlog: Int, sharesPort: Bool, isOwnPort: Bool = false, workers: [ProxyWorker]
    ) async throws(ProxyError) -> Listener {
        let binding = Binding(backlog: backlog)
        guard Self.systemSpreadsConnections else {
            let channel = try await binding.bind(address, workers: workers, sharesPort: sharesPort)
            return Listener(address, [channel], workers, hasHeirs: false)
        }
        if !sharesPort, !isOwnPort, address.port != 0 {
            // Sockets that share a port would join those of another process without a word.
            let probe = try await binding.bind(address, workers: workers, sharesPort: false)
            try? await probe.close().get()
        }
        let hasHeirs = sharesPort || isOwnPort
        var channels: [any Channel] = []
        do throws(ProxyError) {
            var chosen = address
            for worker in workers {
                let channel = try await binding.bind(chosen, workers: [worker], sharesPort: true)
                channels.append(channel)
                if chosen.port == 0, let port = channel.localAddress?.port {
                    chosen = try ListenAddress(host: address.host, port: port)
                }
            }
        } catch {
            await Listener(address, channels, workers, hasHeirs: hasHeirs).discard()
            throw error
        }
        return Listener(address, channels, workers, hasHeirs: hasHeirs)
    }

    private init(_ address: ListenAddress, _ channels: [any Channel], _ workers: [ProxyWorker], hasHeirs: Bool) {
        self.address = address
        self.port = channels.first?.localAddress?.port ?? address.port
        self.channels = channels
        self.workers = workers
        self.hasHeirs = hasHeirs
    }

    private static var systemSpreadsConnections: Bool {
        #if os(Linux)
        true
        #else
        false
        #endif
    }

    /// Accepts connections from now on. Repeating it does nothing.
    func accept() async {
        for channel in self.channels { try? await channel.setOption(.autoRead, value: true).get() }
    }

    // MARK: The end

    /// Closes the sockets as if they had never been: connections that the system has made for them are reset.
    func discard() async {
        for channel in self.channels { try? await channel.close().get() }
    }

    /// How long connections that have begun have to come to be, when no others may begin: about one round trip across a continent.
    private static let handshake = TimeAmount.milliseconds(100)

    /// Accepts no more connections. Those that the system has made already are taken and served: it would reset them with the socket.
    ///
    /// Where another socket shares the port, this one first lets no more connections begin, for ``handshake``: clients that are turned away
    /// in that time knock again a second later, at the other one, and none is reset but one that is farther away.
    func close() async {
        if self.hasHeirs { await self.turnNewcomersAway() }
        for channel in self.channels {
            let ended = channel.eventLoop.submit {
                let sockets = Self.takeBacklog(of: channel)
                channel.close(promise: nil)
                for socket in sockets { self.adopt(socket, from: channel.eventLoop) }
            }
            try? await ended.get()
            try? await channel.closeFuture.get()
        }
    }

    private func turnNewcomersAway() async {
        #if os(Linux)
        for channel in self.channels {
            let isTurningAway = channel.eventLoop.submit {
                try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
                    ConnectionFilter.dropNewConnections(at: $0)
                }
            }
            // Where the system has no such filter, there is nothing to wait for.
            guard (try? await isTurningAway.get()) == true else { return }
        }
        try? await self.channels.first?.eventLoop.scheduleTask(in: Self.handshake) {}.futureResult.get()
        #endif
    }

    private static func takeBacklog(of channel: any Channel) -> [CInt] {
        let taken = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            listening in
            var sockets: [CInt] = []
            while true {
                let socket = Self.accept(listening)
                if socket >= 0 {
                    sockets.append(socket)
                } else if errno != EINTR, errno != ECONNABORTED {
                    return sockets
                }
            }
        }
        return taken ?? []
    }

    private static func accept(_ listening: CInt) -> CInt {
        #if canImport(Darwin)
        let socket = Darwin.accept(listening, nil, nil)
        #elseif canImport(Musl)
        let socket = Musl.accept(listening, nil, nil)
        #else
        let socket = Glibc.accept(listening, nil, nil)
        #endif
        if socket >= 0 { _ = fcntl(socket, F_SETFD, FD_CLOEXEC) }
        return socket
    }

    private func adopt(_ socket: CInt, from loop: any EventLoop) {
        let worker = self.workers.first { $0.eventLoop === loop } ?? self.workers[0]
        _ = ClientBootstrap(group: worker.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: EndpointConnector.reading)
            .channelOption(.writeBufferWaterMark, value: EndpointConnector.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try ClientPipeline.prepare(channel, on: worker) }
            }
            .withConnectedSocket(socket)
    }
}

/// How sockets are bound.
private struct Binding {
    var backlog: Int

    private static var reusePort: ChannelOptions.Types.SocketOption {
        .socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT))
    }

    /// Binds one socket whose connections go to `workers` in turn; with one worker, they stay on the loop of the socket.
    func bind(
        _ address: ListenAddress, workers: [ProxyWorker], sharesPort: Bool
    ) async throws(ProxyError) -> any Channel {
        let first = workers[0]
        let children: any EventLoopGroup = workers.count == 1 ? first.eventLoop : first.group
        var bootstrap = ServerBootstrap(group: first.eventLoop, childGroup: children)
            .serverChannelOption(.backlog, value: CInt(self.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .serverChannelInitializer { channel in
                // Without file descriptors to accept with, trying again at once would be all that the loop does.
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: EndpointConnector.reading)
            .childChannelOption(.writeBufferWaterMark, value: EndpointConnector.waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let worker = workers.first(where: { $0.eventLoop === channel.eventLoop }) else { return }
                    try ClientPipeline.prepare(channel, on: worker)
                }
            }
        if sharesPort { bootstrap = bootstrap.serverChannelOption(Self.reusePort, value: 1) }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ProxyError(
                .addressInUse,
                "\(address) is in use: another process listens there; stop it or choose another port", cause: error)
        } catch {
            throw ProxyError(.cannotListen, "\(address) cannot be listened at", cause: error)
        }
    }
}
