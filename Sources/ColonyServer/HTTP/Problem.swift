import ColonyCoordination
import ColonyCore
import ColonyQueues
import NIOCore

/// An error as the API answers it: a problem document of RFC 9457.
struct Problem: Error {
    var code: ProblemCode
    /// What was wrong this time, as a sentence that quotes the offending value.
    var detail: String
    /// Who stands in the way, for ``ProblemCode/held`` and ``ProblemCode/permitsHeld``.
    var holder: LeaseHolder?
    /// How many permits nobody holds, for ``ProblemCode/permitsHeld``.
    var available: Int?
    /// The record that is there, for ``ProblemCode/recordConflict``; `nil` if there is none.
    var record: RegistryRecord?
    /// Which queue has no room, and what it does then, for ``ProblemCode/queueFull``.
    var room: (queue: QueueName, overflow: QueueSettings.Overflow?)?
    /// The methods that are allowed, for ``ProblemCode/methodNotAllowed``.
    var allowedMethods: String?
    /// The tag of the present entry, for ``ProblemCode/versionMismatch``; `nil` if there is none.
    var entityTag: String?
    /// After how long asking again can succeed, where that is known better than ``ProblemCode/retryAfterSeconds``.
    var retryAfter: Duration?

    init(_ code: ProblemCode, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    static func held(_ name: LeaseName, by holder: LeaseHolder) -> Problem {
        var problem = Problem(
            .held, "\(NameRules.quoted(name.rawValue)) is held by \(NameRules.quoted(holder.owner.rawValue))")
        problem.holder = holder
        return problem
    }

    init(_ name: InvalidName) {
        self.init(.invalidName, name.description)
    }

    init(_ defect: JSONDefect) {
        switch defect {
        case .notJSON(let offset, let reason):
            self.init(.invalidJSON, "the body cannot be read at byte \(offset): \(reason)")
        case .unknownMember(let path, _, let nearest):
            let hint = nearest.map { "; did you mean \($0)?" } ?? ""
            self.init(.unknownField, "the field \(NameRules.quoted(path)) is not known\(hint)")
        case .duplicateMember(let path):
            self.init(.invalidRequest, "\(path) appears twice")
        case .wrongType(let path, let expected, let found):
            self.init(.invalidRequest, "\(path) must be \(expected), not \(NameRules.quoted(found))")
        case .missing(let path):
            self.init(.invalidRequest, "\(path) is missing")
        case .invalidName(let path, let reason):
            self.init(.invalidName, "\(path) is refused: \(reason)")
        case .outOfRange(let path, let reason):
            self.init(.invalidRequest, "\(path) is refused: \(reason)")
        case .tooLarge(let path, let reason):
            self.init(.messageTooLarge, "\(path) is refused: \(reason)")
        }
    }

    init(_ error: LeaseError) {
        switch error.code {
        case .invalidRequest: self.init(.invalidRequest, error.message)
        case .storageFailed: self.init(.storeFailed, error.message)
        case .unsupported: self.init(.unsupported, error.message)
        case .cancelled: self.init(.storeUnavailable, "the request was cancelled before the store answered")
        default: self.init(.storeUnavailable, error.message)
        }
    }

    /// The document as JSON.
    func write(to buffer: inout ByteBuffer) {
        buffer.writeJSON(#"{"type":"about:blank","title":""#)
        buffer.writeStaticString(self.code.title)
        buffer.writeJSON(#"","status":"#)
        buffer.writeJSON(self.code.status)
        buffer.writeJSON(#","code":""#)
        buffer.writeString(self.code.rawValue)
        buffer.writeJSON(#"","detail":"#)
        buffer.writeJSON(string: self.detail)
        if let holder {
            buffer.writeJSON(#","holder":"#)
            buffer.writeJSON(string: holder.owner.rawValue)
            buffer.writeJSON(#","token":"#)
            buffer.writeJSON(holder.token.rawValue)
            buffer.writeJSON(#","remaining_ms":"#)
            buffer.writeJSON(max(0, holder.remaining.clampedMilliseconds))
        }
        if let available {
            buffer.writeJSON(#","available":"#)
            buffer.writeJSON(available)
        }
        if let record {
            buffer.writeJSON(#","record":"#)
            RegistryAnswers.write(record, to: &buffer)
        }
        if let room {
            buffer.writeJSON(#","queue":"#)
            buffer.writeJSON(string: room.queue.rawValue)
            if let overflow = room.overflow {
                buffer.writeJSON(#","overflow":"#)
                buffer.writeJSON(string: overflow.rawValue)
            }
        }
        buffer.writeJSON("}")
    }
}

extension Problem {
    static var clientGone: Problem { Problem(.clientGone, "the client closed the connection") }
}
