/// Finding the routes of queues.
extension RouteMatch {
    private static let queuesPrefix = Array("/v1/queues".utf8)

    /// The routes with a path that begins as those of queues do; `nil` for any other path.
    static func queueCandidates(_ path: Substring.UTF8View) -> Candidates? {
        guard path.starts(with: self.queuesPrefix) else { return nil }
        let nothing = path[path.endIndex...]
        let rest = path.dropFirst(self.queuesPrefix.count)
        if rest.isEmpty { return (self.listRoutes, nothing, nothing) }
        guard rest.first == UInt8(ascii: "/") else { return nil }
        let named = rest.dropFirst()
        guard let slash = named.firstIndex(of: UInt8(ascii: "/")) else { return (self.queueRoutes, named, nothing) }
        let (name, action) = (named[..<slash], named[named.index(after: slash)...])
        for (word, routes) in self.actions where action.elementsEqual(word) { return (routes, name, nothing) }
        if action.starts(with: self.messagePrefix) {
            let item = action.dropFirst(self.messagePrefix.count)
            if !item.isEmpty, !item.contains(UInt8(ascii: "/")) { return (self.messageRoutes, name, item) }
        }
        return ([], name, nothing)
    }

    // Kept, because array literals allocate.
    private static let listRoutes: [Route] = [.listQueues]
    private static let queueRoutes: [Route] = [.inspectQueue, .declareQueue, .deleteQueue]
    private static let messageRoutes: [Route] = [.cancelMessage]
    private static let messagePrefix = Array("messages/".utf8)
    /// What can stand behind the name of a queue; the most used first.
    private static let actions: [([UInt8], [Route])] = [
        (Array("messages".utf8), [.publishMessages, .peekMessages, .purgeQueue]),
        (Array("receive".utf8), [.receiveMessages]),
        (Array("settle".utf8), [.settleMessages]),
        (Array("changes".utf8), [.queueChanges]),
        (Array("cancel".utf8), [.cancelMessages]),
        (Array("dead".utf8), [.deadLetters]),
        (Array("dead/redrive".utf8), [.redriveDeadLetters]),
        (Array("dead/drop".utf8), [.dropDeadLetters]),
        (Array("pause".utf8), [.pauseQueue]),
        (Array("resume".utf8), [.resumeQueue]),
    ]
}
