public import ColonyCore
public import ColonyIdentifiers

/// Identifiers that a daemon issues, for programs that keep no worker number and no ranges of their own.
///
/// ```swift
/// let identifiers = try RemoteIdentifiers(url: EngineURL("http://127.0.0.1:7400"))
/// let ids = try await identifiers.issue(.snowflake, count: 100)
/// ```
///
/// **Guarantee.** What the daemon's own generators promise: Snowflake identifiers and the numbers of a tag are unique as
/// far as its store reaches, UUIDs and ULIDs everywhere. An answer that got lost on the way leaves a gap and nothing more,
/// so asking again is always right. Identifiers of one answer rise; those of two requests that overlap in time have no
/// order between them.
///
/// - Complexity: One round trip for each call, whatever the count. Where that is too much, use a `SnowflakeNode` or a
///   `SegmentIDGenerator` over ``RemoteSegmentEngine``, which ask once in seconds.
public final class RemoteIdentifiers: Sendable {
    /// The most identifiers of one request: their answer stays below half a megabyte.
    public static let largestBatch = 10_000

    /// How long the daemon may take beyond a round trip: it waits for a worker number or for the next tick.
    private static let longestWait: Duration = .seconds(5)

    private let connection: DaemonConnection

    /// Makes the client. Nothing is connected yet.
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
    }

    /// New identifiers, as text.
    ///
    /// - Parameters:
    ///   - kind: What is wanted. A Snowflake identifier and a number are decimal, since JavaScript would round them.
    ///   - count: From 1 to ``largestBatch``.
    ///   - tag: Whose numbers are wanted: needed for `segment`, and refused for every other kind.
    /// - Returns: Exactly `count` identifiers.
    /// - Throws: `IdentifierError`: `invalidRequest`; `unavailable` or `cancelled`, after which identifiers may have been
    ///   issued that nobody uses; and what the daemon's generators say: `tickExhausted`, `clockMovedBack`,
    ///   `epochNotBegun`, `epochOver`, `workerLost`, `noWorkerFree`, `schemeMismatch`, `segmentsExhausted`,
    ///   `storageFailed`, with the wait that it advises in `retryAfter`.
    /// - Complexity: One round trip; O(*count*).
    public func issue(
        _ kind: IdentifierKind, count: Int = 1, tag: SegmentTag? = nil
    ) async throws(IdentifierError) -> [String] {
        guard (1...Self.largestBatch).contains(count) else {
            throw IdentifierError(
                .invalidRequest, "\(count) identifiers at once are not possible: from 1 to \(Self.largestBatch)")
        }
        var path = "/v1/ids/\(kind.rawValue)?count=\(count)"
        switch (kind, tag) {
        case (.segment, let tag?): path += "&tag=\(PercentEncoding.encoded(tag.rawValue))"
        case (.segment, nil):
            throw IdentifierError(.invalidRequest, "numbers of a segment need the tag that they belong to")
        case (_, let tag?):
            throw IdentifierError(
                .invalidRequest, "a \(kind.rawValue) has no tag, and \(NameRules.quoted(tag.rawValue)) was given")
        case (_, nil): break
        }
        let answer = try await self.connection.ask(.post, path, waiting: Self.longestWait)
        let ids = try answer.identifierDocument(as: IssuedDocument.self).ids
        guard ids.count == count else {
            throw IdentifierError(answer.nonsense("it issued \(ids.count) identifiers and not \(count)"))
        }
        return ids
    }
}
