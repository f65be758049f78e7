import ColonyBalancing
import ColonyCore
import ColonyProxy

/// What the API tells of proxies.
enum ProxyAnswers {
    // MARK: Proxies

    static func summary(of proxy: RunningProxy, _ statistics: ProxyStatistics) -> JSONValue {
        let statuses = proxy.upstreams.flatMap { $0.core.balancer.status }
        return .object([
            ("name", .string(proxy.name)), ("mode", .string(Self.mode(proxy))),
            ("listen", .array(proxy.addresses.map { .string($0) })),
            ("upstreams", .number(UInt64(proxy.upstreams.count))),
            ("routes", .number(UInt64(proxy.definition.settings.routes.count))),
            ("endpoints", .number(UInt64(statuses.count))),
            ("endpoints_in_service", .number(UInt64(statuses.count { $0.state == .inService }))),
            ("traffic", Self.traffic(statistics.traffic)),
        ])
    }

    static func state(
        of proxy: RunningProxy, _ statistics: ProxyStatistics, now: MonotonicInstant
    ) -> JSONValue {
        let settings = proxy.definition.settings
        return .object([
            ("name", .string(proxy.name)), ("mode", .string(Self.mode(proxy))),
            ("listen", .array(proxy.addresses.map { .string($0) })),
            ("workers", .number(UInt64(settings.workers ?? ProxyFleet.processorCount))),
            ("tls", .bool(settings.tls != nil)), ("now_ms", .number(UInt64(max(0, now.nanoseconds / 1_000_000)))),
            ("traffic", Self.traffic(statistics.traffic)), ("latency", Self.latency(statistics.latency)),
            (
                "routes",
                .array(settings.routes.map { route in Self.route(route, statistics.routes) })
            ), ("upstreams", .array(proxy.upstreams.map { Self.upstream($0, statistics, now: now) })),
        ])
    }

    private static func mode(_ proxy: RunningProxy) -> String {
        proxy.definition.settings.mode == .http ? "http" : "tcp"
    }

    private static func traffic(_ traffic: ProxyStatistics.Traffic) -> JSONValue {
        .object([
            ("connections", .number(traffic.connections)),
            ("refused_connections", .number(traffic.refusedConnections)),
            ("active_connections", Self.count(traffic.activeConnections)), ("requests", .number(traffic.requests)),
            ("active_requests", Self.count(traffic.activeRequests)), ("answers", Self.answers(traffic.answers)),
            ("own_answers", .number(traffic.ownAnswers)), ("bytes_from_clients", .number(traffic.bytesFromClients)),
            ("bytes_to_clients", .number(traffic.bytesToClients)), ("retries", .number(traffic.retries)),
            ("refused_retries", .number(traffic.refusedRetries)),
            ("abandoned_requests", .number(traffic.abandonedRequests)),
            ("broken_answers", .number(traffic.brokenAnswers)), ("timeouts", .number(traffic.timeouts)),
        ])
    }

    private static func answers(_ answers: ProxyStatistics.AnswerCounts) -> JSONValue {
        .object([
            ("1xx", .number(answers.informational)), ("2xx", .number(answers.successful)),
            ("3xx", .number(answers.redirected)), ("4xx", .number(answers.refused)), ("5xx", .number(answers.failed)),
        ])
    }

