import ColonyCore

extension LeaseError {
    /// What a failure of the store means to one who asked for a lease.
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

/// The extended result code of SQLite behind a ``LeaseError``.
///
/// - SeeAlso: *Result and Error Codes*, https://www.sqlite.org/rescode.html.
public struct SQLiteResultCode: RawRepresentable, Error, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int32

    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    public var description: String { "SQLite result code \(self.rawValue)" }
}
