import ColonyCluster
import ColonyCore
import NIOCore
import NIOPosix

/// The connections of a node to the others: one to each, on which it speaks, made when there is something to say. Used on its event loop only.
final class VotingLinks {
    private final class Link {
        var channel: (any Channel)?
        var handler: VotingConversationHandler?
        var isConnecting = false
        /// What is said once the connection is open: the latest, since what is older has been overtaken.
        var waiting: VotingPacket?
        var retriesAt = MonotonicInstant(nanoseconds: .min)
    }

    private let eventLoop: any EventLoop
    private let clock: any MonotonicClock
    private let timeout: Duration
    private let makeConversation: () -> SealedConversation
    private var addresses: [NodeID: MemberAddress]
    private var links: [NodeID: Link] = [:]
    private var isClosed = false

    /// - Parameter timeout: For how long a connection is waited for, and until when it is not tried again.
    init(
        on eventLoop: any EventLoop, clock: any MonotonicClock, addresses: [NodeID: MemberAddress], timeout: Duration,
        makeConversation: @escaping () -> SealedConversation
    ) {
        self.eventLoop = eventLoop
        self.clock = clock
        self.addresses = addresses
        self.timeout = timeout
        self.makeConversation = makeConversation
    }

    /// Where a node is from now on.
    func set(_ address: MemberAddress, of id: NodeID) {
        guard self.addresses[id] != address else { return }
        self.addresses[id] = address
        self.links.removeValue(forKey: id)?.channel?.close(promise: nil)
    }

    /// Sends a packet, which gets lost if the other one cannot be reached.
    func send(_ packet: VotingPacket, to id: NodeID) {
        guard !self.isClosed, let address = self.addresses[id] else { return }
        let link = self.links[id] ?? Link()
        self.links[id] = link
        if let handler = link.handler, let channel = link.channel, !link.isConnecting {
            return handler.send(packet, over: channel)
        }
        link.waiting = packet
        if !link.isConnecting, link.retriesAt <= self.clock.now { self.connect(link, to: address) }
    }

    private func connect(_ link: Link, to address: MemberAddress) {
        link.isConnecting = true
        link.retriesAt = self.clock.now.advanced(by: self.timeout)
        let handler = VotingConversationHandler(
            self.makeConversation(), dials: true,
            opened: { [weak link] in
                guard let link, let channel = link.channel else { return }
                link.isConnecting = false
                if let packet = link.waiting { link.handler?.send(packet, over: channel) }
                link.waiting = nil
            },
            // Answers come over a connection of the other one's own.
            received: { _ in },
            ended: { [weak link] in
                link?.channel = nil
                link?.handler = nil
                link?.isConnecting = false
            })
        link.handler = handler
        let bound = NIOLoopBound(handler, eventLoop: self.eventLoop)
        let boundLink = NIOLoopBound(link, eventLoop: self.eventLoop)
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(.nanoseconds(self.timeout.clampedNanoseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    boundLink.value.channel = channel
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .connect(host: address.host, port: Int(address.port))
            .whenFailure { _ in
                boundLink.value.channel = nil
                boundLink.value.handler = nil
                boundLink.value.isConnecting = false
            }
        // A connection whose other side never greets is given up as well.
        self.eventLoop.scheduleTask(in: .nanoseconds(self.timeout.clampedNanoseconds * 2)) {
            let link = boundLink.value
            if link.isConnecting, link.handler === bound.value { link.channel?.close(promise: nil) }
        }
    }

    /// Ends all connections.
    func close() {
        self.isClosed = true
        for link in self.links.values { link.channel?.close(promise: nil) }
        self.links = [:]
    }
}
