import NIOCore

/// One of the two connections of a relay: what it reads goes to its peer, as far as that takes it.
///
/// A side is read from only while its peer can take what is read. The channel asks for a read of its own accord; while it must wait, the
/// wish is kept and fulfilled later.
final class TCPSide: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Holds this side in turn; both let go when the relay has ended.
    private let session: TCPSession
    private let isClient: Bool
    private(set) var context: ChannelHandlerContext?
    private var wantsRead = false
    /// The other end has said that it sends no more.
    private var inputEnded = false
    private var outputEnded = false
    /// Our end has said that it sends no more, and all before that was sent.
    private var outputClosed = false
    private var hasFailed = false
    /// This side was closed from here.
    private var isClosing = false
    private var hasUnflushed = false

    init(session: TCPSession, isClient: Bool) {
        self.session = session
        self.isClient = isClient
    }

    /// The connection broke; it did not end.
    ///
    /// A channel that cannot write closes without telling an error, so an end counts only if it was seen. After the output was closed, an
    /// end of the input closes the channel at once, and nothing is left to be written that could fail.
    var isBroken: Bool { self.hasFailed || !(self.inputEnded || self.outputClosed || self.isClosing) }

    private var peer: TCPSide? { self.isClient ? self.session.upstream : self.session.client }

    /// As the channel has said last.
    private(set) var isWritable = true

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if self.isClient { self.session.clientIsReady() }
        context.fireChannelActive()
    }

    func read(context: ChannelHandlerContext) {
        if self.peer?.isWritable ?? false { context.read() } else { self.wantsRead = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.session.count(bytes.readableBytes, fromClient: self.isClient)
        if let peer { peer.write(bytes) } else { self.session.keep(bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.peer?.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.isWritable = context.channel.isWritable
        if self.isWritable { self.peer?.resumeReading() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            self.inputEnded = true
            if let peer { peer.endOutput() } else { self.session.clientEndedEarly() }
        case ChannelEvent.outputClosed:
            self.outputClosed = true
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.hasFailed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        self.isWritable = false
        self.session.ended(self)
        context.fireChannelInactive()
    }

    // MARK: What the peer and the session ask for

    func resumeReading() {
        guard self.wantsRead, let context else { return }
        self.wantsRead = false
        context.read()
    }

    func write(_ bytes: ByteBuffer) {
        guard let context, !self.outputEnded else { return }
        self.hasUnflushed = true
        context.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    func flush() {
        guard self.hasUnflushed, let context else { return }
        self.hasUnflushed = false
        context.flush()
    }

    /// Says the other end that no more comes, after what was written.
    func endOutput() {
        guard !self.outputEnded, let context else { return }
        self.outputEnded = true
        if self.inputEnded {
            self.closeAfterWrites(context)
        } else {
            self.hasUnflushed = false
            context.flush()
            context.close(mode: .output, promise: nil)
        }
    }

    /// Ends the connection after what was written. A close of both directions would throw that away.
    func finish() {
        guard let context else { return }
        self.outputEnded = true
        self.closeAfterWrites(context)
    }

    private func closeAfterWrites(_ context: ChannelHandlerContext) {
        self.hasUnflushed = false
        self.isClosing = true
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        isWritten.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: isWritten)
    }

    func reset() {
        self.isClosing = true
        self.context?.reset()
    }
}
