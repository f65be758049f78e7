import ColonyCore
import ColonyResilience
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of limits.
    func answerLimit(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> Answer {
        switch match.route {
        case .listLimits: return try await self.rateLimits.list(match.query, token: token)
        case .takeLimits: return try await self.rateLimits.takeMany(body: try await self.body(of: request), token: token)
        case .takeLimit:
            let name = try self.limitName(match.name, token)
            return try await self.rateLimits.take(name, body: try await self.body(of: request))
        case .inspectLimit:
            return try await self.rateLimits.inspect(try self.limitName(match.name, token), query: match.query)
        case .resetLimit: return try await self.rateLimits.reset(try self.limitName(match.name, token))
        default: preconditionFailure("\(match.route) is no route of limits")
        }
    }

    private func limitName(_ text: Substring.UTF8View, _ token: AccessToken?) throws(Problem) -> RateLimitName {
        let text = try PercentDecoding.name(text, of: "limit", atMost: self.limits.nameBytes)
        try token?.check(text)
        do throws(InvalidName) {
            return try RateLimitName(text)
        } catch {
            throw Problem(error)
        }
    }
}
