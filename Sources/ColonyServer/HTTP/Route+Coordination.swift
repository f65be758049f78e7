/// Finding the routes of semaphores and of the registry.
extension RouteMatch {
    private static let semaphoresPrefix = Array("/v1/semaphores".utf8)
    private static let registryPrefix = Array("/v1/registry".utf8)

    /// The routes with a path that begins as those of semaphores and of the registry do; `nil` for any other path.
    static func coordinationCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        if let (name, action) = self.parts(of: path, below: self.semaphoresPrefix) {
            guard let name else { return (self.listSemaphoresRoutes, nothing, nothing) }
            guard let action else { return (self.semaphoreRoutes, name, nothing) }
            for (word, routes) in self.semaphoreActions where action.elementsEqual(word) {
                return (routes, name, nothing)
            }
            if action.starts(with: self.holderPrefix) {
                let owner = action.dropFirst(self.holderPrefix.count)
                if !owner.isEmpty, !owner.contains(UInt8(ascii: "/")) { return (self.holderRoutes, name, owner) }
            }
            return ([], name, nothing)
        }
        if let (name, action) = self.parts(of: path, below: self.registryPrefix) {
            guard let name else { return (self.listGroupsRoutes, nothing, nothing) }
            guard let action else { return (self.groupRoutes, name, nothing) }
            if action.elementsEqual("changes".utf8) { return (self.groupChangesRoutes, name, nothing) }
            guard action.starts(with: self.recordPrefix) else { return ([], name, nothing) }
            let rest = action.dropFirst(self.recordPrefix.count)
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
                return (rest.isEmpty ? [] : self.recordRoutes, name, rest)
            }
            let isRenewal = rest[rest.index(after: slash)...].elementsEqual("renew".utf8)
            return (isRenewal ? self.renewRecordRoutes : [], name, rest[..<slash])
        }
        return nil
    }

    // Kept, because array literals allocate.
    private static let listSemaphoresRoutes: [Route] = [.listSemaphores]
    private static let semaphoreRoutes: [Route] = [.inspectSemaphore]
    private static let semaphoreActions: [([UInt8], [Route])] = [
        (Array("acquire".utf8), [.acquirePermits]), (Array("renew".utf8), [.renewPermits]),
        (Array("release".utf8), [.releasePermits]), (Array("free".utf8), [.awaitPermits]),
    ]
    private static let holderPrefix = Array("holders/".utf8)
    private static let holderRoutes: [Route] = [.evictHolder]
    private static let listGroupsRoutes: [Route] = [.listGroups]
    private static let groupRoutes: [Route] = [.readGroup]
    private static let groupChangesRoutes: [Route] = [.groupChanges]
    private static let recordPrefix = Array("records/".utf8)
    private static let recordRoutes: [Route] = [.readRecord, .putRecord, .removeRecord]
    private static let renewRecordRoutes: [Route] = [.renewRecord]
}
