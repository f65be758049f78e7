import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import NIOCore

/// What operators change about the election.
extension ClusterService {
    private func offeredElection() throws(Problem) -> ClusterElection {
        _ = try self.offered()
        guard let election else {
            throw Problem(.notOffered, "this cluster elects nobody: set cluster.voters for all of its servers")
        }
        return election
    }

    /// Has another daemon lead.
    func handOver(body: ByteBuffer) async throws(Problem) -> Answer {
        var successor: NodeID?
        try body.readJSON(["node"]) { reader, _ throws(JSONDefect) in successor = try reader.readNode() }
        guard let successor else { throw .missing("node") }
        let election = try self.offeredElection()
        guard successor != election.node.configuration.node || election.node.leadership == nil else {
            return Self.answer(changed: false)
        }
        do throws(ClusterError) {
            try await election.node.handOver(to: successor)
        } catch {
            throw self.problem(error, election)
        }
        return Self.answer(changed: true)
    }

    private static let voterMembers: [StaticString] = ["role", "priority"]

    /// Adds a daemon to those that vote or look on, or changes what it does.
    func setVoter(_ id: NodeID, body: ByteBuffer) async throws(Problem) -> Answer {
        var role = VotingMember.Role.voter
        var priority = 0
        try body.readJSON(Self.voterMembers) { reader, index throws(JSONDefect) in
            switch index {
            case 0: role = try reader.readRole()
            default: priority = Int(try reader.readNumber(in: 0...255))
            }
        }
        let election = try self.offeredElection()
        let member = VotingMember(id, role: role, priority: UInt8(clamping: priority))
        let present = election.node.standing.members.first { $0.member.id == id }?.member
        guard present != member else { return Self.answer(changed: false) }
        var address: MemberAddress?
        if present == nil {
            address = self.electionAddress(of: id)
            guard address != nil else {
                throw Problem(
                    .notFound,
                    "no member of the cluster is called \(NameRules.quoted(id.rawValue)) and says where it listens for votes: start it "
                        + "with the same cluster.voters, and wait until it is a member")
            }
        }
        return try await self.change(present == nil ? .add(member) : .update(member), address, election)
    }

    /// Takes a daemon away from those that vote or look on.
    func removeVoter(_ id: NodeID) async throws(Problem) -> Answer {
        let election = try self.offeredElection()
        guard election.node.standing.members.contains(where: { $0.member.id == id }) else {
            // Whether that is so is known to the leader only.
            guard election.node.leadership != nil else { throw self.notLeader(election) }
            return Self.answer(changed: false)
        }
        return try await self.change(.remove(id), nil, election)
    }

    private func change(
        _ change: VoterChange, _ address: MemberAddress?, _ election: ClusterElection
    ) async throws(Problem) -> Answer {
        do throws(ClusterError) {
            try await election.node.change(change, address: address)
        } catch {
            throw self.problem(error, election)
        }
        return Self.answer(changed: true)
    }

    private static func answer(changed: Bool) -> Answer {
        Answer { body in
            body.writeJSON(#"{"changed":"#)
            body.writeJSON(changed)
            body.writeJSON("}")
        }
    }

    // MARK: Problems

    private func notLeader(_ election: ClusterElection) -> Problem {
        guard let leader = election.node.knownLeader else {
            return Problem(.notLeader, "nobody leads at present; ask again when somebody does")
        }
        let place = self.url(of: leader).map { ", at \($0)" } ?? ""
        return Problem(.notLeader, "\(NameRules.quoted(leader.rawValue)) leads\(place); ask it")
    }

    private func problem(_ error: ClusterError, _ election: ClusterElection) -> Problem {
        switch error.code {
        case .notLeader: self.notLeader(election)
        case .changePending: Problem(.changePending, error.message)
        case .noMajority: Problem(.noMajority, error.message)
        case .unavailable: Problem(.draining, error.message)
        default: Problem(.invalidConfiguration, error.message)
        }
    }
}

extension JSONReader {
    fileprivate mutating func readNode() throws(JSONDefect) -> NodeID {
        let text = try self.readString()
        do throws(InvalidName) {
            return try NodeID(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: "\(error)")
        }
    }

    fileprivate mutating func readRole() throws(JSONDefect) -> VotingMember.Role {
        let text = try self.readString()
        switch text {
        case "voter": return .voter
        case "observer": return .observer
        default:
            throw .outOfRange(path: self.currentPath, reason: "\(NameRules.quoted(text)) is not one of voter, observer")
        }
    }
}
