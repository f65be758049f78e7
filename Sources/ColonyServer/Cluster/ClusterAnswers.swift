import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import NIOCore

/// What is told of a cluster as JSON.
enum ClusterAnswers {
    static func write(_ node: ClusterNode, _ members: [Member], to body: inout ByteBuffer) {
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
            Self.write(member, to: &body)
        }
        body.writeJSON("]}")
    }

    private static func write(_ member: Member, to body: inout ByteBuffer) {
        body.writeJSON(#"{"node":"#)
        body.writeJSON(string: member.id.rawValue)
        body.writeJSON(#","address":"#)
        body.writeJSON(string: member.address.description)
        body.writeJSON(#","state":"#)
        body.writeJSON(string: "\(member.state)")
        body.writeJSON(#","incarnation":"#)
        body.writeJSON(member.incarnation)
        if let metadata = ClusterMetadata(member.metadata) {
            body.writeJSON(#","url":"#)
            body.writeJSON(string: metadata.url)
        }
        body.writeJSON("}")
    }
}
