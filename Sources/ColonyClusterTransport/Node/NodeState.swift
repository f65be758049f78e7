import ColonyCluster
import ColonyCore
import Logging
import NIOCore

/// All that changes in a ``ClusterNode``, under its lock: what is decided here is carried out after the lock is let go of.
struct NodeState {
    enum Phase: Hashable {
        case idle, running
        case leaving(until: MonotonicInstant)
        case ended

        var isRunning: Bool {
            switch self {
            case .running, .leaving: true
            case .idle, .ended: false
            }
        }
    }

    /// What is to be done outside the lock.
    struct Errands {
        var datagrams: [DatagramPost<SocketAddress>.Outgoing] = []
        /// Over which socket they go.
        var socket: (any Channel)?
        var calls: [Call] = []
        /// Answers to the packet that is being taken, over the connection that it came over.
        var answers: [[UInt8]] = []
        var lookups: [String] = []
    }

    /// A packet that goes over a connection of its own.
    struct Call {
        let packet: [UInt8]
        let address: MemberAddress
        let expectsAnswer: Bool
    }

    /// What the log is told after the lock is let go of.
    struct Notice {
        let level: Logger.Level
        let message: Logger.Message
        let metadata: Logger.Metadata
    }

    /// To where a name has led.
    private struct Lookup {
        var host: String?
        var expiresAt: MonotonicInstant
        var isUnderWay = true
    }

    /// For how long it is believed where a name leads to.
    private static let lookupLifetime = Duration.seconds(30)
    private static let mostLookups = 4_096

    let configuration: ClusterNodeConfiguration
    let feed: ChangeFeed
    var phase = Phase.idle
    var membership: Membership?
    var metadata: [UInt8]
    /// Whether the membership has begun.
    var isStarted = false
    var isAdmitted = false
    var displacedBy: MemberAddress?
    var post: DatagramPost<SocketAddress>
    var generator: any RandomNumberGenerator & Sendable
    var secrets: any RandomNumberGenerator & Sendable

    var socket: (any Channel)?
    var listener: (any Channel)?
    /// Open connections in both directions.
    var connections: [ObjectIdentifier: any Channel] = [:]
    var incoming: [String: Int] = [:]
    var incomingCount = 0
    var outgoingCount = 0
    private var lookups: [String: Lookup] = [:]

    var bell: OneShotSignal?
    private var wakesAt: MonotonicInstant?
    var waitingForEnd: [OneShotSignal] = []
    /// Who waits until it listens, or has ended without.
    var waitingForAddress: [OneShotSignal] = []
    var statistics = ClusterStatistics()
    private var quietUntil: [String: MonotonicInstant] = [:]
    private var notices: [Notice] = []

    init(
        configuration: ClusterNodeConfiguration, generator: any RandomNumberGenerator & Sendable,
        secrets: any RandomNumberGenerator & Sendable, feed: ChangeFeed
    ) {
        self.configuration = configuration
        self.metadata = configuration.metadata
        self.generator = generator
        self.secrets = secrets
        self.feed = feed
        self.post = DatagramPost(
            cluster: configuration.cluster.rawValue, keyring: configuration.protection.keyring, generator: secrets,
            greetingTimeout: configuration.membership.pingTimeout / 2)
    }

    // MARK: Time

    /// Until when there is nothing to do; `nil` when there never will be.
    mutating func rest(_ bell: OneShotSignal, at now: MonotonicInstant) -> MonotonicInstant? {
        var wake = self.membership?.nextWake
        switch self.phase {
        case .idle, .ended: return nil
        case .running: break
        case .leaving(let end):
            guard let next = wake, now < end else { return nil }
            wake = min(next, end)
        }
        let instant = wake ?? MonotonicInstant(nanoseconds: .max)
        self.bell = bell
        self.wakesAt = instant
        return instant
    }

    // MARK: What the membership wants done

    /// - Parameter answered: Where the packet came from over a connection: what goes there goes over that one.
    mutating func carryOut(
        _ directives: [MembershipDirective], at now: MonotonicInstant, answering answered: MemberAddress? = nil
    ) -> Errands {
        var errands = Errands(socket: self.socket)
        for directive in directives {
            switch directive {
            case .tell(let event): self.tell(event)
            case .send(let packet, let address, let carrier):
                self.send(packet, to: address, over: carrier, answering: answered, &errands, at: now)
            }
        }
        // Whoever waits for the next wake has to hear of one that is sooner.
        if let next = self.membership?.nextWake, let wakesAt, next < wakesAt { self.bell?.fire() }
        return errands
    }

    private mutating func tell(_ event: MembershipEvent) {
        switch event {
        case .admitted:
            self.isAdmitted = true
            self.displacedBy = nil
        case .displaced(let other):
            self.isAdmitted = false
            self.displacedBy = other
            self.tell(
                .warning, "another process has the name of this node; give one of them another name",
                ["other": "\(other)"])
        case .conflict(let id, let address, let other):
            self.tell(
                .warning, "two processes have one name",
                ["name": "\(id)", "address": "\(address)", "other": "\(other)"])
        case .joined, .updated, .suspected, .recovered, .failed, .left: break
        }
        self.feed.send(event)
    }

