import ColonyTransactions

extension TransactionError {
    /// What a failure of the store means to one who works with transactions.
    init(_ error: StoreError) {
        let code: Code =
            switch error.code {
            case .busy, .queueFull, .outcomeUnknown: .unavailable
            case .cancelled: .cancelled
            case .closed: .closed
            case .failed, .otherHost: .storageFailed
            }
        self.init(code, error.message, cause: error.sqliteCode.map { SQLiteResultCode(rawValue: $0) })
    }
}
