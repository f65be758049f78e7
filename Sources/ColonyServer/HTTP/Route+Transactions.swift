/// Finding the routes of transactions.
extension RouteMatch {
    private static let sagasPrefix = Array("/v1/sagas".utf8)
    private static let transfersPath = Array("/v1/tcc".utf8)

    /// The routes with a path that begins as those of transactions do; `nil` for any other path.
    static func transactionCandidates(_ path: Substring.UTF8View) -> Candidates? {
        let nothing = path[path.endIndex...]
        if path.elementsEqual(self.transfersPath) { return (self.transferRoutes, nothing, nothing) }
        guard let (name, action) = self.parts(of: path, below: self.sagasPrefix) else { return nil }
        guard let name else { return (self.sagaRoutes, nothing, nothing) }
        guard let action else { return (self.transactionRoutes, name, nothing) }
        for (word, routes) in self.decisions where action.elementsEqual(word) { return (routes, name, nothing) }
        return ([], name, nothing)
    }

    // Kept, because array literals allocate.
    private static let sagaRoutes: [Route] = [.startSaga, .listTransactions]
    private static let transferRoutes: [Route] = [.startTransfer]
    private static let transactionRoutes: [Route] = [.inspectTransaction]
    private static let decisions: [([UInt8], [Route])] = [
        (Array("retry".utf8), [.retryTransaction]), (Array("skip".utf8), [.skipTransaction]),
        (Array("turn-back".utf8), [.turnBackTransaction]), (Array("resolve".utf8), [.resolveTransaction]),
        (Array("cancel".utf8), [.cancelTransaction]),
    ]
}
