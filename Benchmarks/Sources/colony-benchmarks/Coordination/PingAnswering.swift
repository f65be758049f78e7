#if Etcd
internal import NIOCore
internal import NIOSSL

/// Answers the pings of the server before the HTTP/2 of the library sees them.
///
/// etcd's servers measure the connection with a ping for every burst of data, hundreds a second under load. The library takes more
/// than 200 control frames in half a minute for an attack and closes the connection, and its limit cannot be set from here. A
/// ping is a frame of 17 bytes that asks for nothing but its copy with one bit set, so it is answered on the way. Everything
/// else, the answers to the library's own pings included, passes as it is.
final class PingAnswering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let headBytes = 9
    private static let payloadBytes = 8
    private static let pingType: UInt8 = 6
    private static let answerFlag: UInt8 = 1

    /// The beginning of a frame whose head, or whose ping, has not arrived in full.
    private var incomplete = ByteBuffer()
    /// How much of the present frame has still to pass.
    private var passing = 0

    /// Puts the handler where the bytes of frames arrive: behind TLS, if there is any.
    static func install(on channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls = try? pipeline.handler(type: NIOSSLClientHandler.self) {
                try pipeline.addHandler(PingAnswering(), position: .after(tls))
            } else {
                try pipeline.addHandler(PingAnswering(), position: .first)
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = self.unwrapInboundIn(data)
        if self.incomplete.readableBytes > 0 {
            self.incomplete.writeBuffer(&input)
            swap(&self.incomplete, &input)
            self.incomplete = ByteBuffer()
        }
        var output = context.channel.allocator.buffer(capacity: input.readableBytes)
        var answers = ByteBuffer()
        frames: while input.readableBytes > 0 {
            if self.passing > 0 {
                let count = min(self.passing, input.readableBytes)
                if var part = input.readSlice(length: count) { output.writeBuffer(&part) }
                self.passing -= count
                continue
            }
            guard let head = input.getBytes(at: input.readerIndex, length: Self.headBytes) else {
                self.incomplete = input
                break frames
            }
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard head[3] == Self.pingType, head[4] & Self.answerFlag == 0, length == Self.payloadBytes else {
                input.moveReaderIndex(forwardBy: Self.headBytes)
                output.writeBytes(head)
                self.passing = length
                continue
            }
            guard var ping = input.readSlice(length: Self.headBytes + Self.payloadBytes) else {
                self.incomplete = input
                break frames
            }
            ping.setInteger(head[4] | Self.answerFlag, at: ping.readerIndex + 4)
            answers.writeBuffer(&ping)
        }
        if answers.readableBytes > 0 { context.writeAndFlush(self.wrapOutboundOut(answers), promise: nil) }
        if output.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(output)) }
    }
}
#endif
