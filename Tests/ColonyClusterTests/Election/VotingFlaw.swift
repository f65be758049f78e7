import ColonyCluster
import ColonyCore
import ColonySimulation

/// What can be wrong with a node or its shell, to see that it is found.
enum VotingFlaw: CaseIterable {
    /// Answers leave before the disk has what they follow from.
    case answersBeforeTheDisk
    /// The new file takes the place of the old one before its content is synced.
    case renamesBeforeSync
    /// The lease is counted from the answer and not from the sending of the heartbeat.
    case leaseFromAnswer
    /// A voter that is started again does not wait for what it may have promised.
    case forgetsPromises
    /// Candidates act as if a leader had handed over to them, so that promises are void.
    case ignoresPromises
    /// The leader goes on after it has handed over, until its lease ends.
    case leadsAfterHandOver
    /// Clocks are wrong by more than the settings say.
    case clocksOutOfBounds
    /// Who stands for election does not ask before whether it would win.
    case noInquiry
    /// Voters do not look which set of voters a candidate knows.
    case votesForOldSets
    /// Nodes say that they have the leader's set of voters before they do, so the next change begins before the last is settled.
    case claimsTheSet
}

extension Electorate {
    /// Spoils a packet.
    ///
    /// - Returns: Whether it is not to be sent any more.
    mutating func applyFlaw(to packet: inout VotingPacket, from source: Int, to destination: Int) throws -> Bool {
        switch (self.flaw, packet.message) {
        case (.noInquiry, .voteRequest(let request)) where request.kind == .inquiry,
            (.ignoresPromises, .voteRequest(let request)) where request.kind == .inquiry:
            // It is answered as the candidate likes it, by nobody.
            let answer = VoteAnswer(
                kind: .inquiry, requestedTerm: request.term, isGranted: true, term: request.term - 1)
            let forged = VotingPacket(
                sender: self.nodes[destination].id, start: self.nodes[destination].start,
                message: .voteAnswer(answer))
            self.agenda.add(.arrival(forged, to: source), at: self.now)
            return true
        case (.ignoresPromises, .voteRequest(var request)):
            request.kind = .handover
            packet.message = .voteRequest(request)
        case (.votesForOldSets, .voteRequest(var request)):
            guard let stamp = self.nodes[destination].election?.record.configuration.stamp else { return false }
            request.configuration = max(request.configuration, stamp)
            packet.message = .voteRequest(request)
        case (.claimsTheSet, .heartbeatAnswer(var answer)):
            guard let stamp = self.nodes[destination].election?.record.configuration.stamp else { return false }
            answer.stamp = max(answer.stamp, stamp)
            packet.message = .heartbeatAnswer(answer)
        default: break
        }
        return false
    }
}
