import ColonyCluster
import ColonyCore
import NIOCore
import NIOSSL

/// What goes over one connection of an election: greetings, and then packets in one direction, from the side that dials. Used on its event loop only.
final class VotingConversationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a connection is for.
    enum Role {
        /// For packets of whoever has made it.
        case accepting
        /// For packets to a node.
        case dialling(NodeID)
    }

    /// More than the largest set of voters with the longest names takes.
    static let mostPacketBytes = 32 << 10

    private var conversation: SealedConversation
    private let role: Role
    /// In whose name the other side may speak, once it is known.
    private var peerNames = PeerNames.certified([])
    private var reader = FrameReader(mostBytes: SealedConversation.greetingBytes)
    private let opened: () -> Void
    private let received: (VotingPacket, VotingConversationHandler) -> Void
    private let ended: (VotingConversationHandler, _ refusal: ClusterRefusal?, _ source: SocketAddress?) -> Void
    private var context: ChannelHandlerContext?
    private var hasEnded = false

    /// - Parameters:
    ///   - opened: Both sides have greeted.
    ///   - received: A packet has come.
    ///   - ended: Nothing will come or go any more, in case because something came that was refused. It is called once.
    init(
        _ conversation: SealedConversation, _ role: Role, opened: @escaping () -> Void,
        received: @escaping (VotingPacket, VotingConversationHandler) -> Void,
        ended: @escaping (VotingConversationHandler, _ refusal: ClusterRefusal?, _ source: SocketAddress?) -> Void
    ) {
        self.conversation = conversation
        self.role = role
        self.opened = opened
        self.received = received
        self.ended = ended
    }

    /// Whether both sides have greeted.
    var isOpen: Bool { self.conversation.isOpen }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Ends it.
    ///
    /// - Returns: Whether it had not ended yet.
    @discardableResult
    func close() -> Bool {
        guard !self.hasEnded, let context else { return false }
        self.end(context)
        return true
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .dialling = self.role { self.write(self.conversation.greeting(), context) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasEnded else { return }
        self.reader.append(self.unwrapInboundIn(data).readableBytesView)
        do throws(ClusterRefusal) {
            while !self.hasEnded, let frame = try self.reader.next() { try self.take(frame, context) }
        } catch {
            // Whoever sends such a thing is none of ours, or has to begin anew.
            self.end(context, error)
        }
    }

    private func take(_ frame: [UInt8], _ context: ChannelHandlerContext) throws(ClusterRefusal) {
        switch try self.conversation.open(frame) {
        case .greeted(let answer):
            self.peerNames = PeerNames(context)
            if case .dialling(let id) = self.role { try self.demand(id) }
            self.reader.mostBytes = Self.mostPacketBytes + SealedConversation.overhead
            if let answer { self.write(answer, context) }
            self.opened()
        case .content(let bytes):
            let packet = try Self.packet(bytes)
            try self.demand(packet.sender)
            self.received(packet, self)
        }
    }

    private func demand(_ id: NodeID) throws(ClusterRefusal) {
        guard self.peerNames.contain(id.rawValue) else { throw .wrongCertificate }
    }

    private static func packet(_ bytes: [UInt8]) throws(ClusterRefusal) -> VotingPacket {
        do throws(ClusterError) {
            return try VotingCoding.decode(bytes)
        } catch {
            throw error.code == .unsupportedVersion ? .wrongVersion : .undecodable
        }
    }

    /// Sends a packet, or loses it while too many bytes wait: the next heartbeat is worth more than the last one.
    ///
    /// - Returns: Whether it was sent.
    func send(_ packet: VotingPacket, over channel: any Channel) -> Bool {
        guard self.conversation.isOpen, channel.isWritable else { return false }
        let frame = FrameReader.frame(self.conversation.seal(VotingCoding.encode(packet)))
        channel.writeAndFlush(ByteBuffer(bytes: frame), promise: nil)
        return true
    }

    private func write(_ envelope: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: FrameReader.frame(envelope))), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .handshakeFailed = error as? NIOSSLError { return self.end(context, .wrongCertificate) }
        self.end(context)
    }

    private func end(_ context: ChannelHandlerContext, _ refusal: ClusterRefusal? = nil) {
        guard !self.hasEnded else { return }
        self.hasEnded = true
        self.ended(self, refusal, context.remoteAddress)
        context.close(promise: nil)
    }
}
