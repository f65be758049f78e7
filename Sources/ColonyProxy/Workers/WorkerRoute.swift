/// A route as one worker uses it: its plan, the connections to its upstream, and what is counted.
///
/// A request holds on to it from its head to the end of its answer, whatever settings come meanwhile. Used on the event loop of its worker only.
final class WorkerRoute {
    let plan: RoutePlan
    /// `nil` if the route forwards nothing.
    let pool: UpstreamPool?
    let sticky: StickyIndex?
    let counts: RouteCounts

    init(_ plan: RoutePlan, pools: [UpstreamPool], counts: RouteCounts) {
        self.plan = plan
        self.counts = counts
        if case .forward(let upstream) = plan.action {
            let pool = pools[upstream]
            self.pool = pool
            self.sticky = plan.sticky.map { StickyIndex($0, pool.balancer) }
        } else {
            self.pool = nil
            self.sticky = nil
        }
    }
}

/// What a worker counts for a route; it outlives the settings that the route is from.
final class RouteCounts {
    var traffic: ProxyStatistics.RouteTraffic

    init(name: String) { self.traffic = ProxyStatistics.RouteTraffic(name: name) }
}
