import ColonyCluster
import ColonyCore
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Musl)
import Musl
#elseif canImport(Glibc)
import Glibc
#endif

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
    private let certificates: NodeCertificates?
    private let makeConversation: () -> SealedConversation
    private let count: ((inout ElectionStatistics) -> Void) -> Void
    private let refused: (_ refusal: ClusterRefusal, _ source: SocketAddress?) -> Void
    private var addresses: [NodeID: MemberAddress]
    private var links: [NodeID: Link] = [:]
    private var isClosed = false

    /// - Parameters:
    ///   - timeout: For how long a connection is waited for, and until when it is not tried again.
    ///   - certificates: What connections are made with; `nil` for no TLS.
    ///   - count: Counts what is done.
    ///   - refused: The other side has sent something that is not to be heard.
    init(
        on eventLoop: any EventLoop, clock: any MonotonicClock, addresses: [NodeID: MemberAddress], timeout: Duration,
        certificates: NodeCertificates?, makeConversation: @escaping () -> SealedConversation,
        count: @escaping ((inout ElectionStatistics) -> Void) -> Void,
        refused: @escaping (_ refusal: ClusterRefusal, _ source: SocketAddress?) -> Void
    ) {
        self.eventLoop = eventLoop
        self.clock = clock
        self.addresses = addresses
        self.timeout = timeout
        self.certificates = certificates
        self.makeConversation = makeConversation
        self.count = count
        self.refused = refused
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
            return self.send(packet, handler, channel)
        }
        if link.waiting != nil { self.count { $0.packetsDropped += 1 } }
        link.waiting = packet
        if !link.isConnecting, link.retriesAt <= self.clock.now { self.connect(link, to: address, of: id) }
    }

    private func send(_ packet: VotingPacket, _ handler: VotingConversationHandler, _ channel: any Channel) {
        let isSent = handler.send(packet, over: channel)
        self.count {
            $0.packetsSent += isSent ? 1 : 0; $0.packetsDropped += isSent ? 0 : 1
        }
    }

    private func connect(_ link: Link, to address: MemberAddress, of id: NodeID) {
        link.isConnecting = true
        link.retriesAt = self.clock.now.advanced(by: self.timeout)
        let handler = VotingConversationHandler(
            self.makeConversation(), .dialling(id),
            opened: { [weak self, weak link] in
                guard let self, let link, let channel = link.channel, let handler = link.handler else { return }
                link.isConnecting = false
                self.count { $0.connectionsOpened += 1 }
                if let packet = link.waiting { self.send(packet, handler, channel) }
                link.waiting = nil
            },
            // Answers come over a connection of the other one's own.
            received: { _, _ in },
            ended: { [weak self, weak link] _, refusal, source in
                if let refusal { self?.refused(refusal, source) }
                guard let link else { return }
                if link.isConnecting { self?.count { $0.connectionsFailed += 1 } }
                link.channel = nil
                link.handler = nil
                link.isConnecting = false
            })
        link.handler = handler
        let bound = NIOLoopBound(handler, eventLoop: self.eventLoop)
        let boundLink = NIOLoopBound(link, eventLoop: self.eventLoop)
        let certificates = self.certificates
        let links = NIOLoopBound(self, eventLoop: self.eventLoop)
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(.nanoseconds(self.timeout.clampedNanoseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .unacknowledged(upTo: self.timeout * 2)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    boundLink.value.channel = channel
                    if let context = certificates?.contexts.dialling {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: nil))
                    }
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .connect(host: address.host, port: Int(address.port))
            .whenFailure { _ in
                let link = boundLink.value
                guard link.isConnecting, link.handler === bound.value else { return }
                links.value.count { $0.connectionsFailed += 1 }
                link.channel = nil
                link.handler = nil
                link.isConnecting = false
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

extension ClientBootstrap {
    /// Gives a connection up when what was sent was not acknowledged for so long.
    ///
    /// Otherwise the system repeats it after ever longer pauses, as long as the network was cut, and what is said after the network was mended would wait for the next repetition.
    fileprivate func unacknowledged(upTo limit: Duration) -> ClientBootstrap {
        #if os(Linux)
        let milliseconds = SocketOptionValue(limit.clampedNanoseconds / 1_000_000)
        return self.channelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: max(1, milliseconds))
        #else
        return self
        #endif
    }
}
