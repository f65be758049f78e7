import ColonyCluster
import ColonyCore
import NIOCore

/// What goes over one connection of an election: greetings, and then packets in one direction, from the side that dials. Used on its event loop only.
final class VotingConversationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// More than the largest set of voters with the longest names takes.
    static let mostPacketBytes = 32 << 10

    private var conversation: SealedConversation
    private let dials: Bool
    private var reader = FrameReader(mostBytes: SealedConversation.greetingBytes)
    private let opened: () -> Void
    private let received: (VotingPacket) -> Void
    private let ended: () -> Void
    private var hasEnded = false

    /// - Parameters:
    ///   - opened: Both sides have greeted.
    ///   - received: A packet has come.
    ///   - ended: Nothing will come or go any more. It is called once.
    init(
        _ conversation: SealedConversation, dials: Bool, opened: @escaping () -> Void,
        received: @escaping (VotingPacket) -> Void, ended: @escaping () -> Void
    ) {
        self.conversation = conversation
        self.dials = dials
        self.opened = opened
        self.received = received
        self.ended = ended
    }

    func channelActive(context: ChannelHandlerContext) {
        if self.dials { self.write(self.conversation.greeting(), context) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasEnded else { return }
        self.reader.append(self.unwrapInboundIn(data).readableBytesView)
        do {
            while !self.hasEnded, let frame = try self.reader.next() { try self.take(frame, context) }
        } catch {
            // Whoever sends such a thing is none of ours, or has to begin anew.
            self.end(context)
        }
    }

    private func take(_ frame: [UInt8], _ context: ChannelHandlerContext) throws {
        switch try self.conversation.open(frame) {
        case .greeted(let answer):
            self.reader.mostBytes = Self.mostPacketBytes + SealedConversation.overhead
            if let answer { self.write(answer, context) }
            self.opened()
        case .content(let bytes):
            self.received(try VotingCoding.decode(bytes))
        }
    }

    /// Sends a packet, or loses it while too many bytes wait: the next heartbeat is worth more than the last one.
    func send(_ packet: VotingPacket, over channel: any Channel) {
        guard self.conversation.isOpen, channel.isWritable else { return }
        let frame = FrameReader.frame(self.conversation.seal(VotingCoding.encode(packet)))
        channel.writeAndFlush(ByteBuffer(bytes: frame), promise: nil)
    }

    private func write(_ envelope: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: FrameReader.frame(envelope))), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end(context)
    }

    private func end(_ context: ChannelHandlerContext) {
        guard !self.hasEnded else { return }
        self.hasEnded = true
        self.ended()
        context.close(promise: nil)
    }
}
