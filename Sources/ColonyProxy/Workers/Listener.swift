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

/// The sockets that a proxy listens with: one for each worker and address, so that a connection is accepted on the loop that serves it and
/// never changes threads. The system spreads new connections over sockets of one port. Where it cannot, there is one socket for all workers.
struct Listener: Sendable {
    let channels: [any Channel]
    /// The ports, in the order of the addresses.
    let ports: [Int]

    /// Listens at all addresses.
    ///
    /// - Throws: ``ProxyError`` with code `addressInUse` or `cannotListen`; nothing is left open.
    static func open(_ options: ProxyOptions, workers: [ProxyWorker]) async throws(ProxyError) -> Listener {
        var channels: [any Channel] = []
        var ports: [Int] = []
        for address in options.listen {
            do throws(ProxyError) {
                let opened = try await Self.open(address, options, workers: workers)
                channels += opened
                ports.append(opened.first?.localAddress?.port ?? address.port)
            } catch {
                await Listener(channels: channels, ports: []).close()
                throw error
            }
        }
        return Listener(channels: channels, ports: ports)
    }

    /// Accepts no more connections.
    func close() async {
        for channel in self.channels { try? await channel.close().get() }
    }

    // MARK: One address

    private static func open(
        _ address: ListenAddress, _ options: ProxyOptions, workers: [ProxyWorker]
    ) async throws(ProxyError) -> [any Channel] {
        let isOneSocket = workers.count == 1 && !options.sharesPort
        if isOneSocket || !Self.systemSpreadsConnections {
            return [try await Self.bind(address, options, workers: workers, sharesPort: options.sharesPort)]
        }
        if !options.sharesPort, address.port != 0 {
            // Sockets that share a port would join those of another process without a word.
            let probe = try await Self.bind(address, options, workers: workers, sharesPort: false, accepts: false)
            try? await probe.close().get()
        }
        var channels: [any Channel] = []
        do throws(ProxyError) {
            var address = address
            for worker in workers {
                let channel = try await Self.bind(address, options, workers: [worker], sharesPort: true)
                channels.append(channel)
                if address.port == 0, let port = channel.localAddress?.port {
                    address = try ListenAddress(host: address.host, port: port)
                }
            }
        } catch {
            await Listener(channels: channels, ports: []).close()
            throw error
        }
        return channels
    }

    private static var reusePort: ChannelOptions.Types.SocketOption {
        .socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT))
    }

    private static var systemSpreadsConnections: Bool {
        #if os(Linux)
        true
        #else
        false
        #endif
    }

    /// Binds one socket whose connections go to `workers` in turn; with one worker, they stay on the loop of the socket.
    private static func bind(
        _ address: ListenAddress, _ options: ProxyOptions, workers: [ProxyWorker], sharesPort: Bool,
        accepts: Bool = true
    ) async throws(ProxyError) -> any Channel {
        let first = workers[0]
        let children: any EventLoopGroup = workers.count == 1 ? first.eventLoop : first.group
        var bootstrap = ServerBootstrap(group: first.eventLoop, childGroup: children)
            .serverChannelOption(.backlog, value: CInt(options.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: accepts)
            .serverChannelInitializer { channel in
                // Without file descriptors to accept with, trying again at once would be all that the loop does.
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: options.mode == .tcp)
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
