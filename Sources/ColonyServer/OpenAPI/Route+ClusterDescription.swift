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
        case .handOverCluster:
            RouteDescription(
                summary: "Have another server lead the cluster. Ask the one that leads.",
                success: "Whether anything has to change: the other one leads soon.", request: "HandOverRequest",
                answer: "Changed",
                problems: [.invalidName, .notLeader, .noMajority, .changePending, .invalidConfiguration, .draining])
        case .setVoter:
            RouteDescription(
                summary: "Have a member vote or look on, or give it another priority. Ask the server that leads.",
                success: "Whether this changed anything.", request: "VoterRequest", answer: "Changed",
                problems: [
                    .invalidName, .notFound, .notLeader, .noMajority, .changePending, .invalidConfiguration, .draining,
                ])
        case .removeVoter:
            RouteDescription(
                summary: "Have a server neither vote nor look on any more. Ask the server that leads.",
                success: "Whether this changed anything.", answer: "Changed",
                problems: [.invalidName, .notLeader, .noMajority, .changePending, .invalidConfiguration, .draining])
        default: preconditionFailure("\(self) is no route of the cluster")
        }
    }
}
