import NIOCore
import NIOPosix
import Synchronization

/// A server behind a proxy that answers each request without a body with its own name.
final class AnsweringUpstream: Sendable {
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let upstream: AnsweringUpstream
        /// How much of the end of a head was seen.
        private var matched = 0

        init(_ upstream: AnsweringUpstream) { self.upstream = upstream }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let end: [UInt8] = [13, 10, 13, 10]
            for byte in self.unwrapInboundIn(data).readableBytesView {
                self.matched = byte == end[self.matched] ? self.matched + 1 : (byte == 13 ? 1 : 0)
                guard self.matched == end.count else { continue }
                self.matched = 0
                let name = self.upstream.name
                self.upstream.requests.withLock { $0 += 1 }
                let status = self.upstream.isWell.withLock { $0 } ? "200 OK" : "503 Busy"
                context.write(
                    self.wrapOutboundOut(
                        ByteBuffer(string: "HTTP/1.1 \(status)\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")),
                    promise: nil)
            }
        }

        func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
    }

    let name: String
    private let requests = Mutex(0)
    private let isWell = Mutex(true)
    private let listener = Mutex<(any Channel)?>(nil)
    private let connections = Mutex<[any Channel]>([])

    private init(_ name: String) { self.name = name }

    static func start(_ name: String) async throws -> AnsweringUpstream {
        let upstream = AnsweringUpstream(name)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(upstream))
                    upstream.connections.withLock { $0.append(channel) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        upstream.listener.withLock { $0 = channel }
        return upstream
    }

    deinit { self.listener.withLock { $0 }?.close(promise: nil) }

    var port: Int { self.listener.withLock { $0?.localAddress?.port ?? 0 } }
    var count: Int { self.requests.withLock { $0 } }

    func setWell(_ isWell: Bool) { self.isWell.withLock { $0 = isWell } }

    /// Goes away with all its connections.
    func stop() async {
        try? await self.listener.withLock { $0 }?.close().get()
        for connection in self.connections.withLock({ $0 }) { try? await connection.close().get() }
    }
}
