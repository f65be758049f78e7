import NIOCore

/// Hands on what comes to a socket for datagrams.
final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let take: (_ bytes: [UInt8], _ source: SocketAddress) -> Void

    init(_ take: @escaping (_ bytes: [UInt8], _ source: SocketAddress) -> Void) {
        self.take = take
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        self.take(Array(envelope.data.readableBytesView), envelope.remoteAddress)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is fatal closes the channel by itself, and whoever owns it opens another one.
    }
}
