/// What the document of the API says of each route.
extension Route {
    /// The one kind that takes a tag, and needs it.
    static let segmentIDsPath = "/v1/ids/segment"

    /// The paths of the route. `renew` is a name like any other for the routes of one lock, although the path that it
    /// makes has a meaning of its own for `POST`; so is `take` for those of one limit.
    var documentedPaths: [String] {
        switch self {
        case .inspect, .breakLock: [self.template.description, "/v1/locks/renew"]
        case .inspectLimit, .resetLimit: [self.template.description, "/v1/limits/take"]
        case .issueIDs: [self.template.description, Self.segmentIDsPath]
        case .console: ["/", "/console", self.template.description]
        default: [self.template.description]
        }
    }

    /// Whether a request without a body says the same as one with an empty object.
    var bodyMayBeMissing: Bool {
        switch self {
        case .issueIDs, .declareQueue, .receiveMessages: true
        case .retryTransaction, .skipTransaction, .turnBackTransaction, .cancelTransaction: true
        default: false
        }
    }

    var summary: String {
        switch self {
        case .acquire: "Take a lock, waiting in turn if asked to."
        case .renew: "Extend a lease that is not over."
        case .release: "Give a lock back."
        case .renewMany: "Extend many leases at once."
        case .list: "List held locks in the byte order of their names."
        case .inspect: "Look at one lock, or wait until one of its grants is over."
        case .breakLock: "End the lease of a lock, whoever holds it."
        case .issueIDs: "Make identifiers of a kind."
        case .readID: "Take an identifier apart."
        case .identifiers: "Which identifiers are issued here, and how the worker number stands."
        case .takeSegment: "Take a range of numbers, which nobody else is given."
        case .listSegments: "List tags in the byte order of their names."
        case .inspectSegment: "Look at one tag."
        case .cacheStatistics: "How the shared cache does."
        case .cacheBulk: "Read, store, or delete many entries of the cache."
        case .emptyCache: "Remove all entries of the cache."
        case .readEntry: "Read an entry of the cache."
        case .storeEntry: "Store an entry in the cache, if need be only in place of a known one."
        case .deleteEntry: "Delete an entry of the cache."
        case .invalidations: "Learn which entries of the cache change, as server-sent events."
        case .declareQueue, .listQueues, .inspectQueue, .deleteQueue, .pauseQueue, .resumeQueue, .queueChanges,
            .publishMessages, .peekMessages, .purgeQueue, .cancelMessage, .cancelMessages, .receiveMessages,
            .settleMessages, .deadLetters, .redriveDeadLetters, .dropDeadLetters:
            self.queueDescription.summary
        case .declareExchange, .listExchanges, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange,
            .publishThrough, .publishTopic, .topicEvents, .listTopics, .retainTopic, .forgetTopic, .subscribeQueue,
            .unsubscribeQueue, .putSchedule, .listSchedules, .inspectSchedule, .removeSchedule:
            self.routingDescription.summary
        case .acquirePermits, .renewPermits, .releasePermits, .listSemaphores, .inspectSemaphore, .awaitPermits,
            .evictHolder, .listGroups, .readGroup, .groupChanges, .putRecord, .readRecord, .removeRecord,
            .renewRecord:
            self.coordinationDescription.summary
        case .takeLimit, .takeLimits, .listLimits, .inspectLimit, .resetLimit, .listSwitches, .setSwitch:
            self.limitDescription.summary
        case .listProxies, .inspectProxy, .reloadProxies, .setEndpoint, .explainPick: self.proxyDescription.summary
        case .startSaga, .startTransfer, .listTransactions, .inspectTransaction, .retryTransaction, .skipTransaction,
            .turnBackTransaction, .resolveTransaction, .cancelTransaction:
            self.transactionDescription.summary
        case .readCluster, .leaveCluster, .handOverCluster, .setVoter, .removeVoter: self.clusterDescription.summary
        case .events: "Learn when something changes, as server-sent events."
        case .server: "What this server is."
        case .openAPI: "This document."
        case .healthz: "Whether the process answers."
        case .readyz: "Whether the server takes new work."
        case .metrics: "Metrics in the text format of Prometheus."
        case .console: "The console."
        }
    }

