import NIOCore
import NIOPosix
import Synchronization

/// A server that gives each request without a body the same answer, at once.
final class AnsweringServer: Sendable {
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: ByteBuffer
        private let server: AnsweringServer
        /// How much of the end of a head was seen.
        private var matched = 0

        init(_ answer: ByteBuffer, _ server: AnsweringServer) {
            self.answer = answer
            self.server = server
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let end: [UInt8] = [13, 10, 13, 10]
            for byte in self.unwrapInboundIn(data).readableBytesView {
                self.matched = byte == end[self.matched] ? self.matched + 1 : (byte == 13 ? 1 : 0)
                guard self.matched == end.count else { continue }
                self.matched = 0
                self.server.requests.withLock { $0 += 1 }
                context.write(self.wrapOutboundOut(self.answer), promise: nil)
            }
        }

        func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
    }

    private let requests = Mutex(0)
    private let listener = Mutex<(any Channel)?>(nil)

    static func start(_ answer: String) async throws -> AnsweringServer {
        let server = AnsweringServer()
        let bytes = ByteBuffer(string: answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(bytes, server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.listener.withLock { $0 = channel }
        return server
    }

    deinit { self.listener.withLock { $0 }?.close(promise: nil) }

    var port: Int { self.listener.withLock { $0?.localAddress?.port ?? 0 } }

    var count: Int { self.requests.withLock { $0 } }
}
