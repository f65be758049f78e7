import ColonyCore

/// Every place of the API, in one list: the router matches it, the OpenAPI document describes it, and a test holds both
/// against each other.
enum Route: UInt8, CaseIterable, Sendable {
    case acquire, renew, release, renewMany, list, inspect, breakLock
    case issueIDs, readID, identifiers, takeSegment, listSegments, inspectSegment
    case cacheStatistics, cacheBulk, emptyCache, readEntry, storeEntry, deleteEntry, invalidations
    case declareQueue, listQueues, inspectQueue, deleteQueue, pauseQueue, resumeQueue, queueChanges
    case publishMessages, peekMessages, purgeQueue, cancelMessage, cancelMessages, receiveMessages, settleMessages
    case deadLetters, redriveDeadLetters, dropDeadLetters
    case declareExchange, listExchanges, inspectExchange, deleteExchange, bindExchange, unbindExchange, publishThrough
    case publishTopic, topicEvents, listTopics, retainTopic, forgetTopic, subscribeQueue, unsubscribeQueue
    case putSchedule, listSchedules, inspectSchedule, removeSchedule
    case acquirePermits, renewPermits, releasePermits, listSemaphores, inspectSemaphore, awaitPermits, evictHolder
    case listGroups, readGroup, groupChanges, putRecord, readRecord, removeRecord, renewRecord
    case takeLimit, takeLimits, listLimits, inspectLimit, resetLimit, listSwitches, setSwitch
    case listProxies, inspectProxy, reloadProxies, setEndpoint, explainPick
    case startSaga, startTransfer, listTransactions, inspectTransaction
    case retryTransaction, skipTransaction, turnBackTransaction, resolveTransaction, cancelTransaction
    case readCluster, leaveCluster, handOverCluster, setVoter, removeVoter
    case events, server, openAPI, healthz, readyz, metrics, console

    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    var method: Method {
        switch self {
        case .acquire, .renew, .release, .renewMany, .issueIDs, .takeSegment, .cacheBulk: .post
        case .publishMessages, .cancelMessages, .receiveMessages, .settleMessages, .redriveDeadLetters: .post
        case .dropDeadLetters, .pauseQueue, .resumeQueue: .post
        case .bindExchange, .unbindExchange, .publishThrough, .publishTopic: .post
        case .acquirePermits, .renewPermits, .releasePermits, .renewRecord, .takeLimit, .takeLimits: .post
        case .putRecord, .setSwitch, .setVoter: .put
        case .reloadProxies: .post
        case .startSaga, .startTransfer, .cancelTransaction, .leaveCluster, .handOverCluster: .post
        case .retryTransaction, .skipTransaction, .turnBackTransaction, .resolveTransaction: .post
        case .setEndpoint: .patch
        case .evictHolder, .removeRecord, .resetLimit, .removeVoter: .delete
        case .storeEntry, .declareQueue, .declareExchange, .retainTopic, .subscribeQueue, .putSchedule: .put
        case .deleteExchange, .forgetTopic, .unsubscribeQueue, .removeSchedule: .delete
        case .breakLock, .emptyCache, .deleteEntry, .deleteQueue, .purgeQueue, .cancelMessage: .delete
        default: .get
        }
    }

