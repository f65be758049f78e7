package import ColonyCore
package import ColonyTransactions

#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// The transactions of a daemon, reached through its HTTP interface: they are started, looked at, and decided about from here, and worked
/// on by the daemon.
///
/// Answers are given as the daemon wrote them, because what is in them, payloads and outputs, is JSON of others.
package final class RemoteTransactions: Sendable {
    /// The longest wait that one request asks for.
    package static let longestWait: Duration = .seconds(30)

    private let connection: DaemonConnection

    /// Makes a client. Nothing is connected yet.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    package init(url: EngineURL, token: String?) throws(InvalidName) {
        self.connection = try DaemonConnection(
            url: url, token: token, configuration: RemoteLeaseEngine.Configuration())
    }

    /// A page of transactions, stuck ones first.
    ///
    /// - Parameters:
    ///   - states: Which states are asked for, as the daemon calls them; none for all.
    ///   - name: Only those that are called this.
    ///   - next: The `next` of the page before.
    package func list(
        states: [String], name: String?, limit: Int, after next: String?
    ) async throws(TransactionError) -> Data {
        var query = "limit=\(limit)"
        if !states.isEmpty { query += "&state=\(states.map(PercentEncoding.encoded).joined(separator: ","))" }
        if let name { query += "&name=\(PercentEncoding.encoded(name))" }
        if let next { query += "&after=\(PercentEncoding.encoded(next))" }
        return try await self.ask(.get, "/v1/sagas?\(query)")
    }

    /// A transaction; `nil` if there is none of this identifier.
    ///
    /// - Parameters:
    ///   - entries: How many entries it had when it was last seen.
    ///   - wait: How long to wait until it has more; no longer than ``longestWait``.
    package func read(
        _ transaction: TransactionID, since entries: Int? = nil, waiting wait: Duration = .zero
    ) async throws(TransactionError) -> Data? {
        var path = Self.path(of: transaction)
        if let entries, wait > .zero { path += "?since=\(entries)&wait_ms=\(wait.clampedMilliseconds)" }
        do {
            return try await self.ask(.get, path, waiting: wait)
        } catch {
            if error.code == .unknownTransaction { return nil }
            throw error
        }
    }

    /// Starts what a definition says: a saga, or a TCC.
    ///
    /// - Parameters:
    ///   - definition: JSON, as the daemon takes it.
    ///   - wait: How long the definition asks the daemon to wait with its answer.
    package func start(
        _ kind: TransactionKind, _ definition: [UInt8], waiting wait: Duration
    ) async throws(TransactionError) -> Data {
        try await self.ask(.post, kind == .tcc ? "/v1/tcc" : "/v1/sagas", Data(definition), waiting: wait)
    }

    /// Decides about a transaction.
    ///
    /// - Parameters:
    ///   - verb: What is done: `retry`, `skip`, `turn-back`, `resolve`, or `cancel`.
    ///   - body: JSON, as the daemon takes it.
    /// - Returns: The transaction afterwards.
    package func decide(
        _ verb: String, _ body: Data, about transaction: TransactionID
    ) async throws(TransactionError) -> Data {
        try await self.ask(.post, "\(Self.path(of: transaction))/\(verb)", body)
    }

    private static func path(of transaction: TransactionID) -> String {
        "/v1/sagas/\(PercentEncoding.encoded(transaction.rawValue))"
    }

    private func ask(
        _ method: DaemonConnection.Method, _ path: String, _ body: Data? = nil, waiting wait: Duration = .zero
    ) async throws(TransactionError) -> Data {
        let answer: DaemonConnection.Answer
        do {
            answer = try await self.connection.send(method, path, body: body, waiting: wait)
        } catch {
            throw TransactionError(error)
        }
        guard (200..<300).contains(answer.status) else { throw answer.transactionError }
        return Data(answer.bytes)
    }
}

extension TransactionError {
    /// What a failure on the way to a daemon means for transactions.
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
    /// What a refusal means to who asked for something of a transaction.
    fileprivate var transactionError: TransactionError {
        let error = self.error
        switch self.code {
        case "unknown_transaction": return TransactionError(.unknownTransaction, error.message)
        case "not_stuck": return TransactionError(.notStuck, error.message)
        case "decision_not_possible": return TransactionError(.decisionNotPossible, error.message)
        case "transaction_conflict": return TransactionError(.conflict, error.message)
        case "body_too_large": return TransactionError(.tooLarge, error.message)
        case "too_many_transactions": return TransactionError(.overloaded, error.message)
        default: return TransactionError(error)
        }
    }
}
