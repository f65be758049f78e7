import ColonyCore
import ColonyQueues

extension Problem {
    init(_ error: QueueError) {
        switch error.code {
        case .invalidConfiguration, .invalidRequest, .undecodable: self.init(.invalidRequest, error.message)
        case .tooLarge: self.init(.messageTooLarge, error.message)
        case .unknownQueue: self.init(.unknownQueue, error.message)
        case .conflict: self.init(.queueConflict, error.message)
        case .full: self.init(.queueFull, error.message)
        case .storageFailed: self.init(.storeFailed, error.message)
        case .cancelled: self.init(.storeUnavailable, "the request was cancelled before the store answered")
        default: self.init(.storeUnavailable, error.message)
        }
    }

    static func unknown(_ queue: QueueName) -> Problem {
        Problem(.unknownQueue, "there is no queue \(NameRules.quoted(queue.rawValue))")
    }
}