    var successDescription: String {
        switch self {
        case .acquire: "The lock is granted."
        case .renew: "The lease is extended."
        case .release: "The lock is released."
        case .renewMany: "One answer per lease, in the same order."
        case .list: "A page of locks; `next` is there if more may follow."
        case .inspect: "The lock, or, with `wait_ms` or `token`, whether the grant is over."
        case .breakLock: "The lock as it was."
        case .issueIDs: "As many identifiers as were asked for."
        case .readID: "The parts."
        case .identifiers: "How it stands; `worker` is there while there is one."
        case .takeSegment: "The range: `count` numbers from `first` on."
        case .listSegments: "A page of tags; `next` is there if more may follow."
        case .inspectSegment: "What is known of the tag."
        case .cacheStatistics: "Counts since the start, the keys that are asked for most, and the last half hour."
        case .cacheBulk: "One answer per key, in the same order. With `next`, ask again from that place on."
        case .emptyCache: "How many entries there were."
        case .readEntry:
            "The bytes as they were stored, with `ETag`, `Age`, and `Colony-TTL-Ms` if the entry has an end."
        case .storeEntry: "The entry is stored in place of another."
        case .deleteEntry: "The entry is deleted."
        case .invalidations: "A stream of events named `gap`, `keys`, and `all`."
        case .declareQueue, .listQueues, .inspectQueue, .deleteQueue, .pauseQueue, .resumeQueue, .queueChanges,
            .publishMessages, .peekMessages, .purgeQueue, .cancelMessage, .cancelMessages, .receiveMessages,
            .settleMessages, .deadLetters, .redriveDeadLetters, .dropDeadLetters:
            self.queueDescription.success
        case .declareExchange, .listExchanges, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange,
            .publishThrough, .publishTopic, .topicEvents, .listTopics, .retainTopic, .forgetTopic, .subscribeQueue,
            .unsubscribeQueue, .putSchedule, .listSchedules, .inspectSchedule, .removeSchedule:
            self.routingDescription.success
        case .acquirePermits, .renewPermits, .releasePermits, .listSemaphores, .inspectSemaphore, .awaitPermits,
            .evictHolder, .listGroups, .readGroup, .groupChanges, .putRecord, .readRecord, .removeRecord,
            .renewRecord:
            self.coordinationDescription.success
        case .takeLimit, .takeLimits, .listLimits, .inspectLimit, .resetLimit, .listSwitches, .setSwitch:
            self.limitDescription.success
        case .listProxies, .inspectProxy, .reloadProxies, .setEndpoint, .explainPick: self.proxyDescription.success
        case .startSaga, .startTransfer, .listTransactions, .inspectTransaction, .retryTransaction, .skipTransaction,
            .turnBackTransaction, .resolveTransaction, .cancelTransaction:
            self.transactionDescription.success
        case .readCluster, .leaveCluster, .handOverCluster, .setVoter, .removeVoter: self.clusterDescription.success
        case .events:
            "A stream of events named `locks`, `queues`, `semaphores`, `registry`, `switches`, `proxies`, `transactions`, and `cluster`."
        case .server: "What this server is."
        case .openAPI: "The document."
        case .healthz, .readyz: "Yes."
        case .metrics: "The metrics."
        case .console: "A file of the console."
        }
    }

