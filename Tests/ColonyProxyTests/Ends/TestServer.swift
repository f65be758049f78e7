import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server whose connections a test speaks through.
final class TestServer: Sendable {
    private let connections = Mutex<[TestConnection]>([])
    private let listener = Mutex<(any Channel)?>(nil)
    private let reads: Bool

    init(reads: Bool = true) { self.reads = reads }

    deinit { self.listener.withLock { $0 }?.close(promise: nil) }

    static func start(reads: Bool = true, tls: NIOSSLContext? = nil) async throws -> TestServer {
        let server = TestServer(reads: reads)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: reads)
            .childChannelInitializer { [weak server] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    let inbox = Inbox()
                    try channel.pipeline.syncOperations.addHandler(inbox)
                    server?.connections.withLock { $0.append(TestConnection(channel: channel, inbox: inbox)) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.listener.withLock { $0 = channel }
        return server
    }

    var port: Int { self.listener.withLock { $0?.localAddress?.port ?? 0 } }

    /// How many connections were accepted.
    var count: Int { self.connections.withLock { $0.count } }

    /// The connection that was accepted as number `index`, from 0.
    func connection(_ index: Int = 0) async throws -> TestConnection {
        try await eventually("connection \(index) to an endpoint") { self.count > index }
        return self.connections.withLock { $0[index] }
    }

    /// Closes all connections that were accepted.
    func closeAll() async {
        for connection in self.connections.withLock({ $0 }) { await connection.close() }
    }

    /// Refuses connections from now on.
    func stop() async {
        let channel = self.listener.withLock { $0 }
        try? await channel?.close().get()
    }
}
