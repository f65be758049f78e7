import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import NIOCore
import Testing

/// What nodes do with what they should never be sent.
@Suite(.serialized, .timeLimit(.minutes(2))) struct HostileInputTests {
    @Test("A node of another key, of another cluster, or without a key is ignored, counted, and told about once")
    func strangersAreIgnored() async throws {
        try await Nodes.with { nodes in
            let log = Log()
            let node = try await nodes.start("a", logger: log.logger)
            var generator = SeededGenerator(seed: 71)
            let other = try ClusterKeyring(.random(using: &generator))
            let strangers = [
                try await nodes.start("b", keyring: .some(other), seeds: [nodes.seed]),
                try await nodes.start("c", cluster: "payments", seeds: [nodes.seed]),
                try await nodes.start("d", keyring: .some(nil), seeds: [nodes.seed]),
            ]
            try await eventually("refusals of each kind, more than once") {
                [.wrongKey, .wrongCluster, .unsealed].allSatisfy { node.statistics.refusals[$0] ?? 0 > 1 }
            }
            #expect(node.members.map(\.id) == ["a"])
            for stranger in strangers {
                #expect(!stranger.isAdmitted)
                #expect(stranger.members.map(\.id) == [stranger.configuration.name])
            }
            #expect(log.warnings.count == 3)
            let key = try #require(nodes.keyring?.primary)
            for secret in [key, other.primary] { #expect(!log.all.contains { $0.contains(secret.identifier) }) }
        }
    }

    @Test("A datagram of another version is counted as that, and anything else that is none as well")
    func nonsenseIsCounted() async throws {
        try await Nodes.with { nodes in
            let log = Log()
            let node = try await nodes.start("a", logger: log.logger)
            let socket = try await RawDatagrams()
            var generator = SeededGenerator(seed: 72)
            let ring = try #require(nodes.keyring)
            var sealing = SealingEnd(
                cluster: "orders", purpose: .datagram, keyring: ring, boot: BootID(using: &generator))
            let valid = sealing.seal([3, 1, 2, 3], to: 5)
            var later = valid
            later[2] = 9
            try await socket.send(later, to: nodes.seed)
            for length in 0..<valid.count { try await socket.send(Array(valid[..<length]), to: nodes.seed) }
            for number in 0..<300 {
                let count = Int.random(in: 0...1_400, using: &generator)
                let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
                try await socket.send(bytes, to: nodes.seed)
                // No more than a socket has room for.
                if number % 50 == 0 {
                    try await eventually("datagram \(number)") {
                        node.statistics.datagramsReceived == 1 + valid.count + number + 1
                    }
                }
            }
            // Sealed by one of the cluster and no packet.
            var post = DatagramPost<Int>(
                cluster: "orders", keyring: ring, generator: SeededGenerator(seed: 73),
                greetingTimeout: .seconds(1))
            for datagram in post.send([0xFF], to: 0, at: MonotonicInstant(nanoseconds: 0)) {
                try await socket.send(datagram.bytes, to: nodes.seed)
            }
            try await socket.send([UInt8](repeating: 1, count: 9_000), to: nodes.seed)
            try await eventually("all of them: \(node.statistics)") {
                node.statistics.datagramsReceived == 301 + valid.count + 2
            }
            let refusals = node.statistics.refusals
            #expect(refusals[.wrongVersion] == 1)
            #expect(refusals[.oversized] == 1)
            #expect(refusals[.forged] ?? 0 > 0)
            #expect(refusals[.alien] ?? 0 >= 300)
            #expect(log.warnings.count == 1)
            #expect(node.isAdmitted)
            // It is as well as before.
            let second = try await nodes.start("b")
            try await Nodes.agree([node, second])
            try await socket.close()
        }
    }

    @Test("Datagrams that were recorded on the way are refused, by the same node, by others, and after a restart")
    func recordedDatagramsAreRefused() async throws {
        try await Nodes.with { nodes in
            let node = try await nodes.start("a")
            let eavesdropper = Eavesdropper()
            let port = try await eavesdropper.open()
            let ring = try #require(nodes.keyring)
            func watched() throws -> ClusterNode {
                ClusterNode(
                    try ClusterNodeConfiguration(
                        cluster: "orders", name: "b", port: 0, advertisedPort: port, protection: .keyring(ring),
                        seeds: [nodes.seed], membership: Nodes.settings()), logger: Nodes.silent)
            }
            let second = try await nodes.run(watched())
            try await eventually("an address") { second.boundPort != nil }
            eavesdropper.pass(to: try SocketAddress(ipAddress: "127.0.0.1", port: try #require(second.boundPort)))
            try await Nodes.agree([node, second])
            try await eventually("something to play again") { eavesdropper.recorded.count > 20 }
            let recorded = Array(eavesdropper.recorded.prefix(20))
            let before = second.statistics
            let socket = try await RawDatagrams()
            let own = try MemberAddress(host: "127.0.0.1", port: try #require(second.boundPort))
            for bytes in recorded {
                try await socket.send(bytes, to: own)
                try await socket.send(bytes, to: nodes.seed)
            }
            func refused(_ node: ClusterNode, _ kinds: [ClusterRefusal]) -> Int {
                kinds.reduce(0) { $0 + (node.statistics.refusals[$1] ?? 0) }
            }
            // One or two are greetings, which are answered and change nothing.
            try await eventually("refusals by both") {
                refused(second, [.replayed]) >= (before.refusals[.replayed] ?? 0) + 17
                    && refused(node, [.misdirected]) >= 17
            }
            await second.fall()
            let again = try await nodes.run(watched())
            let reborn = try MemberAddress(host: "127.0.0.1", port: try #require(again.boundPort))
            for bytes in recorded { try await socket.send(bytes, to: reborn) }
            try await eventually("refusals after a restart") { refused(again, [.misdirected]) >= 17 }
            try await socket.close()
            try await eavesdropper.close()
        }
    }

    @Test("A connection that says nothing, or too much, or too slowly is closed, and there are only so many")
    func connectionsAreBounded() async throws {
        try await Nodes.with { nodes in
            let limits = try ClusterLimits(connectionsPerAddress: 3, connectionTimeout: .milliseconds(300))
            let node = try await nodes.start("a", limits: limits)
            let address = try nodes.seed
            let silent = try await RawConnection(to: address)
            let slow = try await RawConnection(to: address)
            try await slow.send([0])
            let greedy = try await RawConnection(to: address)
            try await greedy.send([0x7F, 0xFF, 0xFF, 0xFF])
            try await greedy.closed()
            #expect(node.statistics.refusals[.oversized] == 1)
            var more: [RawConnection] = []
            for _ in 0..<4 { more.append(try await RawConnection(to: address)) }
            try await eventually("connections that are too many") { node.statistics.connectionsRefused >= 3 }
            try await silent.closed()
            try await slow.closed()
            try await eventually("the ends of both") { node.statistics.connectionsFailed >= 2 }
            for connection in more { await connection.close() }
            let nonsense = try await RawConnection(to: address)
            try await nonsense.send(FrameReader.frame(Array("GET / HTTP/1.1".utf8)))
            try await nonsense.closed()
            #expect(node.statistics.refusals[.alien] == 1)
            let second = try await nodes.start("b")
            try await Nodes.agree([node, second])
        }
    }

    @Test("More than is taken from one address is dropped")
    func ratesAreLimited() async throws {
        try await Nodes.with { nodes in
            let limits = try ClusterLimits(packetsPerSecond: 1, packetBurst: 10)
            let node = try await nodes.start("a", limits: limits)
            let socket = try await RawDatagrams()
            for _ in 0..<100 { try await socket.send([1, 2, 3], to: nodes.seed) }
            try await eventually("all of them") { node.statistics.datagramsReceived == 100 }
            #expect(node.statistics.refusals[.rateLimited] ?? 0 >= 80)
            #expect(node.statistics.refusals[.alien] ?? 0 >= 10)
            try await socket.close()
        }
    }
}
