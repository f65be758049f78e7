import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

/// What can be done to a cluster while it runs.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RunningClusterTests {
    @Test("The key of a running cluster is replaced without a lost member")
    func keyIsReplaced() async throws {
        try await Nodes.with { nodes in
            var generator = SeededGenerator(seed: 81)
            let old = ClusterKey.random(using: &generator)
            let new = ClusterKey.random(using: &generator)
            let rings = try (0..<4).map { _ in try ClusterKeyring(old) }
            var started: [ClusterNode] = []
            for (number, ring) in rings.enumerated() {
                started.append(try await nodes.start(NodeID("node-\(number)"), keyring: .some(ring)))
            }
            try await Nodes.agree(started)
            let streams = started.map { $0.changes() }
            // Each step at one after the other, with as many packets in between as there are in some periods.
            for step in [
                { (ring: ClusterKeyring) in try ring.add(new) }, { ring in try ring.use(new) },
                { ring in try ring.remove(old) },
            ] {
                for (node, ring) in zip(started, rings) {
                    try step(ring)
                    let received = node.statistics.packetsReceived
                    try await eventually("more packets") { node.statistics.packetsReceived > received + 5 }
                }
            }
            let late = try await nodes.start("node-4", keyring: .some(try ClusterKeyring(new)))
            try await Nodes.agree(started + [late])
            for node in started { #expect(node.statistics.refused == 0, "\(node.statistics.refusals)") }
            await nodes.stop()
            for stream in streams {
                for await change in stream {
                    if case .happened(.failed(let member)) = change { Issue.record("\(member.id) was lost") }
                }
            }
        }
    }

    @Test("A listener that does not keep up is told how much it has missed, and goes on from there")
    func gapsAreTold() async throws {
        try await Nodes.with { nodes in
            let node = try await nodes.start("a")
            let changes = node.changes(keepingNewest: 2)
            let other = try await nodes.start("b")
            for number in 0..<UInt8(10) {
                try other.updateMetadata([number])
                try await eventually("metadata") { node.member("b")?.metadata == [number] }
            }
            var iterator = changes.makeAsyncIterator()
            guard case .missed(let count) = await iterator.next() else {
                Issue.record("nothing was missed")
                return
            }
            #expect(count >= 8)
            guard case .happened(.updated(let member)) = await iterator.next() else {
                Issue.record("no change after the gap")
                return
            }
            #expect(member.metadata == [8])
            #expect(await iterator.next() == .happened(.updated(try #require(node.member("b")))))
            await nodes.stop()
            while await iterator.next() != nil {}
        }
    }

    @Test("Packets that are too long for a datagram go over a connection")
    func longPacketsGoOverConnections() async throws {
        try await Nodes.with { nodes in
            let settings = try Nodes.settings(packetBytes: 1_024)
            var started: [ClusterNode] = []
            for letter in ["a", "b", "c"] {
                let name = try NodeID(String(repeating: letter, count: 255))
                started.append(try await nodes.start(name, settings: settings))
            }
            try await Nodes.agree(started)
            // A ping of a suspect says so, with three long names and the address.
            await started.removeLast().fall()
            try await Nodes.agree(started)
            #expect(started.contains { $0.statistics.oversizedPackets > 0 })
            for node in started { #expect(node.statistics.refused == 0) }
        }
    }

    @Test("A member to which no datagrams get through stays a member, and the log says why it is slow")
    func blockedDatagramsAreTold() async throws {
        try await Nodes.with { nodes in
            let log = Log()
            let first = try await nodes.start("a", logger: log.logger)
            let bound = Mutex<Int?>(nil)
            // Others know the second by a port at which nobody takes datagrams.
            let switchboard = try await Switchboard { bound.withLock { $0 } }
            let ring = try #require(nodes.keyring)
            let second = try await nodes.run(
                ClusterNode(
                    try ClusterNodeConfiguration(
                        cluster: "orders", name: "b", port: 0, advertisedPort: switchboard.port,
                        protection: .keyring(ring), seeds: [nodes.seed], membership: Nodes.settings()),
                    logger: Nodes.silent))
            bound.withLock { $0 = second.boundPort }
            try await Nodes.agree([first, second])
            let changes = first.changes()
            try await eventually("pings that were answered over connections") {
                first.statistics.answersOverConnectionsOnly > 10
            }
            #expect(log.warnings.count { $0.contains("let no UDP through") } == 1)
            await nodes.stop()
            for await change in changes {
                if case .happened(.failed(let member)) = change { Issue.record("\(member.id) was lost") }
            }
            try await switchboard.close()
        }
    }

    @Test("Seeds and members may be known by names, which are looked up again when they lead elsewhere")
    func namesAreLookedUp() async throws {
        try await Nodes.with { nodes in
            let first = try await nodes.start("a")
            let port = Int(try #require(first.address).port)
            let leadsTo = Mutex(["127.0.0.2"])
            let ring = try #require(nodes.keyring)
            let second = try await nodes.run(
                ClusterNode(
                    try ClusterNodeConfiguration(
                        cluster: "orders", name: "b", port: 0, protection: .keyring(ring),
                        seeds: [try MemberAddress(host: "seed.test", port: port)], membership: Nodes.settings()),
                    logger: Nodes.silent
                ) { _ in leadsTo.withLock { $0 } })
            try await eventually("a failed attempt") { second.statistics.connectionsFailed > 0 }
            #expect(!second.isAdmitted)
            leadsTo.withLock { $0 = ["127.0.0.1"] }
            try await Nodes.agree([first, second])
            // One that is known by a name, to others that find it by the system's names.
            let third = try await nodes.run(
                ClusterNode(
                    try ClusterNodeConfiguration(
                        cluster: "orders", name: "c", port: 0, advertisedHost: "localhost", protection: .keyring(ring),
                        seeds: [try #require(first.address)], membership: Nodes.settings()), logger: Nodes.silent))
            try await Nodes.agree([first, second, third])
            let received = third.statistics.packetsReceived
            try await eventually("packets by that name") { third.statistics.packetsReceived > received + 20 }
            #expect(first.member("c")?.address.host == "localhost")
        }
    }

    @Test("A source of seeds that fails starts no cluster, and one without seeds does")
    func seedSourceIsAsked() async throws {
        struct Source: ClusterSeedSource {
            let answer: @Sendable () throws -> [MemberAddress]
            func seeds() async throws -> [MemberAddress] { try self.answer() }
        }
        struct Down: Error {}
        try await Nodes.with { nodes in
            let known = Mutex<[MemberAddress]?>(nil)
            let asked = Mutex(0)
            let source = Source {
                asked.withLock { $0 += 1 }
                guard let known = known.withLock({ $0 }) else { throw Down() }
                return known
            }
            let ring = try #require(nodes.keyring)
            func node(_ name: NodeID) async throws -> ClusterNode {
                try await nodes.run(
                    ClusterNode(
                        try ClusterNodeConfiguration(
                            cluster: "orders", name: name, port: 0, protection: .keyring(ring), seedSource: source,
                            membership: Nodes.settings()), logger: Nodes.silent))
            }
            let first = try await node("a")
            try await eventually("more questions") { asked.withLock { $0 } > 2 }
            #expect(!first.isAdmitted)
            known.withLock { $0 = [] }
            try await eventually("a cluster of one") { first.isAdmitted }
            let address = try #require(first.address)
            known.withLock { $0 = [address] }
            let second = try await node("b")
            try await Nodes.agree([first, second])
        }
    }

    @Test("A cluster that was started in two places at once becomes one")
    func twoClustersBecomeOne() async throws {
        try await Nodes.with { nodes in
            let first = try await nodes.start("a", seeds: [])
            let second = try await nodes.start("b", seeds: [])
            try await eventually("two clusters") { first.isAdmitted && second.isAdmitted }
            // A third that knows both joins one of them, and asks the other one later, which is no member.
            let third = try await nodes.start("c", seeds: [first, second].compactMap(\.address))
            try await Nodes.agree([first, second, third])
        }
    }

    @Test("Nodes that are started at the same time, each with the same list of seeds, become one cluster")
    func coldStartIsOneCluster() async throws {
        try await Nodes.with { nodes in
            var seeds: [MemberAddress] = []
            for number in 0..<3 {
                seeds.append(try #require(try await nodes.start(NodeID("held-\(number)"), seeds: []).address))
            }
            await nodes.stop()
            var started: [ClusterNode] = []
            for (number, seed) in seeds.enumerated() {
                started.append(
                    try await nodes.start(NodeID("node-\(number)"), port: Int(seed.port), seeds: seeds))
            }
            try await Nodes.agree(started)
        }
    }
}
