import ColonyResilience

extension ResilienceError {
    /// What a failure of the store means to one who asked for permits, or about the key of a request.
    init(_ error: StoreError) {
        let code: Code =
            switch error.code {
            case .busy, .queueFull, .outcomeUnknown, .failed, .otherHost: .unavailable
            case .cancelled: .cancelled
            case .closed: .closed
            }
        self.init(code, error.message, cause: error.sqliteCode.map { SQLiteResultCode(rawValue: $0) })
    }
}
