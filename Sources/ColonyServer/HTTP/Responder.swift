import ColonyCaches
import ColonyCore
import ColonyIdentifiers
import ColonyQueues
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// Turns requests into answers: who may ask, where it goes, and what is written back.
final class Responder: Sendable {
    let locks: LockService
    let identifiers: IdentifierService
    let caches: CacheService
    let queues: QueueService
    let exchanges: ExchangeService
    let topics: TopicService
    let schedules: ScheduleService
    let permits: PermitService
    let registry: RegistryService
    let rateLimits: LimitService
    let switches: SwitchService
    let proxies: ProxyService
    let transactions: TransactionService
    let cluster: ClusterService
    let gatekeeper: Gatekeeper
    let hub: EventHub
    let metrics: DaemonMetrics
    let about: ServerAbout
    let limits: DaemonConfiguration.Limits
    let logger: Logger
    private let clock: any MonotonicClock
    private let dates: DateHeader
    private let started: WallTime
    private let document: ByteBuffer
    private let isReady = Atomic(true)

    init(
        locks: LockService, identifiers: IdentifierService, caches: CacheService, queues: QueueService,
        permits: PermitService, registry: RegistryService, rateLimits: LimitService, switches: SwitchService,
        proxies: ProxyService, transactions: TransactionService, cluster: ClusterService, gatekeeper: Gatekeeper,
        about: ServerAbout,
        limits: DaemonConfiguration.Limits,
        clock: any MonotonicClock,
        wallClock: any WallClock,
        logger: Logger
    ) {
        self.locks = locks
        self.identifiers = identifiers
        self.caches = caches
        self.queues = queues
        self.exchanges = ExchangeService(queues: queues)
        self.topics = TopicService(queues: queues)
        self.schedules = ScheduleService(queues: queues, logger: logger) { cluster.scheduleDuty() }
        self.permits = permits
        self.registry = registry
        self.rateLimits = rateLimits
        self.switches = switches
        self.proxies = proxies
        self.transactions = transactions
        self.cluster = cluster
        self.gatekeeper = gatekeeper
        self.hub = locks.hub
        self.metrics = locks.metrics
        self.about = about
        self.limits = limits
        self.clock = clock
        self.dates = DateHeader(wallClock)
        self.started = wallClock.now
        self.document = OpenAPIDocument(
            limits: limits, caching: caches.cache.settings, queueing: queues.settings,
            needsTokens: gatekeeper.needsTokens
        ).text()
        self.logger = logger
    }

    /// Ends waits and event streams, and tells load balancers to look elsewhere.
    func drain() {
        self.isReady.store(false, ordering: .relaxed)
        self.locks.register.drain()
        self.identifiers.drain()
        self.queues.drain()
        self.permits.register.drain()
        self.registry.register.drain()
        self.topics.streams.drain()
        self.transactions.drain()
        self.hub.close()
        self.caches.cache.invalidations.close()
    }

    /// Answers one request. An error that leaves this method closes the connection.
    @concurrent
    func respond(
        to request: Request, writer: consuming ResponseWriter, channel: any Channel
    ) async throws {
        let start = self.clock.now
        let client = Client(channel)
        var route: Route?
        var answer: Answer
        var stream: OpenStream?
        do throws(Problem) {
            let match = try RouteMatch.find(method: request.method.rawValue, target: request.head.path ?? "/")
            route = match.route
            let token = try self.gatekeeper.admit(request.head, to: match.route)
            stream = try await self.openStream(match, request, token)
            if stream != nil {
                answer = Answer(content: .none, body: ByteBuffer())
            } else {
                answer = try await self.answer(match, request, token, client)
            }
        } catch {
            if error.code == .clientGone { throw CancellationError() }
            answer = Answer(error)
        }
        self.note(request, route: route, status: answer.status, since: start)
        if let stream {
            try await self.write(stream, isHead: request.method == .head, writer, client)
            return
        }
        let head = answer.head(date: self.dates.value)
        do {
            if request.method == .head || answer.body.readableBytes == 0 {
                try await writer.writeResponse(head)
            } else {
                try await writer.write(response: head, body: ResponseBody(byteBuffer: answer.body))
            }
        } catch {
            await answer.undo?()
            throw error
        }
    }

