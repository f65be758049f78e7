public import ColonyCore

/// What a node must not forget: its term, whom it voted for, and who the voters are.
///
/// It is on the disk, synced, before any message leaves that follows from it. A node that forgot it could vote twice in a term, and two leaders
/// would have the same term. So a node whose record is lost must not be started under its name again; remove it from the set, and add a new
/// one.
public struct VoteRecord: Hashable, Sendable {
    /// The cluster that the node belongs to.
    public let cluster: ClusterName
    /// The node whose record it is.
    public let node: NodeID
    /// The latest term that the node has heard of.
    public internal(set) var term: UInt64
    /// Whom it voted for in that term; `nil` if for nobody.
    public internal(set) var vote: NodeID?
    /// The newest set of voters that it was told of.
    public internal(set) var configuration: VoterConfiguration
    /// How often the node was started.
    public internal(set) var starts: UInt64
    /// How long the node may have promised a leader to vote for nobody else, at the most: after a restart it does not know since when.
    public internal(set) var promise: Duration
    /// One more with each change.
    public internal(set) var revision: UInt64

    init(
        cluster: ClusterName, node: NodeID, term: UInt64, vote: NodeID?, configuration: VoterConfiguration,
        starts: UInt64, promise: Duration, revision: UInt64
    ) {
        self.cluster = cluster
        self.node = node
        self.term = term
        self.vote = vote
        self.configuration = configuration
        self.starts = starts
        self.promise = promise
        self.revision = revision
    }

    /// The record of a node that founds a cluster together with others.
    ///
    /// - Important: All founders must be given the same set. Two that are given different ones notice, and do not vote for each other.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if the node is not in the set.
    public init(founding cluster: ClusterName, node: NodeID, set: VoterSet) throws(ClusterError) {
        guard set[node] != nil else {
            throw ClusterError(
                .invalidConfiguration,
                "\(NameRules.quoted(node.rawValue)) is none of those who found the cluster \(cluster): \(set)")
        }
        self.init(
            cluster: cluster, node: node, term: 0, vote: nil,
            configuration: VoterConfiguration(term: 0, version: 1, set: set), starts: 0, promise: .zero, revision: 0)
    }

    /// The record of a node that joins a cluster: it is silent until a leader has added it, and told it of the set.
    public init(joining cluster: ClusterName, node: NodeID) {
        self.init(
            cluster: cluster, node: node, term: 0, vote: nil, configuration: .unknown, starts: 0, promise: .zero,
            revision: 0)
    }

    /// Checks that it is the record of a node, and not one that came along with a directory of another node.
    ///
    /// - Throws: ``ClusterError`` with code `foreignRecord`, which names both.
    public func check(cluster: ClusterName, node: NodeID) throws(ClusterError) {
        guard self.cluster == cluster, self.node == node else {
            throw ClusterError(
                .foreignRecord,
                """
                the record of votes is that of \(NameRules.quoted(self.node.rawValue)) in the cluster \
                \(NameRules.quoted(self.cluster.rawValue)), and this is \(NameRules.quoted(node.rawValue)) in \
                \(NameRules.quoted(cluster.rawValue)): the directory was copied or the name was changed
                """)
        }
    }
}
