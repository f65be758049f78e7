import ColonyBalancing
import ColonyCore
import ColonyProxy
import Logging
import NIOCore

/// What the routes of proxies do, apart from HTTP.
final class ProxyService: Sendable {
    let fleet: ProxyFleet
    private let limits: DaemonConfiguration.Limits
    private let clock: any MonotonicClock

    init(fleet: ProxyFleet, limits: DaemonConfiguration.Limits, clock: any MonotonicClock) {
        self.fleet = fleet
        self.limits = limits
        self.clock = clock
    }

    private func proxy(_ name: String) throws(Problem) -> RunningProxy {
        guard let proxy = self.fleet.proxy(named: name) else {
            throw Problem(.notFound, "there is no proxy \(NameRules.quoted(name))")
        }
        return proxy
    }

    private func upstream(_ name: String, in proxy: String) throws(Problem) -> RunningUpstream {
        guard let upstream = try self.proxy(proxy).upstream(named: name) else {
            throw Problem(.notFound, "the proxy \(NameRules.quoted(proxy)) has no upstream \(NameRules.quoted(name))")
        }
        return upstream
    }

    // MARK: Looking

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        var summaries: [JSONValue] = []
        for proxy in self.fleet.proxies where token?.covers(proxy.name) ?? true {
            summaries.append(ProxyAnswers.summary(of: proxy, await proxy.server.statistics()))
        }
        return self.answer(["proxies": .array(summaries)])
    }

    func inspect(_ name: String, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let proxy = try self.proxy(name)
        let statistics = await proxy.server.statistics()
        return self.answer(ProxyAnswers.state(of: proxy, statistics, now: self.clock.now))
    }

    /// Why a call would go where it goes.
    func explain(_ proxy: String, _ name: String, query: Substring.UTF8View) throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["key", "client"])
        let upstream = try self.upstream(name, in: proxy)
        let context: PickContext
        switch (parameters["key"], parameters["client"]) {
        case (nil, nil): context = PickContext()
        case (let key?, nil): context = PickContext(key: key)
        case (nil, let client?): context = PickContext(clientAddress: client)
        case (_?, _?): throw Problem(.invalidRequest, "key and client exclude each other")
        }
        return self.answer(ProxyAnswers.explanation(upstream.core.balancer.explain(context)))
    }

    // MARK: Changing

    func set(
        _ endpoint: EndpointName, of name: String, in proxy: String, body: ByteBuffer
    ) async throws(Problem) -> Answer {
        let request = try SetEndpointRequest(body)
        let running = try self.proxy(proxy)
        let upstream = try self.upstream(name, in: proxy)
        let balancer = upstream.core.balancer
        guard balancer.endpoints.contains(where: { $0.name == endpoint }) else {
            throw Problem(
                .notFound,
                "the upstream \(NameRules.quoted(name)) has no endpoint \(NameRules.quoted(endpoint.rawValue))")
        }
        do throws(BalancingError) {
            if let weight = request.weight {
                try upstream.core.setWeight(weight == 0 ? nil : weight, of: endpoint)
            }
            if let state = request.state {
                try upstream.core.setState(state.administrative, of: endpoint)
                // Whoever says that it is to take calls does not want to wait for the end of an ejection.
                if state == .enabled { try balancer.restore(endpoint) }
            }
        } catch {
            throw Problem(error.code == .unknownEndpoint ? .notFound : .invalidRequest, error.message)
        }
        self.fleet.place.changed()
        self.fleet.place.logger.notice(
            "endpoint changed by an operator",
            metadata: [
                "proxy": "\(proxy)", "upstream": "\(name)", "endpoint": "\(endpoint)",
                "state": "\(request.state?.rawValue ?? "as before")",
                "weight": "\(request.weight.map { "\($0)" } ?? "as before")",
            ])
        let statistics = await running.server.statistics()
        guard let answer = ProxyAnswers.endpoint(endpoint, of: upstream, statistics) else {
            throw Problem(.notFound, "the endpoint \(NameRules.quoted(endpoint.rawValue)) has gone meanwhile")
        }
        return self.answer(answer)
    }

    func reload(token: AccessToken?) async throws(Problem) -> Answer {
        if let token, !token.prefixes.isEmpty {
            throw Problem(
                .forbidden,
                "token \(NameRules.quoted(token.name)) is for some names only, and this would change all proxies")
        }
        let changes: ProxyFleet.Changes
        do throws(DaemonError) {
            changes = try await self.fleet.reload()
        } catch {
            throw Problem(.invalidConfiguration, error.message)
        }
        func names(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }
        return self.answer([
            "added": names(changes.added), "kept": names(changes.kept), "removed": names(changes.removed),
        ])
    }

    private func answer(_ value: JSONValue) -> Answer {
        Answer(capacity: 4_096) { value.write(to: &$0) }
    }
}
