/// Finding the routes of the cluster.
extension RouteMatch {
    private static let clusterPath = Array("/v1/cluster".utf8)
    private static let leavePath = Array("/v1/cluster/leave".utf8)

    /// The routes with a path that is one of those of the cluster; `nil` for any other path.
    static func clusterCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        if path.elementsEqual(self.clusterPath) { return (self.clusterRoutes, nothing, nothing) }
        if path.elementsEqual(self.leavePath) { return (self.leaveRoutes, nothing, nothing) }
        return nil
    }

    // Kept, because array literals allocate.
    private static let clusterRoutes: [Route] = [.readCluster]
    private static let leaveRoutes: [Route] = [.leaveCluster]
}