    var requestSchema: String? {
        switch self {
        case .acquire: "AcquireRequest"
        case .renew: "RenewRequest"
        case .release: "ReleaseRequest"
        case .renewMany: "RenewManyRequest"
        case .issueIDs: "IssueRequest"
        case .takeSegment: "TakeSegmentRequest"
        case .cacheBulk: "CacheBulkRequest"
        case .declareQueue, .listQueues, .inspectQueue, .deleteQueue, .pauseQueue, .resumeQueue, .queueChanges,
            .publishMessages, .peekMessages, .purgeQueue, .cancelMessage, .cancelMessages, .receiveMessages,
            .settleMessages, .deadLetters, .redriveDeadLetters, .dropDeadLetters:
            self.queueDescription.request
        case .declareExchange, .listExchanges, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange,
            .publishThrough, .publishTopic, .topicEvents, .listTopics, .retainTopic, .forgetTopic, .subscribeQueue,
            .unsubscribeQueue, .putSchedule, .listSchedules, .inspectSchedule, .removeSchedule:
            self.routingDescription.request
        case .acquirePermits, .renewPermits, .releasePermits, .listSemaphores, .inspectSemaphore, .awaitPermits,
            .evictHolder, .listGroups, .readGroup, .groupChanges, .putRecord, .readRecord, .removeRecord,
            .renewRecord:
            self.coordinationDescription.request
        case .takeLimit, .takeLimits, .listLimits, .inspectLimit, .resetLimit, .listSwitches, .setSwitch:
            self.limitDescription.request
        case .listProxies, .inspectProxy, .reloadProxies, .setEndpoint, .explainPick: self.proxyDescription.request
        case .startSaga, .startTransfer, .listTransactions, .inspectTransaction, .retryTransaction, .skipTransaction,
            .turnBackTransaction, .resolveTransaction, .cancelTransaction:
            self.transactionDescription.request
        case .readCluster, .leaveCluster, .handOverCluster, .setVoter, .removeVoter: self.clusterDescription.request
        default: nil
        }
    }

    var responseSchema: String {
        switch self {
        case .acquire, .renew: "Lease"
        case .release: "Released"
        case .renewMany: "RenewedMany"
        case .list: "LockPage"
        case .inspect: "LockOrChange"
        case .breakLock: "Lock"
        case .issueIDs: "Issued"
        case .readID: "ParsedIdentifier"
        case .identifiers: "Identifiers"
        case .takeSegment: "Segment"
        case .listSegments: "SegmentPage"
        case .inspectSegment: "SegmentRecord"
        case .cacheStatistics: "CacheStatistics"
        case .cacheBulk: "CacheBulkAnswer"
        case .emptyCache: "CacheEmptied"
        case .storeEntry: "CacheStored"
        case .deleteEntry: "CacheDeleted"
        case .server: "Server"
        case .declareQueue, .listQueues, .inspectQueue, .deleteQueue, .pauseQueue, .resumeQueue, .queueChanges,
            .publishMessages, .peekMessages, .purgeQueue, .cancelMessage, .cancelMessages, .receiveMessages,
            .settleMessages, .deadLetters, .redriveDeadLetters, .dropDeadLetters:
            self.queueDescription.answer
        case .declareExchange, .listExchanges, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange,
            .publishThrough, .publishTopic, .topicEvents, .listTopics, .retainTopic, .forgetTopic, .subscribeQueue,
            .unsubscribeQueue, .putSchedule, .listSchedules, .inspectSchedule, .removeSchedule:
            self.routingDescription.answer
        case .acquirePermits, .renewPermits, .releasePermits, .listSemaphores, .inspectSemaphore, .awaitPermits,
            .evictHolder, .listGroups, .readGroup, .groupChanges, .putRecord, .readRecord, .removeRecord,
            .renewRecord:
            self.coordinationDescription.answer
        case .takeLimit, .takeLimits, .listLimits, .inspectLimit, .resetLimit, .listSwitches, .setSwitch:
            self.limitDescription.answer
        case .listProxies, .inspectProxy, .reloadProxies, .setEndpoint, .explainPick: self.proxyDescription.answer
        case .startSaga, .startTransfer, .listTransactions, .inspectTransaction, .retryTransaction, .skipTransaction,
            .turnBackTransaction, .resolveTransaction, .cancelTransaction:
            self.transactionDescription.answer
        case .readCluster, .leaveCluster, .handOverCluster, .setVoter, .removeVoter: self.clusterDescription.answer
        default: "Status"
        }
    }
}
