import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import NIOCore

/// What `/metrics` tells of the cluster that the daemon is in.
enum ClusterMetrics {
    static func write(_ node: ClusterNode, to body: inout ByteBuffer) {
        let members = node.members
        PrometheusRegistry.writeHeader(
            "colony_cluster_members", .gauge, help: "Members by their state, this server included.", to: &body)
        for state in MemberState.allCases {
            body.writeString(
                "colony_cluster_members{state=\"\(state)\"} \(members.count { $0.state == state })\n")
        }
        let statistics = node.statistics
        self.write(
            [
                (
                    "colony_cluster_admitted", .gauge, node.isAdmitted ? 1 : 0,
                    "Whether this server is a member."
                ),
                (
                    "colony_cluster_health_score", .gauge, node.healthScore,
                    "How much longer this server waits because it seems to be slow itself; 0 if it is well."
                ),
                (
                    "colony_cluster_datagrams_sent_total", .counter, statistics.datagramsSent,
                    "Datagrams that were sent."
                ),
                (
                    "colony_cluster_datagrams_received_total", .counter, statistics.datagramsReceived,
                    "Datagrams that came."
                ),
                (
                    "colony_cluster_sent_bytes_total", .counter, statistics.datagramBytesSent,
                    "Bytes of datagrams that were sent."
                ),
                (
                    "colony_cluster_connections_failed_total", .counter, statistics.connectionsFailed,
                    "Connections between members that could not be made, broke, or took too long."
                ),
            ], to: &body)
        PrometheusRegistry.writeHeader(
            "colony_cluster_ignored_total", .counter, help: "What was ignored of what came from elsewhere, by reason.",
            to: &body)
        for reason in ClusterRefusal.allCases {
            body.writeString(
                "colony_cluster_ignored_total{reason=\"\(reason)\"} \(statistics.refusals[reason] ?? 0)\n")
        }
    }

    /// What it tells of the election.
    static func write(_ node: ElectionNode, to body: inout ByteBuffer) {
        let standing = node.standing
        let statistics = node.statistics
        self.write(
            [
                (
                    "colony_cluster_leads", .gauge, node.leadership == nil ? 0 : 1,
                    "Whether this server leads its cluster."
                ),
                (
                    "colony_cluster_has_leader", .gauge, standing.leader == nil ? 0 : 1,
                    "Whether this server has heard of a leader."
                ),
                (
                    "colony_cluster_term", .gauge, Int(clamping: standing.term.rawValue),
                    "The latest term of the election."
                ),
                (
                    "colony_cluster_voters", .gauge, standing.members.count { $0.member.role == .voter },
                    "How many servers vote."
                ),
                (
                    "colony_cluster_votes_sent_total", .counter, statistics.packetsSent,
                    "Packets of the election that were sent."
                ),
                (
                    "colony_cluster_votes_dropped_total", .counter, statistics.packetsDropped,
                    "Packets of the election that could not be sent."
                ),
                (
                    "colony_cluster_votes_ignored_total", .counter, statistics.refused,
                    "What came for the election and was not taken."
                ),
            ], to: &body)
    }

    private static func write(
        _ numbers: [(name: String, kind: PrometheusRegistry.Kind, value: Int, help: String)], to body: inout ByteBuffer
    ) {
        for number in numbers {
            PrometheusRegistry.writeHeader(number.name, number.kind, help: number.help, to: &body)
            body.writeString("\(number.name) \(number.value)\n")
        }
    }
}