    private static func latency(_ latency: LatencyCounts) -> JSONValue {
        var members: [(String, JSONValue)] = [("count", .number(latency.count))]
        for (name, share) in [("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99), ("p999_ms", 0.999)] {
            if let value = latency.quantile(share) { members.append((name, Self.milliseconds(value))) }
        }
        return .object(members)
    }

    // MARK: Routes

    private static func route(_ route: ProxyRoute, _ all: [ProxyStatistics.RouteTraffic]) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("name", .string(route.name)), ("match", .string(Self.text(of: route.match))),
            ("action", .string(Self.text(of: route.action))),
        ]
        if case .forward(let forward) = route.action { members.append(("upstream", .string(forward.upstream))) }
        if let traffic = all.first(where: { $0.name == route.name }) {
            members += [
                ("requests", .number(traffic.requests)), ("active_requests", Self.count(traffic.activeRequests)),
                ("answers", Self.answers(traffic.answers)), ("refused_by_rate", .number(traffic.refusedByRate)),
                ("refused_by_concurrency", .number(traffic.refusedByConcurrency)),
                ("refused_by_breaker", .number(traffic.refusedByBreaker)),
            ]
            if let breaker = traffic.breaker { members.append(("breaker", .string("\(breaker)"))) }
        }
        return .object(members)
    }

    /// Which requests are meant, in a line.
    private static func text(of match: ColonyProxy.RouteMatch) -> String {
        var parts: [String] = []
        if !match.hosts.isEmpty { parts.append(match.hosts.joined(separator: " or ")) }
        switch match.path {
        case .any: break
        case .exact(let path): parts.append("= \(path)")
        case .prefix(let path): parts.append(path.hasSuffix("/") ? "\(path)…" : "\(path)/…")
        }
        if !match.methods.isEmpty { parts.append(match.methods.joined(separator: " or ")) }
        parts += match.headers.map { header in
            switch header.test {
            case .present: "with \(header.name)"
            case .absent: "without \(header.name)"
            // A value may be a secret between proxies.
            case .exact: "with one value of \(header.name)"
            case .prefix: "with a beginning of \(header.name)"
            case .contains: "with a part of \(header.name)"
            }
        }
        if let isSecure = match.isSecure { parts.append(isSecure ? "with TLS" : "without TLS") }
        return parts.isEmpty ? "everything" : parts.joined(separator: ", ")
    }

    private static func text(of action: RouteAction) -> String {
        switch action {
        case .forward: "forward"
        case .redirect(let redirect): "redirect \(redirect.status)"
        case .respond(let answer): "respond \(answer.status)"
        }
    }

    // MARK: Upstreams

    private static func upstream(
        _ upstream: RunningUpstream, _ statistics: ProxyStatistics, now: MonotonicInstant
    ) -> JSONValue {
        let definition = upstream.definition
        let checks = Dictionary(grouping: upstream.checker?.status ?? [], by: \.endpoint)
        return .object([
            ("name", .string(definition.name)),
            ("algorithm", .string("\(definition.options.algorithm)")),
            ("source", Self.source(upstream, now: now)),
            ("tls", .bool(definition.tls != nil)),
            ("checks", .array(definition.checks.map { .string($0.name) })),
            (
                "endpoints",
                .array(
                    upstream.core.balancer.status.map { status in
                        Self.endpoint(status, of: upstream, statistics, checks[status.endpoint.name] ?? [])
                    })
            ),
        ])
    }

    private static func source(_ upstream: RunningUpstream, now: MonotonicInstant) -> JSONValue {
        guard let status = upstream.source?.status else { return ["kind": "file"] }
        var members: [(String, JSONValue)] = [
            ("kind", .string(upstream.definition.source.kind)), ("name", .string(status.source)),
            ("found", .number(UInt64(status.endpoints))), ("failures", .number(UInt64(status.failures))),
        ]
        if let problem = status.problem { members.append(("problem", .string(problem))) }
        if let found = status.lastFound {
            members.append(("found_ago_ms", .number(UInt64(max(0, found.duration(to: now).clampedMilliseconds)))))
        }
        return .object(members)
    }

    // MARK: Endpoints

    /// One endpoint; `nil` if it is not there.
    static func endpoint(
        _ name: EndpointName, of upstream: RunningUpstream, _ statistics: ProxyStatistics
    ) -> JSONValue? {
        let checks = (upstream.checker?.status ?? []).filter { $0.endpoint == name }
        return upstream.core.balancer.status.first { $0.endpoint.name == name }.map {
            Self.endpoint($0, of: upstream, statistics, checks)
        }
    }

    private static func endpoint(
        _ status: EndpointStatus, of upstream: RunningUpstream, _ statistics: ProxyStatistics, _ checks: [HealthStatus]
    ) -> JSONValue {
        let endpoint = status.endpoint
        var members: [(String, JSONValue)] = [
            ("name", .string(endpoint.name.rawValue)), ("address", .string("\(endpoint.address)")),
            ("weight", .number(UInt64(endpoint.weight))),
            ("weight_is_set", .bool(upstream.core.weight(of: endpoint.name) != nil)),
        ]
        if let zone = endpoint.zone { members.append(("zone", .string(zone))) }
        members += [
            ("priority", .number(UInt64(endpoint.priority))), ("state", .string(status.state.label)),
            ("reasons", .array(status.reasons.map { .string($0) })),
            ("calls_under_way", Self.count(status.callsUnderWay)), ("successes", .number(status.successes)),
            ("failures", .number(status.failures)), ("connect_failures", .number(status.connectFailures)),
            ("timeouts", .number(status.timeouts)), ("cancellations", .number(status.cancellations)),
            ("failures_in_a_row", Self.count(status.failuresInARow)),
            ("slow_start_share", Self.decimal(status.slowStartShare)),
            ("expected_share", Self.decimal(status.expectedShare)),
        ]
        if let latency = status.latency { members.append(("latency_ms", Self.milliseconds(latency))) }
        let traffic = statistics.endpoints.first {
            $0.number == status.number && $0.upstream == upstream.definition.name
        }
        members += [
            ("connections", Self.count(traffic?.activeConnections ?? 0)),
            ("idle_connections", Self.count(traffic?.idleConnections ?? 0)),
            ("waiting", Self.count(traffic?.waiting ?? 0)), ("requests", .number(traffic?.requests ?? 0)),
            ("bytes_to", .number(traffic?.bytesTo ?? 0)), ("bytes_from", .number(traffic?.bytesFrom ?? 0)),
            (
                "checks",
                .array(
                    checks.map { check in
                        [
                            "name": .string(check.check), "healthy": .bool(check.isHealthy),
                            "probed": .bool(check.hasVerdict), "reason": .string(check.reason),
                        ]
                    })
            ),
        ]
        return .object(members)
    }

    // MARK: Explanations

    static func explanation(_ explanation: PickExplanation) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("rule", .string(explanation.rule)), ("levels", .array(explanation.levels.map { .string($0) })),
        ]
        if let chosen = explanation.chosen { members.append(("chosen", .string(chosen.rawValue))) }
        members.append(
            (
                "endpoints",
                .array(
                    explanation.findings.map { finding in
                        [
                            "name": .string(finding.endpoint.rawValue), "may_be_picked": .bool(finding.mayBePicked),
                            "reason": .string(finding.reason),
                        ]
                    })
            ))
        return .object(members)
    }

    // MARK: Numbers

    private static func count(_ number: Int) -> JSONValue { .number(UInt64(max(0, number))) }

    private static func milliseconds(_ duration: Duration) -> JSONValue {
        .decimal(Double(duration.clampedNanoseconds / 1_000) / 1_000)
    }

    private static func decimal(_ number: Double) -> JSONValue {
        .decimal((number * 10_000).rounded() / 10_000)
    }
}

extension EndpointStatus.State {
    /// As the API calls it.
    var label: String {
        switch self {
        case .inService: "in_service"
        case .unhealthy: "unhealthy"
        case .ejected: "ejected"
        case .draining: "draining"
        case .maintenance: "maintenance"
        }
    }

    static let labels = [Self.inService, .unhealthy, .ejected, .draining, .maintenance].map(\.label)
}

extension UpstreamDefinition.Source {
    /// As the API calls it.
    var kind: String {
        switch self {
        case .fixed: "file"
        case .dns: "dns"
        case .registry: "registry"
        }
    }
}
