import ColonyCore
import ColonyIdentifiers

/// Identifiers that a daemon issued.
struct IssuedDocument: Decodable {
    var ids: [String]
}

/// What a daemon says of its identifiers.
struct IdentifierStatusDocument: Decodable {
    var guarantee: ServerDocument.GuaranteeDocument
}

/// The body of a request for a range. Numbers are text, because not every reader on the way keeps 64 bits.
struct TakeRequest: Encodable {
    var count: String
    var above: String?
    var scheme: String?

    init(_ request: SegmentRequest) {
        self.count = String(request.count)
        self.above = request.floor == 0 ? nil : String(request.floor)
        self.scheme = request.scheme
    }
}

struct SegmentDocument: Decodable {
    var first: String
    var count: Int64
}

struct SegmentRecordDocument: Decodable {
    var tag: String
    var next: String
    var segments: Int64
    var scheme: String?

    /// - Returns: `nil` if no store can know this.
    var record: SegmentRecord? {
        guard let tag = try? SegmentTag(self.tag), let next = Int64(self.next), next >= 1, self.segments >= 1 else {
            return nil
        }
        return SegmentRecord(tag: tag, next: next, segments: self.segments, scheme: self.scheme)
    }
}

struct SegmentPageDocument: Decodable {
    var segments: [SegmentRecordDocument]
}

extension IdentifierError {
    /// What a failure on the way to a daemon means for identifiers.
    init(_ error: LeaseError) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .invalidRequest, .unsupported: .invalidRequest
            case .storageFailed: .storageFailed
            default: .unavailable
            }
        self.init(code, error.message, cause: error.cause)
    }
}

extension DaemonConnection.Answer {
    /// The words of the daemon for what only identifiers know.
    private static let identifierCodes: [String: IdentifierError.Code] = [
        "malformed_id": .malformedID,
        // The daemon stays without a store of ranges however often it is asked.
        "not_offered": .invalidRequest,
        "tick_exhausted": .tickExhausted,
        "clock_moved_back": .clockMovedBack,
        "epoch_not_begun": .epochNotBegun,
        "epoch_over": .epochOver,
        "worker_lost": .workerLost,
        "no_worker_free": .noWorkerFree,
        "scheme_mismatch": .schemeMismatch,
        "segments_exhausted": .segmentsExhausted,
    ]

    /// What a refusal means to who asked for identifiers.
    var identifierError: IdentifierError {
        let general = self.error
        let code = self.code.flatMap { Self.identifierCodes[$0] }
        var error = IdentifierError(general)
        if let code { error.code = code }
        error.retryAfter = self.retryAfter
        return error
    }
}

extension DaemonConnection {
    /// Sends a request about identifiers and gives back the answer whatever its status is.
    func ask(
        _ method: Method, _ path: String, waiting wait: Duration = .zero
    ) async throws(IdentifierError) -> Answer {
        do {
            return try await self.send(method, path, waiting: wait)
        } catch {
            throw IdentifierError(error)
        }
    }

    /// Sends a document about identifiers and gives back the answer whatever its status is.
    func ask(_ path: String, _ document: some Encodable) async throws(IdentifierError) -> Answer {
        do {
            return try await self.post(path, document)
        } catch {
            throw IdentifierError(error)
        }
    }
}

extension DaemonConnection.Answer {
    /// The document of an answer with status 200, and otherwise what the refusal means.
    func identifierDocument<Document: Decodable>(
        as type: Document.Type
    ) throws(IdentifierError) -> Document {
        guard self.status == 200 else { throw self.identifierError }
        do {
            return try self.decoded(as: type)
        } catch {
            throw IdentifierError(error)
        }
    }
}
