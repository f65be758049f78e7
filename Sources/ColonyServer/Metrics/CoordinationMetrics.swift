/// What the daemon counts of permits and of the registry.
final class CoordinationMetrics: Sendable {
    enum AcquireResult: String, CaseIterable { case granted, held, failed }
    enum WriteResult: String, CaseIterable { case written, conflict, failed }
    enum RenewalResult: String, CaseIterable { case renewed, lost }
    enum EndResult: String, CaseIterable { case ended, absent }

    private let acquires: [AcquireResult: PrometheusCounter]
    private let permitRenewals: [RenewalResult: PrometheusCounter]
    private let releases: [EndResult: PrometheusCounter]
    let evictions: PrometheusCounter
    let waits: PrometheusHistogram
    private let writes: [WriteResult: PrometheusCounter]
    private let recordRenewals: [RenewalResult: PrometheusCounter]
    private let removals: [EndResult: PrometheusCounter]

    init(registry: PrometheusRegistry) {
        func counters<Key: RawRepresentable<String> & CaseIterable & Hashable>(
            _ name: String, _: Key.Type, _ help: String
        ) -> [Key: PrometheusCounter] {
            Dictionary(
                uniqueKeysWithValues: Key.allCases.map { key in
                    (key, registry.counter(name, [("result", key.rawValue)], help: help))
                })
        }
        self.acquires = counters(
            "colony_semaphore_acquires_total", AcquireResult.self, "Requests for permits, by what came of them.")
        self.permitRenewals = counters(
            "colony_semaphore_renewals_total", RenewalResult.self,
            "Renewals of leases on permits; lost ones were over already.")
        self.releases = counters(
            "colony_semaphore_releases_total", EndResult.self, "Releases of permits; absent ones were over already.")
        self.evictions = registry.counter(
            "colony_semaphore_evictions_total", [], help: "Holders and waiters that operators have evicted.")
        self.waits = registry.histogram(
            "colony_semaphore_wait_seconds", [], buckets: PrometheusRegistry.secondsBuckets,
            help: "How long requests waited for permits that were not free at once.")
        self.writes = counters(
            "colony_registry_writes_total", WriteResult.self, "Writes of records, by what came of them.")
        self.recordRenewals = counters(
            "colony_registry_renewals_total", RenewalResult.self, "Renewals of records; lost ones were over already.")
        self.removals = counters(
            "colony_registry_removals_total", EndResult.self,
            "Removals of records; absent ones were not there or not as expected.")
    }

    func acquired(_ result: AcquireResult) { self.acquires[result]?.increment(by: 1) }
    func renewedPermits(_ result: RenewalResult) { self.permitRenewals[result]?.increment(by: 1) }
    func released(_ result: EndResult) { self.releases[result]?.increment(by: 1) }
    func wrote(_ result: WriteResult) { self.writes[result]?.increment(by: 1) }
    func renewedRecord(_ result: RenewalResult) { self.recordRenewals[result]?.increment(by: 1) }
    func removed(_ result: EndResult) { self.removals[result]?.increment(by: 1) }
}
