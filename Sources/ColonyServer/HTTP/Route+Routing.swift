/// Finding the routes of exchanges, topics, and schedules.
extension RouteMatch {
    private static let exchangesPrefix = Array("/v1/exchanges".utf8)
    private static let topicsPrefix = Array("/v1/topics".utf8)
    private static let schedulesPrefix = Array("/v1/schedules".utf8)

    /// The routes with a path that begins as those of exchanges, topics, and schedules do; `nil` for any other path.
    static func routingCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        if let (name, action) = self.parts(of: path, below: self.exchangesPrefix) {
            guard let name else { return (self.listExchangesRoutes, nothing, nothing) }
            guard let action else { return (self.exchangeRoutes, name, nothing) }
            for (word, routes) in self.exchangeActions where action.elementsEqual(word) {
                return (routes, name, nothing)
            }
            return ([], name, nothing)
        }
        if let (name, action) = self.parts(of: path, below: self.topicsPrefix) {
            guard let name else { return (self.listTopicsRoutes, nothing, nothing) }
            guard let action else { return ([], name, nothing) }
            for (word, routes) in self.topicActions where action.elementsEqual(word) { return (routes, name, nothing) }
            if action.starts(with: self.subscriptionPrefix) {
                let queue = action.dropFirst(self.subscriptionPrefix.count)
                if !queue.contains(UInt8(ascii: "/")) { return (self.subscriptionRoutes, name, queue) }
            }
            return ([], name, nothing)
        }
        if let (name, action) = self.parts(of: path, below: self.schedulesPrefix) {
            guard let name else { return (self.listSchedulesRoutes, nothing, nothing) }
            return (action == nil ? self.scheduleRoutes : [], name, nothing)
        }
        return nil
    }

    /// The name below a prefix and what comes behind it; `nil` if the path is none of those.
    static func parts(
        of path: Substring.UTF8View, below prefix: [UInt8]
    ) -> (name: Substring.UTF8View?, action: Substring.UTF8View?)? {
        guard path.starts(with: prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        if rest.isEmpty { return (nil, nil) }
        guard rest.first == UInt8(ascii: "/") else { return nil }
        let named = rest.dropFirst()
        guard let slash = named.firstIndex(of: UInt8(ascii: "/")) else { return (named, nil) }
        return (named[..<slash], named[named.index(after: slash)...])
    }

    // Kept, because array literals allocate.
    private static let listExchangesRoutes: [Route] = [.listExchanges]
    private static let exchangeRoutes: [Route] = [.inspectExchange, .declareExchange, .deleteExchange]
    private static let exchangeActions: [([UInt8], [Route])] = [
        (Array("publish".utf8), [.publishThrough]), (Array("bindings".utf8), [.bindExchange]),
        (Array("unbind".utf8), [.unbindExchange]),
    ]
    private static let listTopicsRoutes: [Route] = [.listTopics]
    private static let topicActions: [([UInt8], [Route])] = [
        (Array("publish".utf8), [.publishTopic]), (Array("events".utf8), [.topicEvents]),
        (Array("retention".utf8), [.retainTopic, .forgetTopic]),
    ]
    private static let subscriptionPrefix = Array("subscriptions/".utf8)
    private static let subscriptionRoutes: [Route] = [.subscribeQueue, .unsubscribeQueue]
    private static let listSchedulesRoutes: [Route] = [.listSchedules]
    private static let scheduleRoutes: [Route] = [.inspectSchedule, .putSchedule, .removeSchedule]
}
