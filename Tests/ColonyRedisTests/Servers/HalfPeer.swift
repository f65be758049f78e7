import NIOCore
import NIOPosix

/// A peer that takes a greeting as a Redis would, and gives one answer to whatever comes then and hangs up.
final class HalfPeer: Sendable {
    let port: Int
    private let channel: any Channel

    init(answer: String) async throws {
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = self.channel.localAddress?.port ?? 0
    }

    func stop() async throws {
        try await self.channel.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: String
        private var hasGreeted = false

        init(answer: String) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: self.unwrapInboundIn(data))
            if text.contains("HELLO"), !self.answer.hasPrefix("HTTP") {
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: "%0\r\n")), promise: nil)
                if !text.contains("SET\r\n") { return }
            }
            let written = context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.answer)))
            let channel = context.channel
            // Errors are answers of the connection; a half answer is followed by its end.
            if !self.answer.hasPrefix("-") { written.whenComplete { _ in channel.close(promise: nil) } }
        }
    }
}