    private func answer(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        switch match.route {
        case .acquire:
            let name = try self.name(match, token)
            return try await self.locks.acquire(name, body: try await self.body(of: request), client: client)
        case .renew:
            let name = try self.name(match, token)
            return try await self.locks.renew(name, body: try await self.body(of: request))
        case .release:
            let name = try self.name(match, token)
            return try await self.locks.release(name, body: try await self.body(of: request))
        case .renewMany:
            return try await self.locks.renewMany(body: try await self.body(of: request), token: token)
        case .list:
            return try await self.locks.list(match.query, token: token)
        case .inspect:
            return try await self.locks.inspect(try self.name(match, token), query: match.query, client: client)
        case .breakLock:
            return try await self.locks.breakLock(try self.name(match, token))
        case .issueIDs:
            return try await self.identifiers.issue(
                match.name, query: match.query, body: try await self.body(of: request), token: token)
        case .readID:
            return try self.identifiers.read(match.name, query: match.query)
        case .identifiers:
            return try self.identifiers.status(query: match.query)
        case .takeSegment:
            let tag = try self.tag(match, token)
            return try await self.identifiers.take(tag, body: try await self.body(of: request))
        case .listSegments:
            return try await self.identifiers.list(match.query, token: token)
        case .inspectSegment:
            return try await self.identifiers.inspect(try self.tag(match, token), query: match.query)
        case .cacheStatistics:
            return try self.caches.statistics(query: match.query, token: token)
        case .cacheBulk:
            return try self.caches.bulk(
                try await self.body(of: request), query: match.query, fields: request.headers, token: token)
        case .emptyCache:
            return try self.caches.removeAll(query: match.query, fields: request.headers, token: token)
        case .readEntry:
            return try self.caches.read(
                try self.key(match, token), query: match.query, fields: request.headers,
                isHead: request.method == .head)
        case .storeEntry:
            let key = try self.key(match, token)
            let most = self.caches.cache.settings.valueBytes
            return try await self.caches.store(key, query: match.query, fields: request.headers) {
                () async throws(Problem) in
                try await self.bytes(of: request, atMost: most) { .valueTooLarge($0, of: key, atMost: most) }
            }
        case .deleteEntry:
            return try self.caches.delete(try self.key(match, token), query: match.query, fields: request.headers)
        case .declareQueue, .listQueues, .inspectQueue, .deleteQueue, .pauseQueue, .resumeQueue, .queueChanges,
            .publishMessages, .peekMessages, .purgeQueue, .cancelMessage, .cancelMessages, .receiveMessages,
            .settleMessages, .deadLetters, .redriveDeadLetters, .dropDeadLetters:
            return try await self.answerQueue(match, request, token, client)
        case .declareExchange, .listExchanges, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange,
            .publishThrough, .publishTopic, .listTopics, .retainTopic, .forgetTopic, .subscribeQueue,
            .unsubscribeQueue, .putSchedule, .listSchedules, .inspectSchedule, .removeSchedule:
            return try await self.answerRouting(match, request, token, client)
        case .acquirePermits, .renewPermits, .releasePermits, .listSemaphores, .inspectSemaphore, .awaitPermits,
            .evictHolder, .listGroups, .readGroup, .groupChanges, .putRecord, .readRecord, .removeRecord,
            .renewRecord:
            return try await self.answerCoordination(match, request, token, client)
        case .takeLimit, .takeLimits, .listLimits, .inspectLimit, .resetLimit, .listSwitches, .setSwitch:
            return try await self.answerLimit(match, request, token)
        case .listProxies, .inspectProxy, .reloadProxies, .setEndpoint, .explainPick:
            return try await self.answerProxy(match, request, token)
        case .startSaga, .startTransfer, .listTransactions, .inspectTransaction, .retryTransaction, .skipTransaction,
            .turnBackTransaction, .resolveTransaction, .cancelTransaction:
            return try await self.answerTransaction(match, request, token, client)
        case .readCluster, .leaveCluster, .handOverCluster, .setVoter, .removeVoter:
            return try await self.answerCluster(match, request)
        case .server:
            return self.about.answer(now: self.clock.now, token: token)
        case .healthz:
            return Answer { $0.writeJSON(#"{"status":"ok"}"#) }
        case .readyz:
            guard self.isReady.load(ordering: .relaxed) else { throw .draining }
            return Answer { $0.writeJSON(#"{"status":"ready"}"#) }
        case .openAPI:
            return Answer(body: self.document)
        case .metrics:
            return await self.scrape(token)
        case .console:
            return try Self.file(match.name, request)
        case .events, .invalidations, .topicEvents:
            preconditionFailure("event streams are written elsewhere")
        }
    }

    private static func file(_ name: Substring.UTF8View, _ request: Request) throws(Problem) -> Answer {
        let name = String(decoding: name, as: UTF8.self)
        guard let file = ConsoleFiles.shared[name] else {
            throw Problem(.notFound, "the console has no file \(NameRules.quoted(name))")
        }
        let tags = request.headers[.ifNoneMatch] ?? ""
        let isKnown =
            tags == "*"
            || tags.split(separator: ",").contains { tag in
                // A cache may have marked the tag as weak; the contents are the same all the same.
                let tag = tag.trimmingSpaces
                return (tag.hasPrefix("W/") ? tag.dropFirst(2) : tag) == file.tag
            }
        return Answer(
            status: isKnown ? 304 : 200, content: .file(type: file.type, tag: file.tag),
            body: isKnown ? ByteBuffer() : file.contents)
    }

    private func scrape(_ token: AccessToken?) async -> Answer {
        var body = ByteBufferAllocator().buffer(capacity: 32_768)
        self.metrics.registry.write(to: &body)
        let counts = await self.locks.counts()
        for (name, value, help) in [
            ("colony_event_streams", self.hub.count, "Open event streams."),
            ("colony_lock_waiters", counts.waiters, "Requests that wait for a lock."),
            ("colony_queue_waiters", self.queues.register.count, "Requests that wait for something in a queue."),
            ("colony_semaphore_waiters", self.permits.register.count, "Requests that wait for permits."),
            ("colony_registry_waiters", self.registry.register.count, "Requests that wait for a change of a group."),
            ("colony_limit_switches", self.rateLimits.switches.count, "Limits that an operator has switched."),
            ("colony_transaction_waiters", self.transactions.register.count, "Requests that wait for a transaction."),
            ("colony_topic_streams", self.topics.streams.count, "Open streams of topics."),
            ("colony_locks_held", counts.held ?? -1, "Held locks in the store, counted at most every few seconds."),
            (
                "colony_ids_issuing", (self.identifiers.keeper?.status).map { $0.phase == .issuing ? 1 : 0 } ?? -1,
                "Whether Snowflake identifiers would be issued now."
            ),
            (
                "colony_segment_generators", self.identifiers.generators?.count ?? -1,
                "Tags that numbers are kept ready for."
            ),
            ("colony_cache_entries", self.caches.cache.count, "Entries in the cache."),
            ("colony_cache_bytes", self.caches.cache.bytes, "What the entries of the cache count together."),
            ("colony_cache_capacity_bytes", self.caches.cache.settings.bytes, "What the cache may hold."),
            ("colony_cache_streams", self.caches.cache.invalidations.count, "Open streams of invalidations."),
        ] where value >= 0 {
            PrometheusRegistry.writeHeader(name, .gauge, help: help, to: &body)
            body.writeString("\(name) \(value)\n")
        }
        await self.queues.writeMetrics(token: token, to: &body)
        self.schedules.writeMetrics(to: &body)
        await self.proxies.writeMetrics(to: &body)
        await self.transactions.writeMetrics(to: &body)
        self.cluster.writeMetrics(to: &body)
        PrometheusRegistry.writeHeader("colony_build_info", .gauge, help: "The version of Colony.", to: &body)
        body.writeString("colony_build_info{version=\"\(PrometheusRegistry.escaped(ServerAbout.version))\"} 1\n")
        ProcessMetrics.write(startedAt: self.started, to: &body)
        return Answer(content: .metrics, body: body)
    }

    // MARK: Events

    /// A stream that a client has opened.
    private enum OpenStream: Sendable {
        case events(EventHub.Subscription)
        case invalidations(InvalidationHub.Subscription, AccessToken?)
        case topic(TopicStream)
    }

    private func openStream(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> OpenStream? {
        switch match.route {
        case .events:
            return .events(try self.hub.subscribe())
        case .invalidations:
            let parameters = try QueryParameters(match.query, known: ["writer"])
            var writer: String?
            if let text = parameters["writer"] { writer = try CacheService.writer(text, of: "writer") }
            return .invalidations(try self.caches.cache.invalidations.subscribe(as: writer), token)
        case .topicEvents:
            let text = try PercentDecoding.name(match.name, of: "topic pattern", atMost: self.limits.nameBytes)
            try token?.check(text)
            let pattern = try Self.topic { () throws(QueueError) in try TopicPattern(text) }
            return .topic(try await self.topics.open(pattern, query: match.query, fields: request.headers))
        default:
            return nil
        }
    }

    @concurrent
    private func write(
        _ stream: OpenStream, isHead: Bool, _ writer: consuming ResponseWriter, _ client: Client
    ) async throws {
        let invalidations = self.caches.cache.invalidations
        defer {
            switch stream {
            case .events(let subscription): self.hub.unsubscribe(subscription)
            case .invalidations(let subscription, _): invalidations.unsubscribe(subscription)
            case .topic(let stream): stream.leave()
            }
        }
        let head = EventStream.head(date: self.dates.value)
        if isHead {
            try await writer.writeResponse(head)
            return
        }
        client.whenGone {
            switch stream {
            case .events(let subscription): subscription.finish()
            case .invalidations(let subscription, _): subscription.finish()
            case .topic(let stream): stream.finish()
            }
        }
        var body = try await writer.writeHead(head)
        switch stream {
        case .events(let subscription):
            try await EventStream(hub: self.hub, clock: self.clock).write(subscription, to: &body)
        case .invalidations(let subscription, let token):
            try await InvalidationStream(hub: invalidations, clock: self.clock, token: token)
                .write(subscription, to: &body)
        case .topic(let stream):
            try await stream.write(to: &body)
        }
        try await body.finish(nil)
    }

    private func key(_ match: RouteMatch, _ token: AccessToken?) throws(Problem) -> CacheKey {
        let key = try PercentDecoding.cacheKey(match.name)
        try token?.check(key.rawValue)
        return key
    }

    private func name(_ match: RouteMatch, _ token: AccessToken?) throws(Problem) -> LeaseName {
        let name = try PercentDecoding.leaseName(match.name, atMost: self.limits.nameBytes)
        try token?.check(name)
        return name
    }

    private func tag(_ match: RouteMatch, _ token: AccessToken?) throws(Problem) -> SegmentTag {
        let tag = try PercentDecoding.segmentTag(match.name, atMost: self.limits.nameBytes)
        try token?.check(tag.rawValue)
        return tag
    }

    // MARK: Bodies

    func body(of request: Request) async throws(Problem) -> ByteBuffer {
        if let type = request.headers[.contentType] { try Self.check(contentType: type) }
        return try await self.bytes(of: request, atMost: self.limits.bodyBytes) { _ in self.tooLarge }
    }

    /// Reads a body that may have any content.
    ///
    /// - Parameter tooLarge: Is given how many bytes are known to be there.
    func bytes(
        of request: Request, atMost limit: Int, tooLarge: (Int) -> Problem
    ) async throws(Problem) -> ByteBuffer {
        if let length = request.headers[.contentLength].flatMap(Int.init), length > limit { throw tooLarge(length) }
        do {
            var iterator = request.body.makeAsyncIterator()
            guard var body = try await iterator.next() else { return ByteBuffer() }
            guard body.readableBytes <= limit else { throw tooLarge(body.readableBytes) }
            while var part = try await iterator.next() {
                let count = body.readableBytes + part.readableBytes
                guard count <= limit else { throw tooLarge(count) }
                body.writeBuffer(&part)
            }
            return body
        } catch let problem as Problem {
            throw problem
        } catch is BodyTimeout {
            throw Problem(
                .bodyTimeout,
                "the body did not arrive within \(self.limits.bodyTimeout.text); send it faster or in smaller requests")
        } catch {
            // The connection broke, or what came was no HTTP.
            throw .clientGone
        }
    }

    private var tooLarge: Problem { Self.tooLarge(self.limits.bodyBytes) }

    static func tooLarge(_ limit: Int) -> Problem {
        Problem(.bodyTooLarge, "the body is longer than \(limit) bytes, which is all this server takes")
    }

    static func check(contentType: String) throws(Problem) {
        if contentType == "application/json" { return }
        let type = contentType.prefix { $0 != ";" }.trimmingSpaces.lowercased()
        guard type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) else {
            throw Problem(
                .unsupportedMediaType,
                "the body is declared as \(NameRules.quoted(contentType)), and application/json is what this server reads"
            )
        }
    }

    private func note(_ request: Request, route: Route?, status: Int, since start: MonotonicInstant) {
        let duration = start.duration(to: self.clock.now)
        self.metrics.answered(route, status: status, after: duration)
        guard self.logger.logLevel <= .debug else { return }
        self.logger.debug(
            "request",
            metadata: [
                "method": "\(request.method)", "route": "\(route.map { "\($0)" } ?? "none")",
                "path": "\(NameRules.quoted(request.head.path ?? ""))", "status": "\(status)",
                "milliseconds": "\(duration.clampedMilliseconds)",
            ])
    }
}

extension Substring {
    /// The text without spaces and tabs at its ends.
    var trimmingSpaces: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
