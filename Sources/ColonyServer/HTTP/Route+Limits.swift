/// Finding the routes of limits.
extension RouteMatch {
    private static let limitsPrefix = Array("/v1/limits".utf8)

    /// The routes with a path that begins as those of limits do; `nil` for any other path.
    static func limitCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        guard let (name, action) = self.parts(of: path, below: self.limitsPrefix) else { return nil }
        guard let name else { return (self.listLimitsRoutes, nothing, nothing) }
        guard let action else {
            return (name.elementsEqual("take".utf8) ? self.takeManyRoutes : self.limitRoutes, name, nothing)
        }
        return (action.elementsEqual("take".utf8) ? self.takeLimitRoutes : [], name, nothing)
    }

    // Kept, because array literals allocate.
    private static let listLimitsRoutes: [Route] = [.listLimits]
    private static let limitRoutes: [Route] = [.inspectLimit, .resetLimit]
    private static let takeLimitRoutes: [Route] = [.takeLimit]
    private static let takeManyRoutes: [Route] = [.takeLimits, .inspectLimit, .resetLimit]
}
