public import ColonyCluster
public import ColonyCore

/// What a ``ClusterNode`` is called, where it listens, whom it asks for its cluster, and how much it takes.
public struct ClusterNodeConfiguration: Sendable {
    /// Where members listen unless said otherwise: the port that Serf and memberlist have.
    public static let defaultPort = 7_946

    /// The name of the cluster. Members of clusters of different names do not hear each other.
    public let cluster: ClusterName
    /// What the node is called in it.
    public let name: NodeID
    /// Where it listens: an address of this host, or a name that leads to one.
    public let host: String
    /// The port for datagrams and connections; 0 for any that is free for both.
    public let port: Int
    /// The host by which others reach it.
    public let advertisedHost: String
    /// The port by which others reach it; `nil` for the one that it listens at.
    public let advertisedPort: Int?
    /// How what is sent is protected.
    public let protection: ClusterProtection
    /// Members that are asked for the cluster, each by an address or a name. One that is the node itself is skipped.
    public let seeds: [MemberAddress]
    /// What is asked for more of them.
    public let seedSource: (any ClusterSeedSource)?
    /// What the node says of itself.
    public let metadata: [UInt8]
    /// How patient and how talkative it is.
    public let membership: MembershipSettings
    /// How much it takes from others.
    public let limits: ClusterLimits
    /// For how long it says good-bye when its ``ClusterNode/run()`` is cancelled.
    public let leaveTimeout: Duration

    /// Makes a configuration from values that may come from outside.
    ///
    /// - Parameters:
    ///   - port: From 0 to 65,535.
    ///   - advertisedHost: `host` unless said otherwise. Has to be said where `host` stands for all addresses, such as `0.0.0.0`, and where an address is translated on the way. Prefer
    ///     a number: a name is looked up again and again.
    ///   - advertisedPort: From 1 to 65,535, for where ports are translated on the way.
    ///   - protection: A keyring, unless all members are on this host.
    ///   - seeds: At most 1,000. Without seeds and without a source of them it is the first member of a cluster.
    ///   - metadata: At most ``MembershipLimits/metadataBytes``.
    ///   - leaveTimeout: From zero to a minute.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        cluster: ClusterName, name: NodeID, host: String = "127.0.0.1", port: Int = Self.defaultPort,
        advertisedHost: String? = nil, advertisedPort: Int? = nil, protection: ClusterProtection,
        seeds: [MemberAddress] = [], seedSource: (any ClusterSeedSource)? = nil, metadata: [UInt8] = [],
        membership: MembershipSettings, limits: ClusterLimits = .standard, leaveTimeout: Duration = .seconds(3)
    ) throws(ClusterError) {
        let advertisedHost = advertisedHost ?? host
        for (text, role) in [(host, "host"), (advertisedHost, "host of a member")] {
            if let defect = NameRules.defect(in: text) {
                throw ClusterError(.invalidConfiguration, "\(NameRules.quoted(text)) cannot be the \(role): \(defect)")
            }
        }
        var defects = [
            SettingRange.defect(of: port, in: 0...65_535, as: "the port of a member"),
            SettingRange.defect(of: seeds.count, in: 0...1_000, as: "the number of seeds"),
            SettingRange.defect(
                of: metadata.count, in: 0...MembershipLimits.metadataBytes, as: "the number of bytes of metadata"),
            SettingRange.defect(of: leaveTimeout, in: .zero ... .seconds(60), as: "the time for saying good-bye"),
        ]
        if let advertisedPort {
            defects.append(SettingRange.defect(of: advertisedPort, in: 1...65_535, as: "the port for others"))
        }
        if let defect = defects.lazy.compactMap(\.self).first { throw ClusterError(.invalidConfiguration, defect) }
        if TransportAddress.isWildcard(advertisedHost) {
            throw ClusterError(
                .invalidConfiguration,
                "nobody is reached at \(NameRules.quoted(advertisedHost)), which stands for all addresses: advertise one of them"
            )
        }
        if case .certificates = protection {
            throw ClusterError(
                .invalidConfiguration,
                "datagrams between members cannot be protected by certificates: give the cluster a key")
        }
        if case .unsealedOnLoopback = protection, !TransportAddress.isLoopback(host) {
            throw ClusterError(
                .invalidConfiguration,
                "a cluster without a key at \(NameRules.quoted(host)) takes whatever anybody sends: give it a key, or "
                    + "listen at a loopback address")
        }
        self.cluster = cluster
        self.name = name
        self.host = host
        self.port = port
        self.advertisedHost = advertisedHost
        self.advertisedPort = advertisedPort
        self.protection = protection
        self.seeds = seeds
        self.seedSource = seedSource
        self.metadata = metadata
        self.membership = membership
        self.limits = limits
        self.leaveTimeout = leaveTimeout
    }
}

/// How what members send each other is protected.
public enum ClusterProtection: Sendable {
    /// Sealed with the keys of the cluster: nobody without one can read it, change it, or take part.
    case keyring(ClusterKeyring)
    /// By TLS with a certificate of each node. For elections only: members of a cluster send datagrams, which have to be sealed.
    case certificates(NodeCertificates)
    /// Not at all, and only on loopback addresses.
    case unsealedOnLoopback
    /// Not at all. Everybody who reaches the port can be a member, and remove others.
    case unsealedOnAnyNetwork

    /// The keyring, if there is one.
    var keyring: ClusterKeyring? {
        if case .keyring(let keyring) = self { keyring } else { nil }
    }

    /// The certificates, if there are any.
    var certificates: NodeCertificates? {
        if case .certificates(let certificates) = self { certificates } else { nil }
    }
}
