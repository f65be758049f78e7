public import ColonyCore
public import ColonyResilience
import Synchronization

/// The limits of a daemon, reached through its HTTP interface.
///
/// ```swift
/// let engine: RemoteRateLimitEngine = try .colony("http://127.0.0.1:7400")
/// let rule = try RateLimitRule(100, per: .seconds(1))
/// let answer = try await engine.take([RateLimitRequest("tenant/7", rule: rule)])[0]
/// ```
///
/// The daemon's store decides, by its own clock; this engine carries questions and answers and keeps no state but open connections.
/// An answer that does not arrive is `unavailable`: the permits may have been taken. Times in answers are whole milliseconds,
/// rounded up, so that whoever waits for them does not come too early.
public final class RemoteRateLimitEngine: RateLimitAdministration {
    private let connection: DaemonConnection
    private let place: String
    private let isClosed = Atomic<Bool>(false)

    /// One count for all who reach the daemon. What it outlives depends on the daemon's store, so nothing is claimed here.
    public var guarantee: Guarantee { Guarantee(reach: .network, survival: .nothing) }

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: `http` or `https`, with one host.
    ///   - token: The bearer token, if the daemon wants one.
    ///   - configuration: Time-outs and limits.
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public init(
        url: EngineURL, token: String? = nil,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration()
    ) throws(InvalidName) {
        self.connection = try DaemonConnection(url: url, token: token, configuration: configuration)
        self.place = "\(url)"
    }

    /// Ends all connections. What comes later is refused with `closed`.
    ///
    /// Closing again does nothing.
    public func close() async {
        self.isClosed.store(true, ordering: .releasing)
        await self.connection.close()
    }

    /// Decides all requests in one call of the daemon's store.
    ///
    /// - Throws: `ResilienceError`, as the port says; a daemon that counts no limits is `invalidRequest`, because asking again is of
    ///   no use.
    /// - Complexity: One request over HTTP.
    public func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        try RateLimitLimits.check(requests)
        let documents: [LimitDecisionDocument]
        if requests.count == 1 {
            let answer = try await self.ask { connection throws(LeaseError) in
                try await connection.post(
                    "\(Self.path(of: requests[0].name))/take", TakeLimitDocument(requests[0], isNamed: false))
            }
            documents = [try self.document(of: answer, as: LimitDecisionDocument.self)]
        } else {
            let answer = try await self.ask { connection throws(LeaseError) in
                try await connection.post(
                    "/v1/limits/take",
                    TakeLimitsDocument(requests: requests.map { TakeLimitDocument($0, isNamed: true) }))
            }
            documents = try self.document(of: answer, as: LimitDecisionsDocument.self).decisions
        }
        guard documents.count == requests.count else {
            throw ResilienceError(
                .unavailable, "\(self.place) gave \(documents.count) answers to \(requests.count) requests")
        }
        return documents.map(\.decision)
    }

    /// Has the daemon forget what was taken from a limit, for which the token must be an admin's.
    ///
    /// - Returns: Whether something was owed.
    /// - Throws: `ResilienceError` as ``take(_:)`` does; after `unavailable` it may have been reset.
    /// - Complexity: One request over HTTP.
    @discardableResult
    public func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool {
        let answer = try await self.ask { connection throws(LeaseError) in
            try await connection.send(.delete, Self.path(of: name))
        }
        if answer.status == 404, answer.code == "not_found" { return false }
        guard answer.status == 200 else { throw self.error(answer.error) }
        return true
    }

    /// Limits that are not full, as far as the token may see them, page by page in byte order. A store that cannot list them is
    /// `invalidRequest`.
    public func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord] {
        try RateLimitLimits.check(page: limit)
        var query = "limit=\(limit)"
        if !prefix.isEmpty { query += "&prefix=\(PercentEncoding.encoded(prefix))" }
        if let name { query += "&after=\(PercentEncoding.encoded(name.rawValue))" }
        let path = "/v1/limits?\(query)"
        let answer = try await self.ask { connection throws(LeaseError) in try await connection.send(.get, path) }
        var records: [RateLimitRecord] = []
        for document in try self.document(of: answer, as: LimitPageDocument.self).limits {
            records.append(try document.record())
        }
        return records
    }

    // MARK: Asking

    private func ask(
        _ body: (DaemonConnection) async throws(LeaseError) -> DaemonConnection.Answer
    ) async throws(ResilienceError) -> DaemonConnection.Answer {
        do throws(LeaseError) {
            return try await body(self.connection)
        } catch {
            throw self.error(error)
        }
    }

    private func document<Document: Decodable>(
        of answer: DaemonConnection.Answer, as type: Document.Type
    ) throws(ResilienceError) -> Document {
        guard answer.status == 200 else { throw self.error(answer.error) }
        do throws(LeaseError) {
            return try answer.decoded(as: type)
        } catch {
            throw self.error(error)
        }
    }

    private func error(_ error: LeaseError) -> ResilienceError {
        if self.isClosed.load(ordering: .acquiring) {
            return ResilienceError(.closed, "the connections to \(self.place) were closed")
        }
        let code: ResilienceError.Code =
            switch error.code {
            case .invalidRequest, .unsupported: .invalidRequest
            case .cancelled: .cancelled
            case .closed: .closed
            default: .unavailable
            }
        return ResilienceError(code, error.message, cause: error.cause)
    }

    private static func path(of name: RateLimitName) -> String {
        "/v1/limits/\(PercentEncoding.encoded(name.rawValue))"
    }
}

extension RateLimitEngine where Self == RemoteRateLimitEngine {
    /// The limits of a daemon, such as `.colony("http://127.0.0.1:7400")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func colony(_ url: String, token: String? = nil) throws(InvalidName) -> RemoteRateLimitEngine {
        try RemoteRateLimitEngine(url: EngineURL(url), token: token)
    }
}
