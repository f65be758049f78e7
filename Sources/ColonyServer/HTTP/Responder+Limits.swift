import ColonyCore
import ColonyResilience
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of limits and of switches.
    func answerLimit(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> Answer {
        switch match.route {
        case .listLimits: return try await self.rateLimits.list(match.query, token: token)
        case .takeLimits:
            return try await self.rateLimits.takeMany(body: try await self.body(of: request), token: token)
        case .takeLimit:
            let name = try self.limitName(match.name, token)
            return try await self.rateLimits.take(name, body: try await self.body(of: request))
        case .inspectLimit:
            return try await self.rateLimits.inspect(try self.limitName(match.name, token), query: match.query)
        case .resetLimit:
            defer { self.hub.poke(.switches) }
            return try await self.rateLimits.reset(try self.limitName(match.name, token))
        case .listSwitches: return try await self.switches.list(match.query, token: token)
        case .setSwitch:
            defer { self.hub.poke(.switches) }
            let id = try self.switchID(match, token)
            return try await self.switches.set(id, body: try await self.body(of: request))
        default: preconditionFailure("\(match.route) is no route of limits or of switches")
        }
    }

    private func switchID(_ match: RouteMatch, _ token: AccessToken?) throws(Problem) -> SwitchID {
        let text = try PercentDecoding.name(match.name, of: "kind of switch", atMost: NameRules.maximumBytes)
        guard let kind = SwitchID.Kind(rawValue: text) else {
            let kinds = SwitchID.Kind.allCases.map(\.rawValue).joined(separator: " and ")
            throw Problem(.invalidName, "\(NameRules.quoted(text)) is no kind of switch: \(kinds) are")
        }
        let name = try PercentDecoding.name(match.item, of: "switch", atMost: self.limits.nameBytes)
        try token?.check(name)
        do throws(ResilienceError) {
            return try SwitchID(kind, name)
        } catch {
            throw Problem(.invalidName, error.message)
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
