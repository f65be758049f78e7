/// Finding the routes of proxies.
extension RouteMatch {
    private static let proxiesPrefix = Array("/v1/proxies".utf8)
    private static let upstreamsPrefix = Array("upstreams/".utf8)

    /// The routes with a path that begins as those of proxies do; `nil` for any other path. What stands below `upstreams/` is the item.
    static func proxyCandidates(_ path: Substring.UTF8View) -> Candidates? {
        guard let (name, action) = self.parts(of: path, below: self.proxiesPrefix) else { return nil }
        let nothing = path[path.endIndex...]
        guard let name else { return (self.listProxiesRoutes, nothing, nothing) }
        guard let action else {
            return (name.elementsEqual("reload".utf8) ? self.reloadRoutes : self.proxyRoutes, name, nothing)
        }
        guard action.starts(with: self.upstreamsPrefix) else { return ([], name, nothing) }
        let item = action.dropFirst(self.upstreamsPrefix.count)
        let parts = item.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if parts.count == 2, parts[1].elementsEqual("explain".utf8) { return (self.explainRoutes, name, item) }
        if parts.count == 3, parts[1].elementsEqual("endpoints".utf8) { return (self.endpointRoutes, name, item) }
        return ([], name, nothing)
    }

    // Kept, because array literals allocate.
    private static let listProxiesRoutes: [Route] = [.listProxies]
    private static let proxyRoutes: [Route] = [.inspectProxy]
    private static let reloadRoutes: [Route] = [.reloadProxies]
    private static let explainRoutes: [Route] = [.explainPick]
    private static let endpointRoutes: [Route] = [.setEndpoint]
}
