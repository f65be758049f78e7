import ColonyResilience

/// What the daemon counts of limits and of switches.
final class LimitMetrics: Sendable {
    enum TakeResult: String, CaseIterable { case allowed, refused, failed }

    private let takes: [TakeResult: PrometheusCounter]
    let permits: PrometheusCounter
    let resets: PrometheusCounter
    private let switched: [SwitchPosition: PrometheusCounter]
    private let moves: [SwitchPosition: PrometheusCounter]

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
        func counters(_ name: String, _ positions: [SwitchPosition], _ help: String) -> [SwitchPosition:
            PrometheusCounter]
        {
            Dictionary(
                uniqueKeysWithValues: positions.map { position in
                    (position, registry.counter(name, [("position", position.rawValue)], help: help))
                })
        }
        self.switched = counters(
            "colony_limit_switched_total", [.refusing, .passing],
            "Requests for permits that a switch has decided and the limit has not counted.")
        self.moves = counters(
            "colony_switch_moves_total", SwitchPosition.allCases, "Switches that were moved here, by where to.")
    }

    /// A request was decided by the position of a switch.
    func wasSwitched(_ position: SwitchPosition) {
        self.took(position == .passing ? .allowed : .refused, count: 1)
        self.switched[position]?.increment(by: 1)
    }

    func moved(to position: SwitchPosition) { self.moves[position]?.increment(by: 1) }

    func took(_ result: TakeResult, count: Int) {
        if count > 0 { self.takes[result]?.increment(by: Int64(count)) }
    }
}
