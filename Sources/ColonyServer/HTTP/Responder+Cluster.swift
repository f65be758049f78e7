import ColonyCore
import HummingbirdCore

extension Responder {
    /// Answers a request to one of the routes of the cluster.
    func answerCluster(_ match: RouteMatch, _ request: Request) async throws(Problem) -> Answer {
        switch match.route {
        case .readCluster: return try self.cluster.read(query: match.query)
        case .leaveCluster: return try await self.cluster.leave()
        case .handOverCluster: return try await self.cluster.handOver(body: try await self.body(of: request))
        case .setVoter, .removeVoter: return try await self.answerVoter(match, request)
        default: preconditionFailure("\(match.route) is no route of the cluster")
        }
    }

    private func answerVoter(_ match: RouteMatch, _ request: Request) async throws(Problem) -> Answer {
        let text = try PercentDecoding.name(match.name, of: "node name", atMost: self.limits.nameBytes)
        let node: NodeID
        do throws(InvalidName) {
            node = try NodeID(text)
        } catch {
            throw Problem(error)
        }
        if match.route == .removeVoter { return try await self.cluster.removeVoter(node) }
        return try await self.cluster.setVoter(node, body: try await self.body(of: request))
    }
}
