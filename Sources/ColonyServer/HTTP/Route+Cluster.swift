/// Finding the routes of the cluster.
extension RouteMatch {
    private static let clusterPrefix = Array("/v1/cluster".utf8)
    private static let leave = Array("leave".utf8)
    private static let leader = Array("leader".utf8)
    private static let voters = Array("voters".utf8)

    /// The routes with a path that is one of those of the cluster; `nil` for any other path.
    static func clusterCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        guard let (word, rest) = self.parts(of: path, below: self.clusterPrefix) else { return nil }
        guard let word else { return (self.clusterRoutes, nothing, nothing) }
        if let rest {
            let isVoter = word.elementsEqual(self.voters) && !rest.contains(UInt8(ascii: "/"))
            return (isVoter ? self.voterRoutes : [], rest, nothing)
        }
        if word.elementsEqual(self.leave) { return (self.leaveRoutes, nothing, nothing) }
        if word.elementsEqual(self.leader) { return (self.leaderRoutes, nothing, nothing) }
        return ([], nothing, nothing)
    }

    // Kept, because array literals allocate.
    private static let clusterRoutes: [Route] = [.readCluster]
    private static let leaveRoutes: [Route] = [.leaveCluster]
    private static let leaderRoutes: [Route] = [.handOverCluster]
    private static let voterRoutes: [Route] = [.setVoter, .removeVoter]
}
