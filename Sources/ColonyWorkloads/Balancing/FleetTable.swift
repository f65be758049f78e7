public import ColonyBalancing

/// The fleet under every algorithm and every trouble.
public enum FleetTable {
    /// A way to set a balancer, with what a table calls it.
    public struct Setting: Sendable {
        /// What a table calls it.
        public let name: String
        /// How the balancer is set.
        public let options: BalancerOptions
    }

    /// The settings that are compared: algorithms alone, and some with ejection and slow start.
    ///
    /// - Throws: Nothing that depends on the machine.
    public static func settings() throws -> [Setting] {
        let ejection = try OutlierOptions()
        let slowStart = try SlowStart(window: .seconds(10))
        let names = [
            "round-robin", "random", "least-request", "least-request-of-all", "peak-ewma", "ring-hash",
            "bounded-ring-hash",
        ]
        let alone = try names.map { name in
            Setting(name: name, options: try BalancerOptions(algorithm: BalancingAlgorithm(name)))
        }
        let together = try ["round-robin", "least-request", "peak-ewma"].map { name in
            Setting(
                name: "\(name), ejection, slow start",
                options: try BalancerOptions(
                    algorithm: BalancingAlgorithm(name), outliers: ejection, slowStart: slowStart))
        }
        return alone + together
    }

    /// One workload for each trouble, whose facts are the 99th percentiles and the shares of failed calls under each setting.
    public static var all: [Workload] {
        FleetSimulation.Trouble.allCases.map { trouble in
            Workload(
                name: "balancing-fleet-\(trouble.rawValue)",
                title: "simulated fleet, one of ten endpoints: \(trouble.rawValue)"
            ) { workload, options in
                var facts: [Measurement.Fact] = []
                let calls = options.count(48_000, atLeast: 500)
                var best = Double.infinity
                for setting in try Self.settings() {
                    let outcome = try FleetSimulation(setting.options, trouble: trouble, calls: calls).run(seed: 2_026)
                    facts.append(.init("p99, \(setting.name)", outcome.p99Milliseconds, "ms"))
                    facts.append(.init("failed, \(setting.name)", outcome.failedShare * 100, "%"))
                    best = min(best, outcome.p99Milliseconds)
                }
                return Measurement(
                    workload: workload.name, title: workload.title, figure: best, unit: "ms, the lowest p99",
                    count: calls,
                    facts: facts)
            }
        }
    }
}
