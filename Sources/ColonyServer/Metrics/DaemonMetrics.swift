import ColonyCaches
import ColonyCore
import ColonyIdentifiers
import NIOCore

/// What the daemon counts about itself.
///
/// Series with a route are made beforehand, so that counting a request takes no look-up.
final class DaemonMetrics: Sendable {
    enum AcquireResult: String, CaseIterable { case granted, held, failed }
    enum RenewalResult: String, CaseIterable { case renewed, lost }
    enum ReleaseResult: String, CaseIterable { case released, lost }

    private static let statusClasses = ["1xx", "2xx", "3xx", "4xx", "5xx"]

    let registry: PrometheusRegistry
    private let requests: [[PrometheusCounter]]
    private let latencies: [PrometheusHistogram]
    private let acquires: [AcquireResult: PrometheusCounter]
    private let renewals: [RenewalResult: PrometheusCounter]
    private let releases: [ReleaseResult: PrometheusCounter]
    let breaks: PrometheusCounter
    let waits: PrometheusHistogram
    let connections: PrometheusGauge
    let segments: PrometheusCounter
    let cacheWrites: PrometheusCounter
    let cacheDeletions: PrometheusCounter
    private let cacheHits: PrometheusCounter
    private let cacheMisses: PrometheusCounter
    private let cacheRemovals: [CacheRemovalCause: PrometheusCounter]
    private let issues: [IdentifierKind: PrometheusCounter]
    private let refusals: [IdentifierKind: PrometheusCounter]

    init(registry: PrometheusRegistry) {
        self.registry = registry
        let routes: [String] = Route.allCases.map { "\($0)" } + ["none"]
        self.requests = routes.map { route in
            Self.statusClasses.map { status in
                registry.counter(
                    "colony_http_requests_total", [("route", route), ("status", status)],
                    help: "Requests answered, by route and class of the status.")
            }
        }
        self.latencies = routes.map { route in
            registry.histogram(
                "colony_http_request_seconds", [("route", route)], buckets: PrometheusRegistry.secondsBuckets,
                help: "Time from the head of a request to its answer, with the time it waited for a lock.")
        }
        func counters<Key: RawRepresentable<String> & CaseIterable & Hashable>(
            _ name: String, _: Key.Type, _ help: String
        ) -> [Key: PrometheusCounter] {
            Dictionary(
                uniqueKeysWithValues: Key.allCases.map { key in
                    (key, registry.counter(name, [("result", key.rawValue)], help: help))
                })
        }
        self.acquires = counters(
            "colony_lock_acquires_total", AcquireResult.self, "Requests for a lock, by what came of them.")
        self.renewals = counters(
            "colony_lock_renewals_total", RenewalResult.self, "Renewals of leases; lost ones were over already.")
        self.releases = counters(
            "colony_lock_releases_total", ReleaseResult.self, "Releases of locks; lost ones were over already.")
        self.breaks = registry.counter("colony_lock_breaks_total", [], help: "Locks broken by operators.")
        self.waits = registry.histogram(
            "colony_lock_wait_seconds", [], buckets: PrometheusRegistry.secondsBuckets,
            help: "How long requests waited for a lock that was not free at once.")
        func counters(_ name: String, _ help: String) -> [IdentifierKind: PrometheusCounter] {
            Dictionary(
                uniqueKeysWithValues: IdentifierKind.allCases.map { kind in
                    (kind, registry.counter(name, [("kind", kind.rawValue)], help: help))
                })
        }
        self.issues = counters("colony_ids_issued_total", "Identifiers issued, by kind.")
        self.refusals = counters(
            "colony_ids_refused_total", "Requests for identifiers that were understood and not fulfilled, by kind.")
        self.segments = registry.counter(
            "colony_segments_taken_total", [], help: "Ranges of numbers that clients took.")
        self.cacheWrites = registry.counter("colony_cache_writes_total", [], help: "Entries stored.")
        self.cacheDeletions = registry.counter("colony_cache_deletions_total", [], help: "Entries deleted by clients.")
        let lookups = "Look-ups of keys, by what came of them."
        self.cacheHits = registry.counter("colony_cache_lookups_total", [("result", "hit")], help: lookups)
        self.cacheMisses = registry.counter("colony_cache_lookups_total", [("result", "miss")], help: lookups)
        self.cacheRemovals = Dictionary(
            uniqueKeysWithValues: CacheRemovalCause.allCases.map { cause in
                (
                    cause,
                    registry.counter(
                        "colony_cache_removals_total", [("cause", cause.rawValue)],
                        help: "Entries that have left the cache, by why.")
                )
            })
        self.connections = registry.gauge("colony_http_connections", [], help: "Open connections.")
    }

    func answered(_ route: Route?, status: Int, after duration: Duration) {
        let index = route.map { Int($0.rawValue) } ?? Route.allCases.count
        let statusClass = min(max(status / 100, 1), 5) - 1
        self.requests[index][statusClass].increment(by: 1)
        self.latencies[index].recordNanoseconds(duration.clampedNanoseconds)
    }

    func issued(_ kind: IdentifierKind, count: Int) { self.issues[kind]?.increment(by: Int64(count)) }
    func looked(isHit: Bool) { (isHit ? self.cacheHits : self.cacheMisses).increment(by: 1) }
    func removed(_ cause: CacheRemovalCause) { self.cacheRemovals[cause]?.increment(by: 1) }
    func refused(_ kind: IdentifierKind) { self.refusals[kind]?.increment(by: 1) }
    func acquired(_ result: AcquireResult) { self.acquires[result]?.increment(by: 1) }
    func renewed(_ result: RenewalResult, count: Int = 1) { self.renewals[result]?.increment(by: Int64(count)) }
    func released(_ result: ReleaseResult) { self.releases[result]?.increment(by: 1) }
}
