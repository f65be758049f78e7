import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyQueues
import NIOCore

/// The description of the API for programs: OpenAPI 3.1.
///
/// It is made from ``Route``, so a route without a description does not compile, and from the limits that this server
/// runs with. Answers are listed by what the handlers really give; a fuzzer holds the server to that in CI.
struct OpenAPIDocument {
    let limits: DaemonConfiguration.Limits
    private let caching: DaemonConfiguration.Caching
    private let queueing: DaemonConfiguration.Queues
    private let needsTokens: Bool

    init(
        limits: DaemonConfiguration.Limits, caching: DaemonConfiguration.Caching, queueing: DaemonConfiguration.Queues,
        needsTokens: Bool
    ) {
        self.limits = limits
        self.caching = caching
        self.queueing = queueing
        self.needsTokens = needsTokens
    }

    /// The document as text.
    func text() -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 16_384)
        self.document.write(to: &buffer)
        return buffer
    }

    private var document: JSONValue {
        var components: [(String, JSONValue)] = [("schemas", OpenAPISchemas(limits: self.limits).all)]
        if self.needsTokens {
            components.append(
                ("securitySchemes", ["bearer": ["type": "http", "scheme": "bearer", "description": "A token."]]))
        }
        return .object([
            ("openapi", "3.1.0"),
            (
                "info",
                [
                    "title": "Colony", "version": .string(ServerAbout.version),
                    "description":
                        "Named, owned, expiring locks and semaphores with fencing tokens; a registry of records; rate limits; durable queues; identifiers; a shared cache; proxies; transactions across services. Durations are in milliseconds.",
                    "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
                ]
            ),
            ("paths", .object(self.paths)),
            ("components", .object(components)),
        ])
    }

    private var paths: [(String, JSONValue)] {
        var paths: [(String, [(String, JSONValue)])] = []
        for route in Route.allCases {
            for path in route.documentedPaths {
                let operation = (route.method.rawValue.lowercased(), self.operation(route, at: path))
                if let index = paths.firstIndex(where: { $0.0 == path }) {
                    paths[index].1.append(operation)
                } else {
                    paths.append((path, [operation]))
                }
            }
        }
        return paths.map { ($0.0, .object($0.1)) }
    }

    private func operation(_ route: Route, at path: String) -> JSONValue {
        let isMain = path == route.template.description
        var members: [(String, JSONValue)] = [
            ("operationId", .string(isMain ? "\(route)" : "\(route)At" + path.filter(\.isLetter))),
            ("summary", .string(route.summary)),
        ]
        var parameters = self.parameters(route)
        if path == Route.segmentIDsPath { parameters.append(self.neededTagParameter) }
        if path.contains("{name}") { parameters.insert(self.nameParameter, at: 0) }
        if path.contains("{tag}") { parameters.insert(self.tagParameter, at: 0) }
        if path.contains("{id}") { parameters.insert(self.idParameter(route), at: 0) }
        if path.contains("{key}") { parameters.insert(self.keyParameter(route), at: 0) }
        if path.contains("{message}") { parameters.insert(self.messageParameter, at: 0) }
        if path.contains("{queue}") { parameters.insert(self.queueParameter, at: 0) }
        for place in Self.namedPlaces where path.contains("{\(place)}") {
            parameters.insert(self.namedParameter(place), at: 0)
        }
        if path.contains("{file}") { parameters.insert(self.fileParameter, at: 0) }
        if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
        if route == .storeEntry {
            members.append(
                (
                    "requestBody",
                    [
                        // No bytes are a value as well.
                        "required": false, "description": "The bytes to keep, declared as what they are.",
                        "content": [
                            "application/octet-stream": ["schema": self.valueSchema],
                            "text/plain": ["schema": self.valueSchema],
                        ],
                    ]
                ))
        }
        if let schema = route.requestSchema {
            members.append(
                (
                    "requestBody",
                    [
                        "required": .bool(!route.bodyMayBeMissing),
                        "content": ["application/json": ["schema": .reference(schema)]],
                    ]
                ))
        }
        members.append(("responses", .object(self.responses(route))))
        if self.needsTokens {
            members.append(("security", route.scope == nil ? [] : [["bearer": []]]))
        }
        return .object(members)
    }

    // MARK: Parameters

    private var nameParameter: JSONValue {
        [
            "name": "name", "in": "path", "required": true, "schema": .reference("Name"),
            "description": "The lock's name, percent-encoded; a slash is %2F.",
        ]
    }

    private var queueParameter: JSONValue {
        [
            "name": "queue", "in": "path", "required": true, "schema": .reference("Name"),
            "description": "The queue's name, percent-encoded; a slash is %2F.",
        ]
    }

    private func namedParameter(_ place: String) -> JSONValue {
        [
            "name": .string(place), "in": "path", "required": true,
            "schema": .reference(
                ["owner": "Owner", "kind": "SwitchKind", "switch": "SwitchName", "transaction": "TransactionID"][
                    place, default: "Name"]),
            "description": .string("The \(place), percent-encoded; a slash is %2F, and # is %23."),
        ]
    }

    private var messageParameter: JSONValue {
        [
            "name": "message", "in": "path", "required": true, "schema": .reference("MessageID"),
            "description": "The number of a message.",
        ]
    }

    private var tagParameter: JSONValue {
        [
            "name": "tag", "in": "path", "required": true, "schema": .reference("Name"),
            "description": "The name of the series of numbers, percent-encoded; a slash is %2F.",
        ]
    }

    private func idParameter(_ route: Route) -> JSONValue {
        route == .issueIDs
            ? [
                "name": "id", "in": "path", "required": true,
                "schema": [
                    "enum": .array(IdentifierKind.allCases.filter { $0 != .segment }.map { .string($0.rawValue) })
                ],
                "description": "The kind that is wanted.",
            ]
            : [
                "name": "id", "in": "path", "required": true,
                "schema": [
                    "type": "string",
                    "anyOf": .array(OpenAPISchemas.identifierPatterns.map { ["pattern": .string($0)] }),
                ],
                "description": "A Snowflake in decimal, base 32, or base 62; a UUID; a ULID.",
            ]
    }

    private var neededTagParameter: JSONValue {
        [
            "name": "tag", "in": "query", "required": true, "schema": .reference("Name"),
            "description": "Whose numbers are wanted.",
        ]
    }

    private func keyParameter(_ route: Route) -> JSONValue {
        let isOfRecord = route.template.description.contains("/records/")
        return [
            "name": "key", "in": "path", "required": true, "schema": .reference(isOfRecord ? "Name" : "CacheKey"),
            "description": "The key, percent-encoded; a slash is %2F.",
        ]
    }

    private var valueSchema: JSONValue {
        ["type": "string", "maxLength": .number(UInt64(self.caching.valueBytes))]
    }

    private func condition(_ name: String, _ description: String) -> JSONValue {
        [
            "name": .string(name), "in": "header", "description": .string(description),
            "schema": OpenAPISchemas.entityTags,
        ]
    }

    /// Who writes, for all routes that change the cache.
    private var writerParameter: JSONValue {
        [
            "name": "Colony-Writer", "in": "header", "schema": .reference("Writer"),
            "description": "Who writes: streams of invalidations opened with the same `writer` are not told.",
        ]
    }

    private var fileParameter: JSONValue {
        [
            "name": "file", "in": "path", "required": true,
            "schema": ["enum": .array(ConsoleFiles.shared.names.sorted().map { .string($0) })],
        ]
    }

    private func parameters(_ route: Route) -> [JSONValue] {
        func query(_ name: String, _ schema: JSONValue, _ description: String) -> JSONValue {
            ["name": .string(name), "in": "query", "schema": schema, "description": .string(description)]
        }
        func page(_ what: String, _ after: JSONValue) -> [JSONValue] {
            [
                query("after", after, "Only \(what) after this one: `next` of the page before."),
                query(
                    "limit", ["type": "integer", "minimum": 1, "maximum": .number(UInt64(self.limits.batch))],
                    "How many at the most."),
            ]
        }
        let wait: JSONValue = [
            "type": "integer", "minimum": 0, "maximum": .number(UInt64(self.limits.wait.clampedMilliseconds)),
        ]
        let number: JSONValue = ["type": "integer", "minimum": 0, "maximum": .number(UInt64(Int64.max))]
        switch route {
        case .awaitPermits:
            let permits: JSONValue = [
                "type": "integer", "minimum": 1, "maximum": .number(UInt64(PermitLimits.permits)),
            ]
            var limit = query("limit", permits, "How many permits there are in all.")
            if case .object(let members) = limit { limit = .object(members + [("required", true)]) }
            return [
                limit, query("permits", permits, "How many are wanted, up to `limit`; 1 without it."),
                query("owner", .reference("Owner"), "Who wants them: its own place stands in nobody's way."),
                query("wait_ms", wait, "Wait this long until they are free."),
            ]
        case .evictHolder:
            return [query("token", .reference("Token"), "Only this grant; without it, a place in the queue as well.")]
        case .removeRecord:
            return [
                query("if_version", .reference("Revision"), "Only the record in this version."),
                query("if_owner", .reference("Owner"), "Only a record of this owner. Not both."),
            ]
        case .groupChanges:
            var since = query("since", .reference("Revision"), "The `revision` that is known already.")
            if case .object(let members) = since { since = .object(members + [("required", true)]) }
            return [since, query("wait_ms", wait, "Wait this long for another state.")]
        case .list, .listSemaphores, .listGroups, .listLimits:
            return [
                query("prefix", ["type": "string", "maxLength": 255], "Only names that start with this.")
            ] + page("names", .reference("Name"))
        case .inspect:
            return [
                query("wait_ms", wait, "Wait this long for a grant to be over, and answer whether it is."),
                query(
                    "token", .reference("Token"),
                    "The grant to wait for the end of, or to ask about if there is no `wait_ms`; without it, the present one."
                ),
            ]
        case .issueIDs:
            return [
                query(
                    "count",
                    [
                        "type": "integer", "minimum": 1, "maximum": .number(UInt64(IdentifierService.largestBatch)),
                        "default": 1,
                    ],
                    "How many.")
            ]
        case .listSegments:
            return page("tags", .reference("Name"))
        case .listQueues, .listExchanges, .listSchedules:
            return page("names", .reference("Name"))
        case .peekMessages, .deadLetters:
            return page("messages", number)
        case .topicEvents:
            return [
                query(
                    "from", ["type": "string"],
                    "`end`, `beginning`, an offset after which to begin, or a time; without it, `end`."),
                query(
                    "policy", ["enum": .array(SubscriptionSettings.WhenFull.allCases.map { .string($0.rawValue) })],
                    "What happens when the buffer of the client is full; without it, `drop_oldest`."),
                query(
                    "buffer",
                    [
                        "type": "integer", "minimum": .number(UInt64(TopicService.buffers.lowerBound)),
                        "maximum": .number(UInt64(TopicService.buffers.upperBound)), "default": 1_000,
                    ],
                    "How many messages wait for the client at most."),
                [
                    "name": "Last-Event-ID", "in": "header", "schema": ["type": "string"],
                    "description": "The offset that was seen last; it takes the place of `from`.",
                ],
            ]
        case .queueChanges:
            return [
                query("since", number, "The count of changes that is known already."),
                query("wait_ms", wait, "Wait this long for another count."),
            ]
        case .readEntry:
            return [
                self.condition("If-Match", "Only an entry with one of these tags, or `*`."),
                self.condition("If-None-Match", "304 if the entry has one of these tags."),
            ]
        case .storeEntry:
            return [
                query(
                    "ttl_ms",
                    [
                        "type": "integer", "minimum": .number(UInt64(CacheService.timeToLive.lowerBound)),
                        "maximum": .number(UInt64(CacheService.timeToLive.upperBound)),
                    ],
                    "How long the entry stays; without it, until room is needed."),
                self.condition("If-Match", "Only in place of an entry with one of these tags, or `*`."),
                self.condition("If-None-Match", "`*`: only if there is no entry."),
                self.writerParameter,
            ]
        case .deleteEntry:
            return [
                self.condition("If-Match", "Only an entry with one of these tags, or `*`."),
                self.condition("If-None-Match", "Only an entry with none of these tags."), self.writerParameter,
            ]
        case .cacheBulk, .emptyCache:
            return [self.writerParameter]
        case .invalidations:
            return [query("writer", .reference("Writer"), "Whose changes are left out: the reader's own.")]
        default: return self.proxyParameters(route) + self.transactionParameters(route, wait)
        }
    }

    // MARK: Answers

    private func responses(_ route: Route) -> [(String, JSONValue)] {
        var responses: [(String, JSONValue)] = [("200", self.success(route))]
        if route == .storeEntry {
            responses.append(("201", self.success(route, "The entry is stored; there was none before.")))
        }
        if route == .declareQueue || route == .declareExchange {
            responses.append(("201", self.success(route, "It is made; there was none before.")))
        }
        if route == .startSaga || route == .startTransfer {
            responses.append(("202", self.success(route, "It comes to its end.")))
        }
        if route == .readEntry {
            responses.append(("304", ["description": "The entry has one of the tags that were sent."]))
        }
        if route == .console {
            responses.append(("304", ["description": "The file has not changed since."]))
        }
        let byStatus = Dictionary(grouping: self.problems(route), by: \.status)
        for (status, codes) in byStatus.sorted(by: { $0.key < $1.key }) {
            let names = codes.map { "`\($0.rawValue)`" }.joined(separator: ", ")
            let titles = codes.map(\.title.description).joined(separator: "; ")
            var response: [(String, JSONValue)] = [("description", .string("\(titles) (\(names))."))]
            if codes.contains(where: { $0.retryAfterSeconds != nil }) {
                response.append(
                    ("headers", ["Retry-After": ["description": "In seconds.", "schema": ["type": "integer"]]]))
            }
            response.append(
                (
                    "content",
                    [
                        "application/problem+json": [
                            "schema": .reference(Self.schema(of: codes))
                        ]
                    ]
                ))
            responses.append((String(status), .object(response)))
        }
        return responses
    }

    private static func schema(of codes: [ProblemCode]) -> String {
        if codes.contains(.held) { return "HeldProblem" }
        if codes.contains(.permitsHeld) { return "PermitsHeldProblem" }
        if codes.contains(.recordConflict) { return "RecordProblem" }
        return codes.contains(.queueFull) ? "FullProblem" : "Problem"
    }

    private func success(_ route: Route, _ description: String? = nil) -> JSONValue {
        let content: JSONValue
        switch route {
        case .readEntry: content = ["*/*": ["schema": ["type": "string"]]]
        case .events, .invalidations, .topicEvents: content = ["text/event-stream": ["schema": ["type": "string"]]]
        case .metrics: content = ["text/plain": ["schema": ["type": "string"]]]
        case .openAPI: content = ["application/json": ["schema": ["type": "object"]]]
        case .console:
            content = .object(
                ["text/html", "text/css", "text/javascript", "image/svg+xml"].map {
                    ($0, ["schema": ["type": "string"]])
                })
        default: content = ["application/json": ["schema": .reference(route.responseSchema)]]
        }
        var response: [(String, JSONValue)] = [("description", .string(description ?? route.successDescription))]
        if route == .takeLimit {
            response.append(
                (
                    "headers",
                    ["Retry-After": ["description": "Of a refusal, in seconds.", "schema": ["type": "integer"]]]
                ))
        }
        response.append(("content", content))
        return .object(response)
    }

    /// What can go wrong at a route.
    private func problems(_ route: Route) -> [ProblemCode] {
        var codes: [ProblemCode] = []
        if route.requestSchema != nil {
            codes += [
                .invalidJSON, .invalidRequest, .unknownField, .invalidName, .bodyTimeout, .bodyTooLarge,
                .unsupportedMediaType, .storeFailed, .storeUnavailable,
            ]
        }
        switch route {
        case .acquire: codes += [.held, .tooManyWaiters, .draining]
        case .renew, .release: codes += [.lost]
        case .list:
            codes += [.invalidName, .invalidRequest, .unknownField, .storeFailed, .unsupported, .storeUnavailable]
        case .inspect:
            codes += [
                .invalidName, .invalidRequest, .unknownField, .notFound, .tooManyWaiters, .storeFailed,
                .storeUnavailable, .draining,
            ]
        case .breakLock: codes += [.invalidName, .notFound, .storeFailed, .unsupported, .storeUnavailable]
        case .issueIDs:
            codes += [
                .notOffered, .schemeMismatch, .segmentsExhausted, .epochOver, .tickExhausted, .clockMovedBack,
                .epochNotBegun, .workerLost, .noWorkerFree, .tooManyWaiters, .draining,
            ]
        case .readID: codes += [.malformedID, .invalidRequest, .unknownField]
        case .identifiers, .cacheStatistics, .emptyCache: codes += [.invalidRequest, .unknownField]
        case .takeSegment: codes += [.notOffered, .schemeMismatch, .segmentsExhausted]
        case .listSegments:
            codes += [.invalidName, .invalidRequest, .unknownField, .storeFailed, .notOffered, .storeUnavailable]
        case .inspectSegment:
            codes += [
                .invalidName, .invalidRequest, .unknownField, .notFound, .storeFailed, .notOffered, .storeUnavailable,
            ]
        case .cacheBulk: codes += [.valueTooLarge]
        case .readEntry:
            codes += [.invalidName, .invalidRequest, .unknownField, .notFound, .versionMismatch]
        case .storeEntry:
            codes += [
                .invalidName, .invalidRequest, .unknownField, .versionMismatch, .valueTooLarge, .bodyTimeout,
                .unsupportedEncoding,
            ]
        case .deleteEntry:
            codes += [.invalidName, .invalidRequest, .unknownField, .notFound, .versionMismatch]
        case .declareQueue, .listQueues, .inspectQueue, .deleteQueue, .pauseQueue, .resumeQueue, .queueChanges,
            .publishMessages, .peekMessages, .purgeQueue, .cancelMessage, .cancelMessages, .receiveMessages,
            .settleMessages, .deadLetters, .redriveDeadLetters, .dropDeadLetters:
            codes += [.invalidName, .notOffered, .storeFailed, .storeUnavailable] + route.queueDescription.problems
        case .declareExchange, .listExchanges, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange,
            .publishThrough, .publishTopic, .topicEvents, .listTopics, .retainTopic, .forgetTopic, .subscribeQueue,
            .unsubscribeQueue, .putSchedule, .listSchedules, .inspectSchedule, .removeSchedule:
            codes += [.invalidName, .notOffered, .unsupported, .storeFailed, .storeUnavailable]
            codes += route.routingDescription.problems
        case .acquirePermits, .renewPermits, .releasePermits, .listSemaphores, .inspectSemaphore, .awaitPermits,
            .evictHolder, .listGroups, .readGroup, .groupChanges, .putRecord, .readRecord, .removeRecord,
            .renewRecord:
            codes += [.invalidName, .notOffered, .unsupported, .storeFailed, .storeUnavailable]
            codes += route.coordinationDescription.problems
        case .takeLimit, .takeLimits, .listLimits, .inspectLimit, .resetLimit, .listSwitches, .setSwitch:
            codes += [.invalidName, .notOffered, .storeFailed, .storeUnavailable] + route.limitDescription.problems
        case .invalidations: codes += [.invalidRequest, .unknownField, .tooManyStreams, .draining]
        case .events: codes += [.tooManyStreams, .draining]
        case .readyz: codes += [.draining]
        case .console: codes += [.notFound]
        case .listProxies, .inspectProxy, .reloadProxies, .setEndpoint, .explainPick:
            codes += route.proxyDescription.problems
        case .startSaga, .startTransfer, .listTransactions, .inspectTransaction, .retryTransaction, .skipTransaction,
            .turnBackTransaction, .resolveTransaction, .cancelTransaction:
            codes += [.invalidName, .unsupported, .storeFailed, .storeUnavailable, .draining]
            codes += route.transactionDescription.problems
        case .readCluster, .leaveCluster, .handOverCluster, .setVoter, .removeVoter:
            codes += [.notOffered] + route.clusterDescription.problems
        case .renewMany, .server, .openAPI, .healthz, .metrics: break
        }
        if self.needsTokens {
            if route.scope != nil { codes += [.unauthorized, .forbidden] }
        } else if route != .healthz && route != .readyz {
            codes += [.hostRefused, .originRefused]
        }
        return codes
    }
}
