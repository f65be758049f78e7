/// What the daemon counts of limits.
final class LimitMetrics: Sendable {
    enum TakeResult: String, CaseIterable { case allowed, refused, failed }

    private let takes: [TakeResult: PrometheusCounter]
    let permits: PrometheusCounter
    let resets: PrometheusCounter

    init(registry: PrometheusRegistry) {
        self.takes = Dictionary(
            uniqueKeysWithValues: TakeResult.allCases.map { key in
                (
                    key,
                    registry.counter(
                        "colony_limit_takes_total", [("result", key.rawValue)],
                        help: "Requests for permits of limits, by what came of them.")
                )
            })
        self.permits = registry.counter(
            "colony_limit_permits_total", [], help: "Permits of limits that were granted.")
        self.resets = registry.counter("colony_limit_resets_total", [], help: "Limits that operators have reset.")
    }

    func took(_ result: TakeResult, count: Int) {
        if count > 0 { self.takes[result]?.increment(by: Int64(count)) }
    }
}
