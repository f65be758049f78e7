extension LoadBalancer {
    /// Takes note of what a health checker has found: the usual receiver of its transitions.
    ///
    /// ```swift
    /// let checker = try HealthChecker(checks, probe: probe) { balancer.note($0) }
    /// checker.setEndpoints(balancer.endpoints)
    /// ```
    ///
    /// A transition of an endpoint that is no longer in the balancer is passed over: it went while its probe was under way.
    public func note(_ transition: HealthTransition) {
        do throws(BalancingError) {
            try self.setHealth(
                of: transition.endpoint, isHealthy: transition.isHealthy, by: transition.check,
                reason: transition.reason)
        } catch {
            return
        }
    }
}
