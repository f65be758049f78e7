import ColonyTransactions

/// The state of a transaction as the file has it; the indexes rely on these numbers.
enum TransactionStateCode {
    static func code(_ state: TransactionState) -> Int64 {
        switch state {
        case .running: 0
        case .compensating: 1
        case .stuck: 2
        case .completed: 3
        case .compensated: 4
        }
    }

    static func state(_ code: Int64) -> TransactionState? {
        switch code {
        case 0: .running
        case 1: .compensating
        case 2: .stuck
        case 3: .completed
        case 4: .compensated
        default: nil
        }
    }
}

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
