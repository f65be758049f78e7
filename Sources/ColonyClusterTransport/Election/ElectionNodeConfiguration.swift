public import ColonyCluster
public import ColonyCore

/// Which election an ``ElectionNode`` takes part in, as whom, and where.
public struct ElectionNodeConfiguration: Sendable {
    /// How a node begins that has nothing written down yet.
    public enum Beginning: Hashable, Sendable {
        /// Together with the others of a set, which all of them are given.
        case founding(VoterSet)
        /// In a cluster that is there, whose leader adds it.
        case joining
    }

    /// What is elected: the name under which an `Election` campaigns.
    public let election: LeaseName
    /// The cluster. Nodes of another one are not heard.
    public let cluster: ClusterName
    /// What the node is called.
    public let node: NodeID
    /// How it begins, the first time.
    public let beginning: Beginning
    /// Where the others listen.
    public let addresses: [NodeID: MemberAddress]
    /// Where it listens.
    public let host: String
    /// The port that it listens at; 0 for any that is free.
    public let port: Int
    /// A directory of its own, in which it writes its votes down.
    public let directory: String
    /// How what is sent is protected.
    public let protection: ClusterProtection
    /// How patient it is.
    public let settings: VotingSettings

    /// Makes a configuration.
    ///
    /// - Parameters:
    ///   - addresses: Those of all nodes that it may have to do with; its own may be among them.
    ///   - host: An address of this host, or a name that leads to one.
    ///   - port: From 0 to 65,535.
    ///   - protection: A keyring or certificates, unless all nodes are on this host: without them everybody who reaches the port can vote.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        election: LeaseName, cluster: ClusterName, node: NodeID, beginning: Beginning,
        addresses: [NodeID: MemberAddress], host: String = "127.0.0.1", port: Int, directory: String,
        protection: ClusterProtection, settings: VotingSettings
    ) throws(ClusterError) {
        if let defect = SettingRange.defect(of: port, in: 0...65_535, as: "the port of an election") {
            throw ClusterError(.invalidConfiguration, defect)
        }
        if case .unsealedOnLoopback = protection, !TransportAddress.isLoopback(host) {
            throw ClusterError(
                .invalidConfiguration,
                "an election without a key at \(NameRules.quoted(host)) takes whatever anybody sends: give it a key, or "
                    + "listen at a loopback address")
        }
        if case .founding(let set) = beginning {
            guard set[node] != nil else {
                throw ClusterError(
                    .invalidConfiguration,
                    "\(NameRules.quoted(node.rawValue)) is none of those who found the cluster: \(set)")
            }
            for member in set.members where member.id != node && addresses[member.id] == nil {
                throw ClusterError(
                    .invalidConfiguration,
                    "\(NameRules.quoted(member.id.rawValue)) founds the cluster as well, and its address is missing")
            }
        }
        self.election = election
        self.cluster = cluster
        self.node = node
        self.beginning = beginning
        self.addresses = addresses
        self.host = host
        self.port = port
        self.directory = directory
        self.protection = protection
        self.settings = settings
    }
}
