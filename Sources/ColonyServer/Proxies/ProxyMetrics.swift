import ColonyBalancing
import ColonyCore
import ColonyProxy
import NIOCore

/// What the metrics tell of proxies: one series for each proxy, each route, and each endpoint, of which the file says how many there are.
struct ProxyMetrics {
    private typealias Sample = (labels: String, value: Double)

    private let proxies: [(proxy: RunningProxy, statistics: ProxyStatistics)]

    init(_ proxies: [(proxy: RunningProxy, statistics: ProxyStatistics)]) {
        self.proxies = proxies
    }

    func write(to body: inout ByteBuffer) {
        guard !self.proxies.isEmpty else { return }
        self.writeTraffic(to: &body)
        self.writeLatency(to: &body)
        self.writeRoutes(to: &body)
        self.writeEndpoints(to: &body)
    }

    // MARK: Proxies

    private func writeTraffic(to body: inout ByteBuffer) {
        let counters: [(String, String, (ProxyStatistics.Traffic) -> UInt64)] = [
            ("connections", "Connections of clients that were accepted.", { $0.connections }),
            ("refused_connections", "Connections of clients that were closed at once.", { $0.refusedConnections }),
            ("requests", "Requests whose heads were read.", { $0.requests }),
            ("own_answers", "Answers that the proxy made itself.", { $0.ownAnswers }),
            ("received_bytes", "Bytes that were read from clients.", { $0.bytesFromClients }),
            ("sent_bytes", "Bytes that were written to clients.", { $0.bytesToClients }),
            ("retries", "Attempts after the first one.", { $0.retries }),
            ("refused_retries", "Attempts that the budget did not allow.", { $0.refusedRetries }),
            ("abandoned_requests", "Requests whose client went away.", { $0.abandonedRequests }),
            ("broken_answers", "Answers that broke off.", { $0.brokenAnswers }),
            ("timeouts", "Waits that took too long.", { $0.timeouts }),
        ]
        for (name, help, value) in counters {
            self.write("colony_proxy_\(name)_total", .counter, help, to: &body) { proxy, statistics in
                [(self.labels(proxy), Double(value(statistics.traffic)))]
            }
        }
        self.write(
            "colony_proxy_answers_total", .counter, "Answers by the hundreds of their status.", to: &body
        ) { proxy, statistics in
            Self.classes(statistics.traffic.answers).map { (self.labels(proxy, [("class", $0.0)]), $0.1) }
        }
        self.write(
            "colony_proxy_active_connections", .gauge, "Connections of clients that are open.", to: &body
        ) { [(self.labels($0), Double($1.traffic.activeConnections))] }
        self.write(
            "colony_proxy_active_requests", .gauge, "Requests that have no whole answer yet.", to: &body
        ) { [(self.labels($0), Double($1.traffic.activeRequests))] }
    }

    private func writeLatency(to body: inout ByteBuffer) {
        self.write(
            "colony_proxy_latency_seconds", .gauge,
            "What a share of all answers since the start took at most, from the head of the request on.", to: &body
        ) { proxy, statistics in
            [0.5, 0.9, 0.99, 0.999].compactMap { share in
                statistics.latency.quantile(share).map { value in
                    (self.labels(proxy, [("quantile", "\(share)")]), Double(value.clampedNanoseconds) / 1e9)
                }
            }
        }
    }

    private func writeRoutes(to body: inout ByteBuffer) {
        self.write("colony_proxy_route_requests_total", .counter, "Requests that a route matched.", to: &body) {
            proxy, statistics in
            statistics.routes.map { (self.labels(proxy, [("route", $0.name)]), Double($0.requests)) }
        }
        self.write(
            "colony_proxy_route_answers_total", .counter, "Answers of a route by the hundreds of their status.",
            to: &body
        ) { proxy, statistics in
            statistics.routes.flatMap { route in
                Self.classes(route.answers).map {
                    (self.labels(proxy, [("route", route.name), ("class", $0.0)]), $0.1)
                }
            }
        }
        self.write(
            "colony_proxy_route_refused_total", .counter,
            "Requests of a route that were refused, by what refused them.",
            to: &body
        ) { proxy, statistics in
            statistics.routes.flatMap { route in
                [
                    ("rate", route.refusedByRate), ("concurrency", route.refusedByConcurrency),
                    ("breaker", route.refusedByBreaker),
                ].map { (self.labels(proxy, [("route", route.name), ("by", $0.0)]), Double($0.1)) }
            }
        }
    }

    // MARK: Endpoints

    private func writeEndpoints(to body: inout ByteBuffer) {
        let gauges: [(String, PrometheusRegistry.Kind, String, (EndpointStatus) -> Double)] = [
            (
                "in_service", .gauge, "Whether an endpoint may be picked.",
                { $0.state == .inService ? 1 : 0 }
            ), ("calls_under_way", .gauge, "Calls of an endpoint that are under way.", { Double($0.callsUnderWay) }),
            ("weight", .gauge, "The weight of an endpoint.", { Double($0.endpoint.weight) }),
            ("successes_total", .counter, "Calls of an endpoint that have succeeded.", { Double($0.successes) }),
            ("failures_total", .counter, "Calls of an endpoint that have failed.", { Double($0.failures) }),
        ]
        let all = self.proxies.map { proxy, _ in
            proxy.upstreams.flatMap { upstream in
                upstream.core.balancer.status.map { (proxy, upstream.definition.name, $0) }
            }
        }.flatMap { $0 }
        for (name, kind, help, value) in gauges where !all.isEmpty {
            PrometheusRegistry.writeHeader("colony_proxy_endpoint_\(name)", kind, help: help, to: &body)
            for (proxy, upstream, status) in all {
                let labels = self.labels(
                    proxy, [("upstream", upstream), ("endpoint", status.endpoint.name.rawValue)])
                body.writeString(
                    "colony_proxy_endpoint_\(name){\(labels)} \(PrometheusRegistry.text(value(status)))\n")
            }
        }
    }

    // MARK: Text

    private func write(
        _ name: String, _ kind: PrometheusRegistry.Kind, _ help: String, to body: inout ByteBuffer,
        _ samples: (RunningProxy, ProxyStatistics) -> [Sample]
    ) {
        let all = self.proxies.flatMap { samples($0.proxy, $0.statistics) }
        guard !all.isEmpty else { return }
        PrometheusRegistry.writeHeader(name, kind, help: help, to: &body)
        for (labels, value) in all { body.writeString("\(name){\(labels)} \(PrometheusRegistry.text(value))\n") }
    }

    private func labels(_ proxy: RunningProxy, _ others: [(String, String)] = []) -> String {
        ([("proxy", proxy.name)] + others)
            .map { "\($0.0)=\"\(PrometheusRegistry.escaped($0.1))\"" }.joined(separator: ",")
    }

    private static func classes(_ answers: ProxyStatistics.AnswerCounts) -> [(String, Double)] {
        [
            ("1xx", answers.informational), ("2xx", answers.successful), ("3xx", answers.redirected),
            ("4xx", answers.refused), ("5xx", answers.failed),
        ].map { ($0.0, Double($0.1)) }
    }
}

extension ProxyService {
    func writeMetrics(to body: inout ByteBuffer) async {
        var all: [(proxy: RunningProxy, statistics: ProxyStatistics)] = []
        for proxy in self.fleet.proxies { all.append((proxy, await proxy.server.statistics())) }
        ProxyMetrics(all).write(to: &body)
    }
}
