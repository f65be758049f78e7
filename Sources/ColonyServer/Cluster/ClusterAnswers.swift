import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import NIOCore

/// What is told of a cluster as JSON.
enum ClusterAnswers {
    static func write(
        _ node: ClusterNode, _ members: [Member], _ shares: [String: Double], _ election: ClusterElection?,
        to body: inout ByteBuffer
    ) {
        body.writeJSON(#"{"cluster":"#)
        body.writeJSON(string: node.configuration.cluster.rawValue)
        body.writeJSON(#","node":"#)
        body.writeJSON(string: node.configuration.name.rawValue)
        if let address = node.address {
            body.writeJSON(#","address":"#)
            body.writeJSON(string: address.description)
        }
        body.writeJSON(#","standing":"#)
        body.writeJSON(string: node.standing.rawValue)
        if let other = node.displacedBy {
            body.writeJSON(#","displaced_by":"#)
            body.writeJSON(string: other.description)
        }
        var isSealed = false
        if case .keyring = node.configuration.protection { isSealed = true }
        body.writeJSON(#","sealed":"#)
        body.writeJSON(isSealed ? "true" : "false")
        body.writeJSON(#","health_score":"#)
        body.writeJSON(node.healthScore)
        body.writeJSON(#","ignored":"#)
        body.writeJSON(node.statistics.refused)
        body.writeJSON(#","members":["#)
        for (index, member) in members.enumerated() {
            if index > 0 { body.writeJSON(",") }
            Self.write(member, shares[member.id.rawValue], to: &body)
        }
        body.writeJSON("]")
        if let election {
            body.writeJSON(#","election":"#)
            Self.write(election, members, to: &body)
        }
        body.writeJSON("}")
    }

    private static func write(_ member: Member, _ share: Double?, to body: inout ByteBuffer) {
        body.writeJSON(#"{"node":"#)
        body.writeJSON(string: member.id.rawValue)
        body.writeJSON(#","address":"#)
        body.writeJSON(string: member.address.description)
        body.writeJSON(#","state":"#)
        body.writeJSON(string: "\(member.state)")
        body.writeJSON(#","incarnation":"#)
        body.writeJSON(member.incarnation)
        if let share {
            body.writeJSON(#","share":"#)
            body.writeString("\(share)")
        }
        if let url = Self.url(member) {
            body.writeJSON(#","url":"#)
            body.writeJSON(string: url)
        }
        body.writeJSON("}")
    }

    private static func url(_ member: Member) -> String? {
        ClusterMetadata(member.metadata).flatMap { $0.url.isEmpty ? nil : $0.url }
    }

    // MARK: The election

    private static func write(_ election: ClusterElection, _ members: [Member], to body: inout ByteBuffer) {
        let standing = election.node.standing
        body.writeJSON(#"{"term":"#)
        body.writeJSON(standing.term.rawValue)
        if let position = standing.position {
            body.writeJSON(#","position":"#)
            body.writeJSON(string: position.rawValue)
        }
        if let leader = standing.leader {
            body.writeJSON(#","leader":"#)
            body.writeJSON(string: leader.rawValue)
            if let url = members.first(where: { $0.id == leader }).flatMap(Self.url) {
                body.writeJSON(#","leader_url":"#)
                body.writeJSON(string: url)
            }
        }
        if let isSettled = standing.isSettled {
            body.writeJSON(#","settled":"#)
            body.writeJSON(isSettled)
        }
        body.writeJSON(#","schedules":"#)
        body.writeJSON(string: election.schedules.rawValue)
        body.writeJSON(#","voters":["#)
        for (index, member) in standing.members.enumerated() {
            if index > 0 { body.writeJSON(",") }
            Self.write(member, to: &body)
        }
        body.writeJSON(#"],"terms":["#)
        for (index, reign) in standing.reigns.enumerated() {
            if index > 0 { body.writeJSON(",") }
            Self.write(reign, election, to: &body)
        }
        body.writeJSON("]}")
    }

    private static func write(_ member: ElectionStanding.Member, to body: inout ByteBuffer) {
        body.writeJSON(#"{"node":"#)
        body.writeJSON(string: member.member.id.rawValue)
        body.writeJSON(#","role":"#)
        body.writeJSON(string: "\(member.member.role)")
        body.writeJSON(#","priority":"#)
        body.writeJSON(member.member.priority)
        if let answers = member.answers {
            body.writeJSON(#","answers":"#)
            body.writeJSON(answers)
        }
        body.writeJSON("}")
    }

    private static func write(
        _ reign: ElectionStanding.Reign, _ election: ClusterElection, to body: inout ByteBuffer
    ) {
        body.writeJSON(#"{"term":"#)
        body.writeJSON(reign.term.rawValue)
        body.writeJSON(#","leader":"#)
        body.writeJSON(string: reign.leader.rawValue)
        body.writeJSON(#","since":"#)
        body.writeJSON(time: election.wallTime(of: reign.since))
        if let until = reign.until {
            body.writeJSON(#","until":"#)
            body.writeJSON(time: election.wallTime(of: until))
        }
        if let loss = reign.loss {
            body.writeJSON(#","reason":"#)
            body.writeJSON(string: Self.word(for: loss))
        }
        body.writeJSON("}")
    }
    private static func word(for loss: LeadershipLoss) -> String {
        switch loss {
        case .unanswered: "unanswered"
        case .superseded: "superseded"
        case .handedOver: "handed_over"
        case .resigned: "resigned"
        }
    }
}
