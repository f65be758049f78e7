import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Logging
import Testing

/// What a node tells of its election.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ElectionStandingTests {
    @Test("Each node says who leads, since when, who votes, and who led before and why not any more")
    func standing() async throws {
        let log = Log()
        let fleet = try ElectionFleet(timeout: .seconds(1), logger: log.logger)
        let set = try VoterSet(voters: ["a", "b", "c"])
        try await fleet.start(set.voters, of: set)
        let leader = try await fleet.leader()
        let id = leader.configuration.node
        try await eventually("a set that is settled") { leader.standing.isSettled == true }
        let standing = leader.standing
        #expect(standing.position == .leader && standing.leader == id)
        #expect(standing.reigns.first?.leader == id && standing.reigns.first?.until == nil)
        for other in set.voters where other != id {
            let seen = try fleet[other].standing
            #expect(seen.position == .follower && seen.leader == id && seen.term == standing.term)
            #expect(seen.members.map(\.member.id) == set.voters)
            #expect(seen.members.allSatisfy { $0.answers == nil } && seen.isSettled == nil)
        }
        // Another one is preferred from now on.
        let other = try #require(set.voters.first { $0 != id })
        let changes = leader.standings()
        try await leader.setPriority(1, of: other)
        var passed: ElectionStanding?
        for await change in changes where change.leader == other {
            passed = change
            break
        }
        #expect(passed?.members.first { $0.member.id == other }?.member.priority == 1)
        let reigns = try #require(passed?.reigns)
        #expect(reigns.map(\.leader).prefix(2) == [other, id])
        #expect(reigns[1].until != nil && reigns[1].loss == .handedOver)
        #expect(reigns[0].term > reigns[1].term && reigns[0].loss == nil)
        await #expect(throws: ClusterError.self) { try await leader.setPriority(0, of: other) }
        let successor = try await fleet.leader()
        #expect(successor.configuration.node == other)
        await #expect(throws: ClusterError.self) { try await successor.setPriority(0, of: "nobody") }
        try await eventually("what is told: \(log.all)") {
            log.all.contains { $0.contains("does not lead any more") && $0.contains("handed over") }
        }
        #expect(log.warnings.isEmpty, "\(log.warnings)")
    }

    @Test(
        "Of what goes wrong again and again the log is told ten times a minute, of strangers once, and how much was left out"
    )
    func notices() {
        var notices = ElectionNotices()
        let start = MonotonicInstant(nanoseconds: 0)
        func told(_ count: Int, from second: Int) -> [ElectionNotices.Notice] {
            (0..<count).compactMap { number in
                let now = start.advanced(by: .seconds(second) + .milliseconds(number * 300))
                return notices.notice(of: .leaderUnheard("a"), at: now)
            }
        }
        #expect(told(100, from: 0).count == ElectionNotices.mostPerMinute)
        #expect(notices.notice(of: .leaderUnheard("a"), at: start.advanced(by: .seconds(59))) == nil)
        let later = told(100, from: 60)
        #expect(later.count == ElectionNotices.mostPerMinute)
        #expect(later.first?.metadata["untold"] == "91")
        #expect(later.dropFirst().allSatisfy { $0.metadata["untold"] == nil })
        // Other kinds have minutes of their own.
        #expect(notices.notice(of: .conflict("a"), at: start)?.level == .warning)
        for refusal in ClusterRefusal.allCases {
            let first = notices.notice(of: refusal, from: "10.0.0.1:1", count: 1, at: start)
            #expect(first?.metadata["reason"] == "\(refusal)" && first?.metadata["from"] == "10.0.0.1:1")
            #expect(notices.notice(of: refusal, from: "10.0.0.1:1", count: 2, at: start) == nil)
        }
    }

    @Test("A node that does not run says so, and keeps what it knew")
    func stoppedNode() async throws {
        let fleet = try ElectionFleet()
        let set = try VoterSet(voters: ["a"])
        let node = try fleet.node("a", of: set)
        #expect(node.standing.position == nil && node.standing.members.isEmpty && node.standing.reigns.isEmpty)
        try await fleet.start(node)
        _ = try await fleet.leader()
        #expect(node.standing.position == .leader)
        try await fleet.kill("a")
        let standing = node.standing
        #expect(standing.position == nil && standing.leader == nil)
        #expect(standing.reigns.first?.leader == "a" && standing.reigns.first?.until != nil)
    }
}
