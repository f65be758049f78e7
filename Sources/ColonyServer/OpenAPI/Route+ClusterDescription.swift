extension Route {
    /// What the document says of a route of the cluster.
    var clusterDescription: RouteDescription {
        switch self {
        case .readCluster:
            RouteDescription(
                summary: "Tell who is in the cluster, as this server sees it.",
                success: "The members by their names, with those that are gone for as long as they are remembered.",
                answer: "Cluster", problems: [.invalidRequest, .unknownField])
        case .leaveCluster:
            RouteDescription(
                summary: "Have this server leave its cluster. It serves on, and joins again when it is started again.",
                success: "It has said good-bye.", answer: "ClusterLeft", problems: [])
        default: preconditionFailure("\(self) is no route of the cluster")
        }
    }
}
