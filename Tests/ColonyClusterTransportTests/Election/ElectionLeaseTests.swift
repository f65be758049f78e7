import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
import ColonyCore
import Synchronization
import Testing

/// The lease that a node of an election gives, which nobody else may have before it is over.
@Suite(.serialized) struct ElectionLeaseTests {
    private static let owner: OwnerID = "worker"

    /// Three nodes, of which the first leads for somebody in its process, and of the others as many as are named would.
    private func fleet(willing: Set<NodeID>) async throws -> (fleet: ElectionFleet, leader: ElectionNode, lease: Lease)
    {
        let set = try VoterSet(voters: ["a", "b", "c"])
        let fleet = try ElectionFleet(timeout: .milliseconds(500))
        for id in set.voters { try await fleet.start(fleet.node(id, of: set), campaigns: false) }
        try await fleet.introduce()
        let leader = try fleet["a"]
        var lease: Lease?
        try await eventually("a lease") {
            lease = try await leader.tryAcquire("scheduler", owner: Self.owner, for: .seconds(1)).lease
            return lease != nil
        }
        for id in willing {
            let node = try fleet[id]
            let campaign = Task {
                try await node.election().lead(as: id.rawValue) { _ = try await $0.waitUntilLost() }
            }
            fleet.members.withLock { $0[id]?.campaign = campaign }
        }
        return (fleet, leader, try #require(lease))
    }

    /// Renews a lease for so long.
    private func renew(_ lease: Lease, at node: ElectionNode, for duration: Duration) async throws -> Lease {
        let clock = HostClock()
        let end = clock.now.advanced(by: duration)
        var lease = lease
        try await eventually("the end of \(duration)") {
            lease = try #require(try await node.renew(lease, for: .seconds(1)), "the lease was lost")
            return clock.now >= end
        }
        return lease
    }

    /// When another node leads, by the clock that all have here.
    private func successor(in fleet: ElectionFleet) async throws -> MonotonicInstant {
        let clock = HostClock()
        var found: MonotonicInstant?
        try await eventually("another leader") {
            found = clock.now
            return try ["b", "c"].contains { try fleet[$0].leadership != nil }
        }
        return try #require(found)
    }

    @Test("A leader hands over when the last lease that it gave is over, also if it was asked for long ago")
    func handOverWaits() async throws {
        let (fleet, leader, lease) = try await self.fleet(willing: ["b"])
        // For longer than it is remembered that somebody has asked.
        let last = try await self.renew(lease, at: leader, for: .milliseconds(2_500))
        try await leader.handOver(to: "b")
        #expect(leader.leadership == nil)
        let successor = try await self.successor(in: fleet)
        #expect(successor >= last.expiry, "\(successor) is before \(last.expiry)")
        #expect(try fleet["b"].leadership != nil)
    }

    @Test("A leader that is shut down while it hands over leaves the last lease that it gave to run out")
    func shutdownWaits() async throws {
        let (fleet, leader, lease) = try await self.fleet(willing: ["b"])
        let last = try await self.renew(lease, at: leader, for: .milliseconds(500))
        try await leader.handOver(to: "b")
        fleet.members.withLock { $0["a"]?.running.cancel() }
        let successor = try await self.successor(in: fleet)
        #expect(successor >= last.expiry, "\(successor) is before \(last.expiry)")
    }

    @Test("A node whose listening socket was closed by the system listens again at its port, and is heard")
    func listenerIsOpenedAgain() async throws {
        let (fleet, leader, _) = try await self.fleet(willing: ["b", "c"])
        let port = leader.port
        let before = leader.statistics.packetsReceived
        await leader.loseListener()
        // Others have to dial again.
        for id in ["b", "c"] as [NodeID] {
            let node = try fleet[id]
            let unknown = try MemberAddress(host: "127.0.0.1", port: 1)
            try await node.setAddress(unknown, of: "a")
            try await node.setAddress(MemberAddress(host: "127.0.0.1", port: try #require(port)), of: "a")
        }
        let seen = leader.statistics.packetsReceived
        try await eventually("packets after \(before) and \(seen)") {
            leader.statistics.packetsReceived > seen + 20
        }
        #expect(leader.port == port)
    }
}
