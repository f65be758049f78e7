import ColonyBalancing
import ColonyCore
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of proxies.
    func answerProxy(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> Answer {
        switch match.route {
        case .listProxies: return try await self.proxies.list(match.query, token: token)
        case .reloadProxies: return try await self.proxies.reload(token: token)
        case .inspectProxy: return try await self.proxies.inspect(try self.proxy(match, token), query: match.query)
        case .explainPick:
            let (proxy, parts) = (try self.proxy(match, token), self.parts(of: match))
            let upstream = try PercentDecoding.name(parts[0], of: "upstream", atMost: self.limits.nameBytes)
            return try self.proxies.explain(proxy, upstream, query: match.query)
        case .setEndpoint:
            let (proxy, parts) = (try self.proxy(match, token), self.parts(of: match))
            let upstream = try PercentDecoding.name(parts[0], of: "upstream", atMost: self.limits.nameBytes)
            let name = try PercentDecoding.name(parts[2], of: "endpoint", atMost: self.limits.nameBytes)
            let endpoint: EndpointName
            do throws(InvalidName) {
                endpoint = try EndpointName(name)
            } catch {
                throw Problem(error)
            }
            return try await self.proxies.set(endpoint, of: upstream, in: proxy, body: try await self.body(of: request))
        default: preconditionFailure("\(match.route) is no route of proxies")
        }
    }

    private func proxy(_ match: RouteMatch, _ token: AccessToken?) throws(Problem) -> String {
        let name = try PercentDecoding.name(match.name, of: "proxy", atMost: self.limits.nameBytes)
        try token?.check(name)
        return name
    }

    private func parts(of match: RouteMatch) -> [Substring.UTF8View] {
        match.item.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }
}
