/// Finding the routes of limits and of switches.
extension RouteMatch {
    private static let limitsPrefix = Array("/v1/limits".utf8)
    private static let switchesPrefix = Array("/v1/switches".utf8)

    /// The routes with a path that begins as those of limits and of switches do; `nil` for any other path.
    static func limitCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        if let (kind, name) = self.parts(of: path, below: self.switchesPrefix) {
            guard let kind else { return (self.listSwitchesRoutes, nothing, nothing) }
            guard let name, !name.isEmpty, !name.contains(UInt8(ascii: "/")) else { return ([], kind, nothing) }
            return (self.switchRoutes, kind, name)
        }
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
    private static let listSwitchesRoutes: [Route] = [.listSwitches]
    private static let switchRoutes: [Route] = [.setSwitch]
    private static let takeManyRoutes: [Route] = [.takeLimits, .inspectLimit, .resetLimit]
}
