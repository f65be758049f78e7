import ColonyCluster

/// A member of a cluster in a process of its own, which tests kill and stop.
@main struct ClusterProbe {
    static func main() async throws {}
}