    /// The path with `{name}` where a lock's name stands; also the label of metrics, so that their number is bounded.
    ///
    /// `POST` takes a kind where `GET` takes an identifier. OpenAPI has one name for what stands in one place.
    var template: StaticString {
        switch self {
        case .acquire: "/v1/locks/{name}/acquire"
        case .renew: "/v1/locks/{name}/renew"
        case .release: "/v1/locks/{name}/release"
        case .renewMany: "/v1/locks/renew"
        case .list: "/v1/locks"
        case .inspect, .breakLock: "/v1/locks/{name}"
        case .issueIDs, .readID: "/v1/ids/{id}"
        case .identifiers: "/v1/ids"
        case .takeSegment: "/v1/segments/{tag}/take"
        case .listSegments: "/v1/segments"
        case .inspectSegment: "/v1/segments/{tag}"
        case .cacheStatistics, .cacheBulk, .emptyCache: "/v1/cache"
        case .readEntry, .storeEntry, .deleteEntry: "/v1/cache/{key}"
        case .invalidations: "/v1/invalidations"
        case .listQueues: "/v1/queues"
        case .declareQueue, .inspectQueue, .deleteQueue: "/v1/queues/{queue}"
        case .publishMessages, .peekMessages, .purgeQueue: "/v1/queues/{queue}/messages"
        case .cancelMessage: "/v1/queues/{queue}/messages/{message}"
        case .cancelMessages: "/v1/queues/{queue}/cancel"
        case .receiveMessages: "/v1/queues/{queue}/receive"
        case .settleMessages: "/v1/queues/{queue}/settle"
        case .deadLetters: "/v1/queues/{queue}/dead"
        case .redriveDeadLetters: "/v1/queues/{queue}/dead/redrive"
        case .dropDeadLetters: "/v1/queues/{queue}/dead/drop"
        case .pauseQueue: "/v1/queues/{queue}/pause"
        case .resumeQueue: "/v1/queues/{queue}/resume"
        case .queueChanges: "/v1/queues/{queue}/changes"
        case .listExchanges: "/v1/exchanges"
        case .declareExchange, .inspectExchange, .deleteExchange: "/v1/exchanges/{exchange}"
        case .bindExchange: "/v1/exchanges/{exchange}/bindings"
        case .unbindExchange: "/v1/exchanges/{exchange}/unbind"
        case .publishThrough: "/v1/exchanges/{exchange}/publish"
        case .listTopics: "/v1/topics"
        case .publishTopic: "/v1/topics/{topic}/publish"
        case .topicEvents: "/v1/topics/{topic}/events"
        case .retainTopic, .forgetTopic: "/v1/topics/{topic}/retention"
        case .subscribeQueue, .unsubscribeQueue: "/v1/topics/{topic}/subscriptions/{queue}"
        case .listSchedules: "/v1/schedules"
        case .putSchedule, .inspectSchedule, .removeSchedule: "/v1/schedules/{schedule}"
        case .listSemaphores: "/v1/semaphores"
        case .inspectSemaphore: "/v1/semaphores/{semaphore}"
        case .acquirePermits: "/v1/semaphores/{semaphore}/acquire"
        case .renewPermits: "/v1/semaphores/{semaphore}/renew"
        case .releasePermits: "/v1/semaphores/{semaphore}/release"
        case .awaitPermits: "/v1/semaphores/{semaphore}/free"
        case .evictHolder: "/v1/semaphores/{semaphore}/holders/{owner}"
        case .listGroups: "/v1/registry"
        case .readGroup: "/v1/registry/{group}"
        case .groupChanges: "/v1/registry/{group}/changes"
        case .putRecord, .readRecord, .removeRecord: "/v1/registry/{group}/records/{key}"
        case .renewRecord: "/v1/registry/{group}/records/{key}/renew"
        case .listLimits: "/v1/limits"
        case .takeLimits: "/v1/limits/take"
        case .takeLimit: "/v1/limits/{limit}/take"
        case .inspectLimit, .resetLimit: "/v1/limits/{limit}"
        case .listSwitches: "/v1/switches"
        case .setSwitch: "/v1/switches/{kind}/{switch}"
        case .listProxies: "/v1/proxies"
        case .reloadProxies: "/v1/proxies/reload"
        case .inspectProxy: "/v1/proxies/{proxy}"
        case .setEndpoint: "/v1/proxies/{proxy}/upstreams/{upstream}/endpoints/{endpoint}"
        case .explainPick: "/v1/proxies/{proxy}/upstreams/{upstream}/explain"
        case .startSaga, .listTransactions: "/v1/sagas"
        case .startTransfer: "/v1/tcc"
        case .inspectTransaction: "/v1/sagas/{transaction}"
        case .retryTransaction: "/v1/sagas/{transaction}/retry"
        case .skipTransaction: "/v1/sagas/{transaction}/skip"
        case .turnBackTransaction: "/v1/sagas/{transaction}/turn-back"
        case .resolveTransaction: "/v1/sagas/{transaction}/resolve"
        case .cancelTransaction: "/v1/sagas/{transaction}/cancel"
        case .readCluster: "/v1/cluster"
        case .leaveCluster: "/v1/cluster/leave"
        case .handOverCluster: "/v1/cluster/leader"
        case .setVoter, .removeVoter: "/v1/cluster/voters/{node}"
        case .events: "/v1/events"
        case .server: "/v1/server"
        case .openAPI: "/v1/openapi.json"
        case .healthz: "/healthz"
        case .readyz: "/readyz"
        case .metrics: "/metrics"
        case .console: "/console/{file}"
        }
    }

