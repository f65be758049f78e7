extension ConfigurationKey {
    /// What can be set about the cluster.
    static let cluster: [ConfigurationKey] = [
        text("cluster.name", nil, "The cluster to be a member of. Without it the server is by itself.") {
            $0.cluster.name = $1
        },
        text(
            "cluster.node", nil,
            "What the server is called in its cluster, where no two may have one name. Without it, the name of the host."
        ) { $0.cluster.node = $1 },
        text(
            "cluster.host", "127.0.0.1",
            "The address to listen on for other members. Another than loopback needs cluster.key_file."
        ) { $0.cluster.host = $1 },
        integer(
            "cluster.port", "port", 0...65_535, 7_946,
            "The port to listen on for other members, by UDP and TCP; 0 takes one that is free for both."
        ) { $0.cluster.port = $1 },
        text(
            "cluster.advertise", nil,
            "How other members reach the server, as host:port, where that is not where it listens."
        ) { $0.cluster.advertise = $1 },
        ConfigurationKey(
            name: "cluster.join", type: Self.list, defaultValue: nil,
            meaning: "Members to ask for the others, each as host:port. Without any, the server is the first one."
        ) { value, configuration throws(Refusal) in
            configuration.cluster.join = Self.parts(of: value).map(String.init)
        },
        text(
            "cluster.key_file", nil,
            "A file with the keys of the cluster, each of 16, 24, or 32 bytes in base 64 or hexadecimal, one a line. "
                + "The first one seals, the others open what is sealed with them."
        ) { $0.cluster.keyFile = $1 },
        ConfigurationKey(
            name: "cluster.voters", type: Self.list, defaultValue: nil,
            meaning:
                "Who elects the leader of the cluster, each as name=host:port, the same list for all servers; best three or "
                + "five. A server that is not in it joins, and votes when it is added. Without any there is no leader."
        ) { value, configuration throws(Refusal) in
            configuration.cluster.voters = Self.parts(of: value).map(String.init)
        },
        integer(
            "cluster.election_port", "port", 0...65_535, nil,
            "The port to listen on for the others that vote, on cluster.host. Without it, the one in cluster.voters, or "
                + "\(DaemonConfiguration.Cluster.defaultElectionPort)."
        ) { $0.cluster.electionPort = $1 },
        duration(
            "cluster.election_timeout", "1s",
            "How long voters wait for a leader that is not heard before they elect another one. One that dies is replaced after one to "
                + "two of it; a shorter one replaces it for nothing when a host or the network stalls."
        ) { $0.cluster.electionTimeout = $1 },
        choice(
            "cluster.schedules", DaemonConfiguration.Cluster.SchedulePublishers.allCases.map(\.rawValue), "store",
            "Who publishes for schedules: whoever has the store, which lets each tick be taken once, or the leader, for servers that "
                + "have the same schedules in stores of their own."
        ) { $0.cluster.schedules = .init(rawValue: $1) ?? .store },
    ]
}
