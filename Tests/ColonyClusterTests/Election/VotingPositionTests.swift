import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// What a node says of how it stands.
@Suite struct VotingPositionTests {
    private let start = MonotonicInstant(nanoseconds: 0)

    private func election(_ record: VoteRecord) throws -> VotingElection {
        VotingElection(
            record: record, settings: try VotingSettings(), nonce: 1, generator: SeededGenerator(seed: 3),
            at: self.start)
    }

    @Test("A node that no leader has added yet is an outsider, and one that has no vote an observer")
    func withoutVote() throws {
        let outsider = try self.election(VoteRecord(joining: "sea", node: "x"))
        #expect(outsider.position(at: self.start) == .outsider)
        let set = try VoterSet([VotingMember("a"), VotingMember("b", role: .observer)])
        let observer = try self.election(try VoteRecord(founding: "sea", node: "b", set: set))
        #expect(observer.position(at: self.start) == .observer)
        #expect(observer.answering(at: self.start) == nil && observer.settled(at: self.start) == nil)
    }

    @Test("A voter follows, then stands, and leads when it has the votes, until its lease is over by the clock")
    func voter() throws {
        let set = try VoterSet(voters: ["a"])
        var election = try self.election(try VoteRecord(founding: "sea", node: "a", set: set))
        _ = election.begin()
        _ = election.persisted(election.record.revision, at: self.start)
        #expect(election.position(at: self.start) == .follower)
        let now = try #require(election.nextWake)
        _ = election.wake(at: now)
        // It votes for itself, and has to write that down.
        #expect(election.position(at: now) == .candidate && election.answering(at: now) == nil)
        for _ in 0..<2 { _ = election.persisted(election.record.revision, at: now) }
        #expect(election.position(at: now) == .leader)
        #expect(election.answering(at: now) == ["a"] && election.settled(at: now) == true)
        let end = try #require(election.leadership?.until)
        #expect(election.position(at: end) == .follower)
        #expect(election.answering(at: end) == nil && election.settled(at: end) == nil)
    }
}