    /// What a token must allow; `nil` for what everybody may see.
    var scope: Scope? {
        switch self {
        case .acquire, .renew, .release, .renewMany, .issueIDs, .takeSegment: .write
        case .storeEntry, .deleteEntry: .write
        case .declareQueue, .publishMessages, .cancelMessage, .cancelMessages, .receiveMessages, .settleMessages: .write
        case .declareExchange, .bindExchange, .unbindExchange, .publishThrough, .publishTopic, .subscribeQueue: .write
        case .unsubscribeQueue, .putSchedule, .removeSchedule: .write
        case .deleteExchange, .retainTopic, .forgetTopic: .admin
        case .listExchanges, .inspectExchange, .topicEvents, .listTopics, .listSchedules, .inspectSchedule: .read
        case .acquirePermits, .renewPermits, .releasePermits, .putRecord, .removeRecord, .renewRecord: .write
        case .listSemaphores, .inspectSemaphore, .awaitPermits, .listGroups, .readGroup, .groupChanges, .readRecord:
            .read
        case .takeLimit, .takeLimits: .write
        case .listLimits, .inspectLimit, .listSwitches: .read
        case .breakLock, .emptyCache, .evictHolder, .resetLimit, .setSwitch: .admin
        case .reloadProxies, .setEndpoint, .leaveCluster, .handOverCluster, .setVoter, .removeVoter: .admin
        case .startSaga, .startTransfer, .cancelTransaction: .write
        case .retryTransaction, .skipTransaction, .turnBackTransaction, .resolveTransaction: .admin
        case .listTransactions, .inspectTransaction: .read
        case .listProxies, .inspectProxy, .explainPick: .read
        case .deleteQueue, .purgeQueue, .redriveDeadLetters, .dropDeadLetters, .pauseQueue, .resumeQueue: .admin
        case .listQueues, .inspectQueue, .peekMessages, .deadLetters, .queueChanges: .read
        case .list, .inspect, .events, .server, .metrics, .readCluster: .read
        // A bulk request that changes something needs more, which is seen only when its body is read.
        case .cacheStatistics, .cacheBulk, .readEntry, .invalidations: .read
        case .readID, .identifiers, .listSegments, .inspectSegment: .read
        case .openAPI, .healthz, .readyz, .console: nil
        }
    }
}

/// Where a request wants to go.
struct RouteMatch {
    var route: Route
    /// The lock's or queue's name, the tag, the cache key, the identifier or its kind, or the file's name, still
    /// percent-encoded.
    var name: Substring.UTF8View
    /// What stands below the name, such as the number of a message or the key of a record; empty where nothing does.
    var item: Substring.UTF8View
    var query: Substring.UTF8View
}

extension RouteMatch {
    /// Finds the route of a request.
    ///
    /// The path is split before it is decoded, so that a name may contain `%2F`.
    static func find(method: String, target: String) throws(Problem) -> RouteMatch {
        let target = target.utf8
        let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        let path = target[..<mark]
        let query = mark == target.endIndex ? target[mark...] : target[target.index(after: mark)...]
        let (candidates, name, item) =
            Self.queueCandidates(path) ?? Self.routingCandidates(path)
            ?? Self.coordinationCandidates(path) ?? Self.limitCandidates(path)
            ?? Self.proxyCandidates(path) ?? Self.transactionCandidates(path) ?? Self.clusterCandidates(path)
            ?? Self.candidates(path)
        for candidate in candidates {
            if candidate.method.rawValue == method || (method == "HEAD" && candidate.method == .get) {
                return RouteMatch(route: candidate, name: name, item: item, query: query)
            }
        }
        let shown = NameRules.quoted(String(decoding: path, as: UTF8.self))
        guard !candidates.isEmpty else { throw Problem(.notFound, "there is nothing at \(shown)") }
        let allowed = candidates.flatMap { $0.method == .get ? ["GET", "HEAD"] : [$0.method.rawValue] }
            .joined(separator: ", ")
        var problem = Problem(
            .methodNotAllowed, "\(NameRules.quoted(method)) is not allowed at \(shown), but \(allowed)")
        problem.allowedMethods = allowed
        throw problem
    }

