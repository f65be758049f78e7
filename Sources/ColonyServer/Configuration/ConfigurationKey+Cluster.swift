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
    ]
}
