import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import NIOCore
import NIOPosix
import Testing

/// What nodes of an election do with what they should never be sent.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ElectionStrangersTests {
    @Test(
        "Nodes of another key, cluster, or election, and one without a key, are ignored, counted, and told about once")
    func strangersAreIgnored() async throws {
        let log = Log()
        let fleet = try ElectionFleet(logger: log.logger)
        let set = try VoterSet(voters: ["a", "b", "c"])
        try await fleet.start(["a"], of: set)
        let node = try fleet["a"]
        let address = try MemberAddress(host: "127.0.0.1", port: try #require(node.port))
        let strangers = [
            try ElectionFleet(), try ElectionFleet(cluster: "land", protection: fleet.protection),
            try ElectionFleet(election: "relay", protection: fleet.protection),
            try ElectionFleet(protection: .unsealedOnLoopback),
        ]
        for stranger in strangers {
            let other = try stranger.node("b", of: set, knowing: ["a": address])
            try await stranger.start(other)
        }
        try await eventually("refusals of each kind: \(node.statistics)") {
            let refusals = node.statistics.refusals
            return refusals[.wrongKey] ?? 0 > 1 && refusals[.wrongCluster] ?? 0 > 3 && refusals[.unsealed] ?? 0 > 1
        }
        #expect(node.statistics.packetsReceived == 0)
        #expect(node.knownLeader == nil && node.standing.position != .leader)
        #expect(strangers.allSatisfy { $0.leaders.isEmpty })
        try await eventually("what is told: \(log.all)") { log.warnings.count >= 3 }
        #expect(log.warnings.count == 3, "\(log.warnings)")
        guard case .keyring(let ring) = fleet.protection else { return }
        #expect(!log.all.contains { $0.contains(ring.primary.identifier) })
    }

    @Test("Who connects and says nothing keeps nobody out, and nonsense is counted as what it is")
    func nonsense() async throws {
        let fleet = try ElectionFleet()
        let set = try VoterSet(voters: ["a", "b", "c"])
        try await fleet.start(["a"], of: set)
        let node = try fleet["a"]
        let address = try MemberAddress(host: "127.0.0.1", port: try #require(node.port))
        var silent: [RawConnection] = []
        for _ in 0..<(AcceptedConnections<VoterBox>.mostStrangers + 8) {
            silent.append(try await RawConnection(to: address))
        }
        for (bytes, refusal) in [
            (FrameReader.frame([1, 2, 3]), ClusterRefusal.alien),
            (FrameReader.frame([0xC0, 0x10, 99] + [UInt8](repeating: 0, count: 50)), .wrongVersion),
            ([0xFF, 0xFF, 0xFF, 0xFF], .oversized),
        ] {
            let connection = try await RawConnection(to: address)
            try await connection.send(bytes)
            try await connection.closed()
            #expect(node.statistics.refusals[refusal] == 1, "\(refusal), \(node.statistics)")
        }
        try await fleet.start(["b", "c"], of: set)
        _ = try await fleet.leader()
        #expect(node.statistics.connectionsRefused >= 8)
        for connection in silent { await connection.close() }
    }

    @Test("A packet of a later version that is sealed as it should be is refused as that, and one that is none as well")
    func versions() async throws {
        let fleet = try ElectionFleet()
        try await fleet.start(["a"], of: try VoterSet(voters: ["a", "b", "c"]))
        let node = try fleet["a"]
        let port = try #require(node.port)
        let start = VotingStart(number: 1, nonce: 1)
        let packet = VotingCoding.encode(VotingPacket(sender: "b", start: start, message: .standNow(term: 1)))
        for (bytes, refusal) in [
            ([VotingCoding.version + 1] + packet.dropFirst(), ClusterRefusal.wrongVersion),
            (packet + [0], .undecodable),
        ] {
            try await Speaker.say(bytes, to: port, protection: fleet.protection)
            #expect(node.statistics.refusals[refusal] == 1, "\(refusal), \(node.statistics)")
        }
        try await Speaker.say(packet, to: port, protection: fleet.protection, andLeaves: true)
        try await eventually("a packet that is taken") { node.statistics.packetsReceived == 1 }
    }

    @Test("Connections of one node replace each other, those of strangers as well, and neither those of others")
    func acceptedConnections() {
        var connections = AcceptedConnections<VoterBox>()
        let boxes = (0..<AcceptedConnections<VoterBox>.mostStrangers + 2).map { VoterBox(number: $0) }
        for box in boxes.dropLast(2) { #expect(connections.add(box) == nil) }
        // The first five become known, and one is too many.
        for box in boxes[0..<4] { #expect(connections.note("a", on: box) == nil) }
        #expect(connections.note("a", on: boxes[0]) == nil)
        #expect(connections.note("a", on: boxes[4])?.number == 0)
        connections.remove(boxes[0])
        #expect(connections.note("b", on: boxes[5]) == nil)
        // Six places of strangers are free, one of which was closed.
        for box in boxes.suffix(2) { #expect(connections.add(box) == nil) }
        let more = (0..<5).map { VoterBox(number: 100 + $0) }
        for box in more.dropLast() { #expect(connections.add(box) == nil) }
        #expect(connections.add(more[4])?.number == 6)
    }
}

/// Stands for a connection.
private final class VoterBox: Sendable {
    let number: Int
    init(number: Int) { self.number = number }
}

/// Greets as a node of the election does, and says what none would.
private final class Speaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var conversation: SealedConversation
    private var reader = FrameReader(mostBytes: 1_000)
    private let words: [UInt8]
    private let leaves: Bool

    private init(_ words: [UInt8], _ ring: ClusterKeyring?, leaves: Bool) {
        var generator = SystemRandomNumberGenerator()
        self.words = words
        self.leaves = leaves
        self.conversation = SealedConversation(
            cluster: "sea\nscheduler", purpose: .election, keyring: ring, boot: BootID(using: &generator))
    }

    /// Says it, and waits until the connection is closed, by the other side unless it leaves itself.
    static func say(
        _ words: [UInt8], to port: Int, protection: ClusterProtection, andLeaves leaves: Bool = false
    ) async throws {
        var ring: ClusterKeyring?
        if case .keyring(let keyring) = protection { ring = keyring }
        let keyring = ring
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Speaker(words, keyring, leaves: leaves))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }

    func channelActive(context: ChannelHandlerContext) {
        self.send(self.conversation.greeting(), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.reader.append(self.unwrapInboundIn(data).readableBytesView)
        while let frame = try? self.reader.next() {
            guard case .greeted = try? self.conversation.open(frame) else { continue }
            self.send(self.conversation.seal(self.words), context)
            if self.leaves { context.close(promise: nil) }
        }
    }

    private func send(_ envelope: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(NIOAny(ByteBuffer(bytes: FrameReader.frame(envelope))), promise: nil)
    }
}
