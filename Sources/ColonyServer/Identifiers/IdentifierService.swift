import ColonyCore
import ColonyIdentifiers
import Foundation
import NIOCore

/// What the routes of identifiers do, apart from HTTP: requests in, answers out.
///
/// UUIDs and ULIDs come from the process alone. Snowflake identifiers and numbers need a store of ranges; a daemon without
/// one says `not_offered`.
final class IdentifierService: Sendable {
    /// The most identifiers of one request.
    static let largestBatch = 10_000

    /// How long a request waits for a worker number, a tick, or a range. Clients give an answer five seconds.
    static let longestWait: Duration = .seconds(4)

    let segments: (any SegmentEngine)?
    let keeper: NodeKeeper?
    let generators: SegmentGenerators?
    let settings: DaemonConfiguration.Identifiers
    let limits: DaemonConfiguration.Limits
    let metrics: DaemonMetrics
    private let uuids: UUIDv7Generator
    private let ulids: ULIDGenerator

    init(
        engine: any LeaseEngine, segments: (any SegmentEngine)?, settings: DaemonConfiguration.Identifiers,
        limits: DaemonConfiguration.Limits, metrics: DaemonMetrics, clock: any MonotonicClock,
        wallClock: any WallClock
    ) {
        self.segments = segments
        self.keeper = segments.map {
            NodeKeeper(
                engine: engine, moments: $0, settings: settings, drain: limits.drain, clock: clock,
                wallClock: wallClock)
        }
        self.generators = segments.map { SegmentGenerators(engine: $0, clock: clock) }
        self.settings = settings
        self.limits = limits
        self.metrics = metrics
        self.uuids = UUIDv7Generator(wallClock: wallClock)
        self.ulids = ULIDGenerator(wallClock: wallClock)
    }

    /// Lets nobody begin to wait any more, ends the waits, and begins to give the worker number back.
    func drain() {
        self.keeper?.drain()
        self.generators?.drain()
    }

    /// Returns when the worker number is given back and no request to the store is on its way.
    func close() async {
        await self.keeper?.close()
        await self.generators?.close()
    }

    // MARK: Issuing

    func issue(
        _ kind: Substring.UTF8View, query: Substring.UTF8View, body: ByteBuffer, token: AccessToken?
    ) async throws(Problem) -> Answer {
        let request = try IssueRequest(kind: kind, query: query, body: body)
        if let tag = request.tag { try token?.check(tag.rawValue) }
        let ids: [String]
        do throws(Problem) {
            ids = try await self.issue(request)
        } catch {
            self.metrics.refused(request.kind)
            throw error
        }
        self.metrics.issued(request.kind, count: ids.count)
        return Answer(capacity: 64 + ids.count * 40) { body in
            body.writeJSON(#"{"kind":"#)
            body.writeJSON(string: request.kind.rawValue)
            body.writeJSON(#","ids":["#)
            for (index, id) in ids.enumerated() {
                if index > 0 { body.writeJSON(",") }
                body.writeJSON(string: id)
            }
            body.writeJSON("]}")
        }
    }

    private func issue(_ request: IssueRequest) async throws(Problem) -> [String] {
        switch request.kind {
        case .uuid4: return (0..<request.count).map { _ in Self.text(of: .v4()) }
        case .uuid7: return (0..<request.count).map { _ in Self.text(of: self.uuids.next()) }
        case .ulid: return (0..<request.count).map { _ in self.ulids.next().description }
        case .snowflake:
            guard let keeper = self.keeper else { throw .notOffered("snowflake identifiers") }
            return try await keeper.issue(request.count, waitingUpTo: Self.longestWait).map(\.description)
        case .segment:
            guard let generators = self.generators, let tag = request.tag else {
                throw .notOffered("numbers of segments")
            }
            return try await generators.issue(request.count, of: tag).map { String($0) }
        }
    }

    /// Lower case, as RFC 9562 asks of those who write.
    static func text(of uuid: UUID) -> String { uuid.uuidString.lowercased() }
}

extension Problem {
    static func notOffered(_ what: String) -> Problem {
        Problem(.notOffered, "this server has no store of ranges, so it gives no \(what)")
    }

    init(_ error: IdentifierError) {
        switch error.code {
        case .malformedID: self.init(.malformedID, error.message)
        case .tickExhausted: self.init(.tickExhausted, error.message)
        case .clockMovedBack: self.init(.clockMovedBack, error.message)
        case .epochNotBegun: self.init(.epochNotBegun, error.message)
        case .epochOver: self.init(.epochOver, error.message)
        case .workerLost: self.init(.workerLost, error.message)
        case .noWorkerFree: self.init(.noWorkerFree, error.message)
        case .schemeMismatch: self.init(.schemeMismatch, error.message)
        case .segmentsExhausted: self.init(.segmentsExhausted, error.message)
        case .storageFailed: self.init(.storeFailed, error.message)
        case .invalidRequest, .invalidLayout, .unsafeNumber: self.init(.invalidRequest, error.message)
        case .cancelled: self.init(.storeUnavailable, "the request was cancelled before the store answered")
        default: self.init(.storeUnavailable, error.message)
        }
        self.retryAfter = error.retryAfter
    }
}
