public import ColonyCore
public import ColonyIdentifiers

/// The ranges of a daemon's store, reached through its HTTP interface.
///
/// ```swift
/// let orders = SegmentIDGenerator("orders", on: try .colony("http://127.0.0.1:7400"))
/// let id = try await orders.next()
/// ```
///
/// The daemon decides; this engine carries questions and answers and keeps no state but open connections. An answer that
/// does not arrive is ``IdentifierError/Code/unavailable``: the range may be taken, and then nobody uses it.
///
/// It also serves a `SnowflakeNode` as the store of its moments, together with a ``RemoteLeaseEngine`` of the same daemon.
public final class RemoteSegmentEngine: SegmentEngine {
    /// What a range is worth: disjoint on the network, and remembered by nothing unless the daemon has been asked what its
    /// store gives; see ``connect(to:token:configuration:)``.
    public let guarantee: Guarantee

    private let connection: DaemonConnection

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: `http` or `https`, with one host.
    ///   - token: The bearer token, if the daemon wants one.
    ///   - configuration: Time-outs and limits.
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(
        url: EngineURL, token: String? = nil,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration()
    ) throws(InvalidName) {
        self.init(
            connection: try DaemonConnection(url: url, token: token, configuration: configuration),
            guarantee: Guarantee(reach: .network, survival: .nothing))
    }

    private init(connection: DaemonConnection, guarantee: Guarantee) {
        self.connection = connection
        self.guarantee = guarantee
    }

    /// Makes the engine and asks the daemon what its store of ranges guarantees.
    ///
    /// - Throws: `IdentifierError`: `invalidRequest` for a URL that is none and for a daemon that keeps no ranges,
    ///   `unavailable` if it cannot be reached.
    /// - Complexity: One round trip.
    public static func connect(
        to url: EngineURL, token: String? = nil,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration()
    ) async throws(IdentifierError) -> RemoteSegmentEngine {
        let connection: DaemonConnection
        do {
            connection = try DaemonConnection(url: url, token: token, configuration: configuration)
        } catch {
            throw IdentifierError(.invalidRequest, "\(error)")
        }
        let status = try await connection.ask(.get, "/v1/ids").identifierDocument(as: IdentifierStatusDocument.self)
        return RemoteSegmentEngine(connection: connection, guarantee: status.guarantee.value)
    }

    // MARK: SegmentEngine

    /// Takes a range from the daemon's store.
    ///
    /// - Throws: ``IdentifierError``, as the port says. An answer that cannot be right, such as a range that does not lie
    ///   above the floor, is `unavailable`, because its numbers might be another's.
    /// - Complexity: One request.
    public func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        try request.check()
        let answer = try await self.connection.ask("\(Self.path(of: request.tag))/take", TakeRequest(request))
        let document = try answer.identifierDocument(as: SegmentDocument.self)
        // A range that overlaps another's would repeat numbers, so an answer that cannot be right is no range.
        guard let first = Int64(document.first), first > request.floor, document.count == request.count,
            !first.addingReportingOverflow(document.count).overflow
        else {
            throw IdentifierError(
                answer.nonsense(
                    "\(document.count) numbers from \(NameRules.quoted(document.first)) are no range of "
                        + "\(request.count) above \(request.floor)"))
        }
        return Segment(tag: request.tag, range: first..<first + document.count)
    }

    public func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        let answer = try await self.connection.ask(.get, Self.path(of: tag))
        if answer.status == 404, answer.code == "not_found" { return nil }
        return try self.record(try answer.identifierDocument(as: SegmentRecordDocument.self), answer)
    }

    public func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try SegmentLimits.check(page: limit)
        var query = "limit=\(limit)"
        if let tag { query += "&after=\(PercentEncoding.encoded(tag.rawValue))" }
        let answer = try await self.connection.ask(.get, "/v1/segments?\(query)")
        var records: [SegmentRecord] = []
        for document in try answer.identifierDocument(as: SegmentPageDocument.self).segments {
            records.append(try self.record(document, answer))
        }
        return records
    }

    private func record(
        _ document: SegmentRecordDocument, _ answer: DaemonConnection.Answer
    ) throws(IdentifierError) -> SegmentRecord {
        guard let record = document.record else {
            throw IdentifierError(answer.nonsense("it described a tag that cannot be: \(document)"))
        }
        return record
    }

    private static func path(of tag: SegmentTag) -> String {
        "/v1/segments/\(PercentEncoding.encoded(tag.rawValue))"
    }
}

extension SegmentEngine where Self == RemoteSegmentEngine {
    /// The ranges of a daemon, such as `.colony("http://127.0.0.1:7400")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func colony(_ url: String, token: String? = nil) throws(InvalidName) -> RemoteSegmentEngine {
        try RemoteSegmentEngine(url: EngineURL(url), token: token)
    }
}
