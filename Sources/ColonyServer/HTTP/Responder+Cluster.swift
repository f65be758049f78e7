extension Responder {
    /// Answers a request to one of the routes of the cluster.
    func answerCluster(_ match: RouteMatch) async throws(Problem) -> Answer {
        switch match.route {
        case .readCluster: return try self.cluster.read(query: match.query)
        case .leaveCluster: return try await self.cluster.leave()
        default: preconditionFailure("\(match.route) is no route of the cluster")
        }
    }
}
