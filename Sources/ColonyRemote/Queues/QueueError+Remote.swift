import ColonyCore
import ColonyQueues

extension QueueError {
    /// What a failure on the way to a daemon means for queues.
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
    /// What a refusal means to who asked for something of a queue.
    var queueError: QueueError {
        let error = self.error
        switch self.code {
        case "unknown_queue": return QueueError(.unknownQueue, error.message)
        case "unknown_exchange": return QueueError(.unknownExchange, error.message)
        case "queue_conflict", "queue_not_empty", "exchange_conflict": return QueueError(.conflict, error.message)
        case "queue_full": return QueueError(.full, error.message)
        case "message_too_large", "body_too_large": return QueueError(.tooLarge, error.message)
        case "unroutable": return QueueError(.unroutable, error.message)
        default: return QueueError(error)
        }
    }

    /// - Throws: `QueueError` for a refusal, and if this is not the answer of a Colony daemon.
    func queueDocument<Document: Decodable>(as type: Document.Type) throws(QueueError) -> Document {
        guard self.status == 200 || self.status == 201 else { throw self.queueError }
        do {
            return try self.decoded(as: type)
        } catch {
            throw QueueError(error)
        }
    }
}
