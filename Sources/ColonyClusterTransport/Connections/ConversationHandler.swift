import ColonyCore
import NIOCore

/// What goes over one connection between two members. Used on its event loop only.
///
/// Whoever dials greets, says its packet, takes one answer if it expects one, answers that if there is anything to say, and closes. The other side answers until the connection ends, which it does at its
/// deadline at the latest, whatever goes over it.
final class ConversationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a connection is for.
    enum Role {
        case accepting
        case dialling(saying: [UInt8], expectsAnswer: Bool)
    }

    /// Why it has ended.
    enum End: Hashable {
        case done, refused(ClusterRefusal), timedOut, broken
    }

    /// The most packets that are taken over one connection.
    private static let mostPackets = 8

    private var conversation: SealedConversation
    private let role: Role
    private var reader: FrameReader
    private let mostFrameBytes: Int
    private let timeout: Duration
    /// Takes a packet, and gives the packets that answer it; throws if it is none.
    private let take: (_ packet: [UInt8], _ source: SocketAddress) throws(ClusterRefusal) -> [[UInt8]]
    private let ended: (End, SocketAddress?) -> Void

    private var deadline: Scheduled<Void>?
    private var hasEnded = false
    private var taken = 0

    /// - Parameter mostPacketBytes: How long a packet may be.
    init(
        _ conversation: SealedConversation, _ role: Role, mostPacketBytes: Int, timeout: Duration,
        take: @escaping (_ packet: [UInt8], _ source: SocketAddress) throws(ClusterRefusal) -> [[UInt8]],
        ended: @escaping (End, SocketAddress?) -> Void
    ) {
        self.conversation = conversation
        self.role = role
        // Nobody who has not shown that it has the key gets more than a greeting's room.
        self.reader = FrameReader(mostBytes: SealedConversation.greetingBytes)
        self.mostFrameBytes = mostPacketBytes + SealedConversation.overhead
        self.timeout = timeout
        self.take = take
        self.ended = ended
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let loop = context.eventLoop.assumeIsolated()
        self.deadline = loop.scheduleTask(in: .nanoseconds(self.timeout.clampedNanoseconds)) {
            self.end(.timedOut, context)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .dialling = self.role { self.send(self.conversation.greeting(), context) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasEnded else { return }
        self.reader.append(self.unwrapInboundIn(data).readableBytesView)
        do throws(ClusterRefusal) {
            while !self.hasEnded, let frame = try self.reader.next() { try self.takeFrame(frame, context) }
        } catch {
            self.end(.refused(error), context)
        }
    }

    private func takeFrame(_ frame: [UInt8], _ context: ChannelHandlerContext) throws(ClusterRefusal) {
        switch try self.conversation.open(frame) {
        case .greeted(let answer):
            self.reader.mostBytes = self.mostFrameBytes
            if let answer { self.send(answer, context) }
            guard case .dialling(let packet, let expectsAnswer) = self.role else { return }
            let written = self.send(self.conversation.seal(packet), context)
            if !expectsAnswer { written.assumeIsolated().whenComplete { _ in self.end(.done, context) } }
        case .content(let packet):
            guard let source = context.remoteAddress else { throw .undecodable }
            self.taken += 1
            guard self.taken <= Self.mostPackets else { throw .rateLimited }
            var written: EventLoopFuture<Void>?
            for answer in try self.take(packet, source) {
                written = self.send(self.conversation.seal(answer), context)
            }
            guard case .dialling = self.role else { return }
            // An answer to the answer has to be out before the connection is closed.
            guard let written else { return self.end(.done, context) }
            written.assumeIsolated().whenComplete { _ in self.end(.done, context) }
        }
    }

    @discardableResult
    private func send(_ envelope: [UInt8], _ context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: FrameReader.frame(envelope))))
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Whoever has dialled is the one to hang up.
        if case .accepting = self.role { self.end(.done, context) } else { self.end(.broken, context) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end(.broken, context)
    }

    private func end(_ end: End, _ context: ChannelHandlerContext) {
        guard !self.hasEnded else { return }
        self.hasEnded = true
        self.deadline?.cancel()
        self.ended(end, context.remoteAddress)
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.deadline?.cancel()
    }
}