    private static let locksPrefix = Array("/v1/locks/".utf8)
    private static let consolePrefix = Array("/console/".utf8)
    private static let idsPrefix = Array("/v1/ids/".utf8)
    private static let cachePrefix = Array("/v1/cache/".utf8)
    private static let segmentsPrefix = Array("/v1/segments/".utf8)

    /// Routes that have a path, and the variable parts of it.
    typealias Candidates = (routes: [Route], name: Substring.UTF8View, item: Substring.UTF8View)

    private static func candidates(_ path: Substring.UTF8View) -> Candidates {
        let (routes, name) = self.plainCandidates(path)
        return (routes, name, path[path.endIndex...])
    }

    private static func plainCandidates(_ path: Substring.UTF8View) -> ([Route], Substring.UTF8View) {
        if path.starts(with: self.locksPrefix) {
            let rest = path.dropFirst(self.locksPrefix.count)
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
                return (rest.elementsEqual("renew".utf8) ? self.renewManyRoutes : self.lockRoutes, rest)
            }
            let action = rest[rest.index(after: slash)...]
            let name = rest[..<slash]
            if action.elementsEqual("acquire".utf8) { return (self.acquireRoutes, name) }
            if action.elementsEqual("release".utf8) { return (self.releaseRoutes, name) }
            if action.elementsEqual("renew".utf8) { return (self.renewRoutes, name) }
            return ([], name)
        }
        if path.starts(with: self.consolePrefix) {
            return ([.console], path.dropFirst(self.consolePrefix.count))
        }
        if path.starts(with: self.idsPrefix) {
            let rest = path.dropFirst(self.idsPrefix.count)
            if rest.contains(UInt8(ascii: "/")) { return ([], rest) }
            // The name of a kind is no identifier that could be looked at.
            return (rest.elementsEqual("segment".utf8) ? self.issueRoutes : self.idRoutes, rest)
        }
        if path.starts(with: self.segmentsPrefix) {
            let rest = path.dropFirst(self.segmentsPrefix.count)
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return (self.segmentRoutes, rest) }
            let isTake = rest[rest.index(after: slash)...].elementsEqual("take".utf8)
            return (isTake ? self.takeRoutes : [], rest[..<slash])
        }
        if path.starts(with: self.cachePrefix) {
            let rest = path.dropFirst(self.cachePrefix.count)
            return (rest.contains(UInt8(ascii: "/")) ? [] : self.entryRoutes, rest)
        }
        let nothing = path[path.endIndex...]
        switch String(decoding: path, as: UTF8.self) {
        case "/", "/console": return ([.console], nothing)
        case "/v1/locks": return ([.list], nothing)
        case "/v1/ids": return ([.identifiers], nothing)
        case "/v1/segments": return ([.listSegments], nothing)
        case "/v1/cache": return (self.cacheRoutes, nothing)
        case "/v1/invalidations": return ([.invalidations], nothing)
        case "/v1/events": return ([.events], nothing)
        case "/v1/server": return ([.server], nothing)
        case "/v1/openapi.json": return ([.openAPI], nothing)
        case "/healthz": return ([.healthz], nothing)
        case "/readyz": return ([.readyz], nothing)
        case "/metrics": return ([.metrics], nothing)
        default: return ([], nothing)
        }
    }

    // Kept, because an array literal allocates.
    private static let acquireRoutes: [Route] = [.acquire]
    private static let releaseRoutes: [Route] = [.release]
    private static let renewRoutes: [Route] = [.renew]
    private static let lockRoutes: [Route] = [.inspect, .breakLock]
    private static let idRoutes: [Route] = [.readID, .issueIDs]
    private static let issueRoutes: [Route] = [.issueIDs]
    private static let segmentRoutes: [Route] = [.inspectSegment]
    private static let takeRoutes: [Route] = [.takeSegment]
    private static let cacheRoutes: [Route] = [.cacheStatistics, .cacheBulk, .emptyCache]
    private static let entryRoutes: [Route] = [.readEntry, .storeEntry, .deleteEntry]
    private static let renewManyRoutes: [Route] = [.renewMany, .inspect, .breakLock]
}
