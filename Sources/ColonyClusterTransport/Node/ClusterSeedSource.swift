public import ColonyCluster

/// Where a node finds members that know the cluster: a registry, a database, an orchestrator.
///
/// It is asked when the node starts, and again while the node knows nobody else.
public protocol ClusterSeedSource: Sendable {
    /// Addresses of members, in any order, of the node itself among them or not.
    ///
    /// An answer without any means that the node is the first of its cluster; if it is not, both clusters become one as soon as a later answer has them. An error
    /// means that it is not known: the node does not start a cluster of its own, and asks again.
    ///
    /// - Returns: At most 1,000 are looked at. It is given up after ten seconds.
    func seeds() async throws -> [MemberAddress]
}
