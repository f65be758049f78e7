import ColonyCluster
import ColonyCore
import NIOCore
import NIOPosix
import Synchronization

extension ClusterNode {
    /// How often any port is tried that is free for connections, and may not be for datagrams.
    private static let portAttempts = 32

    /// Opens both sockets, and makes the membership, which has to know its address.
    func listen() async throws(ClusterError) {
        let host = await self.numericHost()
        var (listener, socket): ((any Channel)?, (any Channel)?)
        var failure: (any Error)?
        for _ in 0..<(self.configuration.port == 0 ? Self.portAttempts : 1) where socket == nil {
            do {
                let place = try SocketAddress(ipAddress: host, port: self.configuration.port)
                let opened = try await self.openListener(place).get()
                listener = opened
                socket = try await self.openSocket(
                    SocketAddress(ipAddress: host, port: opened.localAddress?.port ?? 0)
                ).get()
            } catch {
                failure = error
                try? await listener?.close().get()
                listener = nil
            }
        }
        guard let listener, let socket, let port = listener.localAddress?.port else {
            throw ClusterError(
                .unavailable,
                "cannot listen at \(HostAndPort.text(host: self.configuration.host, port: self.configuration.port)): "
                    + "\(failure.map { "\($0)" } ?? "no port is free")")
        }
        let address = try MemberAddress(
            host: self.configuration.advertisedHost, port: self.configuration.advertisedPort ?? port)
        try self.state.withLock { state throws(ClusterError) in
            let instance = UInt64.random(in: .min ... .max, using: &state.secrets)
            state.membership = try Membership(
                id: self.configuration.name, address: address, instance: instance, metadata: state.metadata,
                settings: self.configuration.membership, generator: state.generator)
            state.listener = listener
            state.socket = socket
        }
        for (socket, channel) in [(Socket.listener, listener), (.datagrams, socket)] {
            if let place = channel.localAddress { self.keep(socket, channel, place) }
        }
    }

    /// The two that a node has.
    private enum Socket {
        case listener, datagrams

        var path: WritableKeyPath<NodeState, (any Channel)?> {
            switch self {
            case .listener: \.listener
            case .datagrams: \.socket
            }
        }
    }

    private func open(_ socket: Socket, _ place: SocketAddress) -> EventLoopFuture<any Channel> {
        switch socket {
        case .listener: self.openListener(place)
        case .datagrams: self.openSocket(place)
        }
    }

    private func numericHost() async -> String {
        let host = self.configuration.host
        if (try? SocketAddress(ipAddress: host, port: 0)) != nil { return host }
        return await self.names.addresses(of: host).first ?? host
    }

    private func openListener(_ place: SocketAddress) -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: self.loop)
            // A node that is started again finds connections of its former life at the port.
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 128)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [weak self] channel in
                guard let self else { return channel.close() }
                return self.accept(channel)
            }
            .bind(to: place)
    }

    private func openSocket(_ place: SocketAddress) -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: self.loop)
            // One byte more, so that one that is cut off is known by its length.
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.mostDatagramBytes + 1)
            )
            .channelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        DatagramHandler { bytes, source in self?.takeDatagram(bytes, from: source) })
                }
            }
            .bind(to: place)
    }

    /// Opens another socket in the place of one that is closed, which NIO does after most errors of writing datagrams, such as that there is no way to the network, and
    /// after some of taking connections.
    private func keep(_ socket: Socket, _ channel: any Channel, _ place: SocketAddress) {
        channel.closeFuture.whenComplete { [weak self] _ in self?.reopen(socket, place, failures: 1) }
    }

    private func reopen(_ socket: Socket, _ place: SocketAddress, failures: Int) {
        let delay = self.state.withLock { state in
            state[keyPath: socket.path] = nil
            return state.phase.isRunning ? Backoff().delay(after: failures, using: &state.generator) : nil
        }
        guard let delay else { return }
        self.loop.scheduleTask(in: .nanoseconds(delay.clampedNanoseconds)) { [weak self] in
            guard let self else { return }
            self.open(socket, place).whenComplete { result in
                switch result {
                case .failure: self.reopen(socket, place, failures: failures + 1)
                case .success(let channel):
                    let isWanted = self.state.withLock { state in
                        if state.phase.isRunning { state[keyPath: socket.path] = channel }
                        return state.phase.isRunning
                    }
                    guard isWanted else { return channel.close(promise: nil) }
                    self.keep(socket, channel, place)
                }
            }
        }
    }

    func close() async {
        let channels = self.state.withLock { state in
            state.phase = .ended
            return [state.listener, state.socket].compactMap(\.self) + Array(state.connections.values)
        }
        for channel in channels { try? await channel.close().get() }
    }
}
