import ColonyCore
import ColonyTransactions

extension Problem {
    init(_ error: TransactionError) {
        switch error.code {
        case .invalidDefinition, .invalidRequest, .undecodable, .unknownDefinition, .definitionChanged:
            self.init(.invalidRequest, error.message)
        case .tooLarge: self.init(.bodyTooLarge, error.message)
        case .conflict: self.init(.transactionConflict, error.message)
        case .unknownTransaction: self.init(.unknownTransaction, error.message)
        case .notStuck: self.init(.notStuck, error.message)
        case .decisionNotPossible: self.init(.decisionNotPossible, error.message)
        case .overloaded: self.init(.tooManyTransactions, error.message)
        case .storageFailed: self.init(.storeFailed, error.message)
        case .closed: self = .draining
        case .cancelled: self.init(.storeUnavailable, "the request was cancelled before the store answered")
        default: self.init(.storeUnavailable, error.message)
        }
    }

    static func unknown(_ transaction: TransactionID) -> Problem {
        Problem(
            .unknownTransaction,
            "there is no transaction \(NameRules.quoted(transaction.rawValue)), or it ended too long ago")
    }
}
