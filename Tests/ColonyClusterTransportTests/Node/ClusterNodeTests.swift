import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Testing

/// Members that come, go, and change, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterNodeTests {
    @Test("Nodes find each other, with a key or without", arguments: [true, false])
    func nodesFindEachOther(isSealed: Bool) async throws {
        try await Nodes.with(sealed: isSealed) { nodes in
            let started = try await nodes.start(5)
            for node in started { #expect(node.statistics.refused == 0, "\(node.statistics)") }
        }
    }

    @Test("A node that falls without a word is known as failed to all others in time")
    func fallenNodeIsFound() async throws {
        try await Nodes.with { nodes in
            var started = try await nodes.start(5)
            let fallen = started.remove(at: 2)
            await fallen.fall()
            try await Nodes.agree(started)
            for node in started { #expect(node.member("node-2")?.state == .failed) }
        }
    }

    @Test("A node that leaves is known as left, and not as failed")
    func leavingIsNotFailing() async throws {
        try await Nodes.with { nodes in
            var started = try await nodes.start(4)
            let changes = started[0].changes()
            let leaving = started.remove(at: 3)
            await leaving.leave(within: .seconds(5))
            try await Nodes.agree(started)
            for node in started { #expect(node.member("node-3")?.state == .left) }
            for await change in changes {
                guard case .happened(.left(let member)) = change else {
                    if case .happened(.failed) = change { Issue.record("\(change)") }
                    continue
                }
                #expect(member.id == "node-3")
                break
            }
        }
    }

    @Test("Cancelling a node has it say good-bye")
    func cancellationIsALeave() async throws {
        try await Nodes.with { nodes in
            var started = try await nodes.start(3)
            nodes.running[2].task.cancel()
            try await nodes.running[2].task.value
            started.removeLast()
            try await Nodes.agree(started)
            for node in started { #expect(node.member("node-2")?.state == .left) }
        }
    }

    @Test("What a node says of itself spreads, at the beginning and later")
    func metadataSpreads() async throws {
        try await Nodes.with { nodes in
            let first = try await nodes.start("a", metadata: [1])
            let second = try await nodes.start("b", metadata: [2])
            try await eventually("metadata at both") {
                first.member("b")?.metadata == [2] && second.member("a")?.metadata == [1]
            }
            try first.updateMetadata([3, 3])
            try await eventually("the new metadata of a") { second.member("a")?.metadata == [3, 3] }
            let error = #expect(throws: ClusterError.self) {
                try first.updateMetadata([UInt8](repeating: 0, count: 513))
            }
            #expect(error?.message.contains("513") == true)
        }
    }

    @Test("A node that is started again under its name is let in, at the same address and at another one")
    func restartedNodeIsLetIn() async throws {
        try await Nodes.with { nodes in
            let started = try await nodes.start(3)
            let port = try #require(started[2].address?.port)
            await started[2].fall()
            let again = try await nodes.start("node-2", port: Int(port), seeds: [nodes.seed])
            try await Nodes.agree([started[0], started[1], again])
            await again.fall()
            let elsewhere = try await nodes.start("node-2", seeds: [nodes.seed])
            #expect(elsewhere.address?.port != port)
            try await Nodes.agree([started[0], started[1], elsewhere])
            #expect(started[0].member("node-2")?.address == elsewhere.address)
        }
    }

    @Test("Of two nodes of one name the second is told, and let in when the first is gone")
    func secondOfOneNameIsTold() async throws {
        try await Nodes.with { nodes in
            let started = try await nodes.start(3)
            let second = try await nodes.start("node-1", seeds: [nodes.seed])
            try await eventually("word of the first") { second.displacedBy == started[1].address }
            #expect(!second.isAdmitted)
            try await Nodes.agree(started)
            await started[1].fall()
            try await Nodes.agree([started[0], started[2], second])
            #expect(second.displacedBy == nil)
        }
    }

    @Test("A node waits for its seeds, and starts no cluster of its own meanwhile")
    func seedsAreWaitedFor() async throws {
        try await Nodes.with { nodes in
            let first = try await nodes.start("a")
            let port = try #require(first.address)
            await first.fall()
            let second = try await nodes.start("b", seeds: [port])
            try await eventually("a failed attempt") { second.statistics.connectionsFailed > 1 }
            #expect(!second.isAdmitted)
            let again = try await nodes.start("a", port: Int(port.port), seeds: [])
            try await Nodes.agree([again, second])
        }
    }

    @Test("Sockets are opened again when they are lost")
    func socketsAreOpenedAgain() async throws {
        try await Nodes.with { nodes in
            let started = try await nodes.start(3)
            let received = started[0].statistics.datagramsReceived
            await started[0].loseSockets()
            try await eventually("datagrams after that") {
                started[0].statistics.datagramsReceived > received + 20
            }
            let accepted = started[0].statistics.connectionsAccepted
            let late = try await nodes.start("node-3", seeds: [nodes.seed])
            try await Nodes.agree(started + [late])
            #expect(started[0].statistics.connectionsAccepted > accepted)
        }
    }

    /// Whether this host has the loopback address of IPv6, which containers often lack.
    private static let hasIPv6 = SystemAddresses.hasIPv6Loopback

    @Test(
        "A node that listens at all addresses of both families is reached by either",
        .enabled(if: Self.hasIPv6, "this host has no loopback address of IPv6"))
    func bothFamiliesAreReached() async throws {
        try await Nodes.with { nodes in
            let ring = try #require(nodes.keyring)
            func node(_ name: NodeID, at host: String, as advertised: String) async throws -> ClusterNode {
                try await nodes.run(
                    ClusterNode(
                        try ClusterNodeConfiguration(
                            cluster: "orders", name: name, host: host, port: 0, advertisedHost: advertised,
                            protection: .keyring(ring), seeds: nodes.running.prefix(1).compactMap(\.node.address),
                            membership: Nodes.settings()), logger: Nodes.silent))
            }
            let both = try await node("a", at: "::", as: "127.0.0.1")
            let fourth = try await node("b", at: "127.0.0.1", as: "127.0.0.1")
            try await Nodes.agree([both, fourth])
            let sixth = try await node("c", at: "::1", as: "::1")
            // The one of IPv4 cannot send datagrams to it. It is reached over connections, and by what others tell of it.
            try await eventually("all three at the one that both reach") { Nodes.present(both) == ["a", "b", "c"] }
            let received = (both.statistics.datagramsReceived, fourth.statistics.datagramsReceived)
            try await eventually("datagrams to both") {
                both.statistics.datagramsReceived > received.0 + 20
                    && fourth.statistics.datagramsReceived > received.1 + 20
            }
            #expect(both.statistics.datagramsFailed + fourth.statistics.datagramsFailed == 0)
            #expect(sixth.isAdmitted)
        }
    }
}