    private mutating func send(
        _ packet: MembershipPacket, to address: MemberAddress, over carrier: MembershipCarrier,
        answering answered: MemberAddress?, _ errands: inout Errands, at now: MonotonicInstant
    ) {
        let bytes = PacketCoding.encode(packet)
        if carrier == .connection, address == answered { return errands.answers.append(bytes) }
        let fits = bytes.count <= self.configuration.membership.packetBytes
        if carrier == .datagram, fits {
            guard let place = self.place(of: address, &errands, at: now) else { return }
            return errands.datagrams += self.post.send(bytes, to: place, at: now)
        }
        if carrier == .datagram { self.statistics.oversizedPackets += 1 }
        guard self.outgoingCount < self.configuration.limits.outgoingConnections else {
            self.statistics.connectionsRefused += 1
            return
        }
        self.outgoingCount += 1
        self.statistics.connectionsOpened += 1
        errands.calls.append(Call(packet: bytes, address: address, expectsAnswer: packet.message.isQuestion))
    }

    /// The address of a socket that datagrams to a member go to.
    private mutating func place(
        of address: MemberAddress, _ errands: inout Errands, at now: MonotonicInstant
    ) -> SocketAddress? {
        let isIPv6 = self.socket?.localAddress?.protocol == .inet6
        if let place = TransportAddress.socket(host: address.host, port: Int(address.port)) {
            let reachable = TransportAddress.datagram(place, fromIPv6: isIPv6)
            if reachable == nil { self.statistics.unresolvedPackets += 1 }
            return reachable
        }
        let known = self.lookups[address.host]
        if known.map({ $0.expiresAt <= now && !$0.isUnderWay }) ?? true {
            if self.lookups.count >= Self.mostLookups { self.lookups = [:] }
            self.lookups[address.host, default: Lookup(expiresAt: now)].isUnderWay = true
            errands.lookups.append(address.host)
        }
        // Where it led to before, until it is known whether it still does.
        let place = known?.host
            .flatMap { TransportAddress.socket(host: $0, port: Int(address.port)) }
            .flatMap { TransportAddress.datagram($0, fromIPv6: isIPv6) }
        if place == nil { self.statistics.unresolvedPackets += 1 }
        return place
    }

    mutating func note(_ host: String, leadsTo found: [String], at now: MonotonicInstant) {
        let isIPv6 = self.socket?.localAddress?.protocol == .inet6
        let found = found.filter { number in
            TransportAddress.socket(host: number, port: 1).flatMap {
                TransportAddress.datagram($0, fromIPv6: isIPv6)
            } != nil
        }
        guard var lookup = self.lookups[host] else { return }
        lookup.isUnderWay = false
        lookup.host = found.first ?? lookup.host
        // One that leads nowhere is looked up again soon, and not with each packet.
        lookup.expiresAt = now.advanced(by: found.isEmpty ? .seconds(1) : Self.lookupLifetime)
        self.lookups[host] = lookup
    }

    // MARK: Packets

    /// Takes what was sealed and is for this node.
    mutating func take(
        _ bytes: [UInt8], from source: SocketAddress, over carrier: MembershipCarrier, at now: MonotonicInstant
    ) throws(ClusterRefusal) -> Errands {
        guard let address = TransportAddress.member(source), self.phase.isRunning else { throw .undecodable }
        let packet: MembershipPacket
        do {
            packet = try PacketCoding.decode(bytes)
        } catch {
            throw error.code == .unsupportedVersion ? .wrongVersion : .undecodable
        }
        self.statistics.packetsReceived += 1
        if carrier == .connection, case .ack = packet.message { self.noteAnswerOverConnection(packet.sender, at: now) }
        let directives = self.membership?.receive(packet, from: address, over: carrier, at: now) ?? []
        return self.carryOut(directives, at: now, answering: carrier == .connection ? address : nil)
    }

    private mutating func noteAnswerOverConnection(_ sender: NodeID, at now: MonotonicInstant) {
        self.statistics.answersOverConnectionsOnly += 1
        guard self.mayTell("connections only", at: now) else { return }
        self.tell(
            .warning, "a member answers over connections and not over datagrams; does something let no UDP through?",
            ["member": "\(sender)", "count": "\(self.statistics.answersOverConnectionsOnly)"])
    }

    /// Counts what was ignored, and tells the log now and then.
    mutating func refuse(_ refusal: ClusterRefusal, from source: SocketAddress?, at now: MonotonicInstant) {
        self.statistics.refusals[refusal, default: 0] += 1
        guard refusal != .misdirected, self.mayTell(refusal.rawValue, at: now) else { return }
        self.tell(
            refusal.isMisconfiguration ? .warning : .info, "ignored what was sent to this node",
            [
                "reason": "\(refusal)", "from": "\(source.flatMap(TransportAddress.member)?.description ?? "unknown")",
                "count": "\(self.statistics.refusals[refusal] ?? 0)",
            ])
    }

    private mutating func tell(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        self.notices.append(Notice(level: level, message: message, metadata: metadata))
    }

    mutating func takeNotices() -> [Notice] {
        defer { self.notices = [] }
        return self.notices
    }

    /// Whether something is to be told again.
    private mutating func mayTell(_ what: String, at now: MonotonicInstant) -> Bool {
        if let quietUntil = self.quietUntil[what], now < quietUntil { return false }
        self.quietUntil[what] = now.advanced(by: .seconds(60))
        return true
    }

    /// What a connection says with.
    mutating func conversation() -> SealedConversation {
        SealedConversation(
            cluster: self.configuration.cluster.rawValue, purpose: .connection,
            keyring: self.configuration.protection.keyring, boot: BootID(using: &self.secrets))
    }
}

extension MembershipMessage {
    /// Whether it is answered over the connection that it goes over.
    var isQuestion: Bool {
        switch self {
        case .ping, .pull: true
        case .ack, .nack, .pingRequest, .gossip, .push, .fill: false
        }
    }
}
