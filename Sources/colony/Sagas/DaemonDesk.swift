import ColonyCore
import ColonyRemote
import ColonyTransactions

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Transactions of a daemon.
struct DaemonDesk: TransactionDesk {
    let daemon: RemoteTransactions

    private struct Decision: Encodable {
        var by: String
        var note: String?
        var output: JSONValue?
        var state: String?
    }

    func list(_ states: [TransactionState], named name: String?, limit: Int) async throws -> TransactionPageDocument {
        var page = TransactionPageDocument(transactions: [], counts: [:])
        var next: String?
        repeat {
            let answer = try await self.daemon.list(
                states: states.map(\.rawValue), name: name,
                limit: min(limit - page.transactions.count, Self.page), after: next)
            let part = try Self.decoded(answer, as: TransactionPageDocument.self)
            page.transactions += part.transactions
            (page.counts, page.next) = (part.counts, part.next)
            next = part.next.flatMap { Self.text(of: $0) }
        } while next != nil && page.transactions.count < limit
        return page
    }

    /// No more than daemons give out at once.
    private static let page = 100

    private static func text(of next: JSONValue) -> String? {
        switch next {
        case .string(let text): text
        case .integer(let number): "\(number)"
        default: nil
        }
    }

    func read(_ transaction: TransactionID) async throws -> TransactionDocument? {
        try await self.daemon.read(transaction).map { try Self.decoded($0, as: TransactionDocument.self) }
    }

    func decide(
        _ intervention: Intervention, about transaction: TransactionID, by person: OwnerID, note: String
    ) async throws -> TransactionDocument {
        var decision = Decision(by: person.rawValue, note: note.isEmpty ? nil : note)
        let verb: String
        switch intervention {
        case .retry: verb = "retry"
        case .turnBack: verb = "turn-back"
        case .skip(let output):
            verb = "skip"
            decision.output = output.flatMap { JSONValue(bytes: $0) }
        case .resolve(let state):
            verb = "resolve"
            decision.state = state.rawValue
        }
        return try await self.send(verb, decision, about: transaction)
    }

    func cancel(_ transaction: TransactionID, by person: OwnerID, note: String) async throws -> TransactionDocument {
        let decision = Decision(by: person.rawValue, note: note.isEmpty ? nil : note)
        do {
            return try await self.send("cancel", decision, about: transaction)
        } catch let error as TransactionError where error.code == .invalidRequest {
            let document = try await self.existing(transaction)
            throw TransactionState(rawValue: document.state)?.isFinal == true ? Failure.hasEnded(document) : error
        }
    }

    private func send(
        _ verb: String, _ decision: Decision, about transaction: TransactionID
    ) async throws -> TransactionDocument {
        let answer = try await self.daemon.decide(verb, try JSONEncoder().encode(decision), about: transaction)
        return try Self.decoded(answer, as: TransactionDocument.self)
    }

    /// Starts what a definition says.
    func start(
        _ kind: TransactionKind, _ definition: [UInt8], waiting wait: Duration
    ) async throws -> StartedTransactionDocument {
        try Self.decoded(
            try await self.daemon.start(kind, definition, waiting: wait), as: StartedTransactionDocument.self)
    }

    /// Waits until a transaction has ended or is stuck, but not longer than `limit`.
    ///
    /// - Returns: The transaction as it then is.
    func end(
        of transaction: TransactionID, upTo limit: Duration, on clock: any MonotonicClock
    ) async throws -> TransactionDocument {
        let deadline = clock.now.advanced(by: limit)
        var document = try await self.existing(transaction)
        while ["running", "compensating"].contains(document.state) {
            let rest = clock.now.duration(to: deadline)
            if rest <= .zero { break }
            let answer = try await self.daemon.read(
                transaction, since: document.entries.count,
                waiting: max(.milliseconds(1), min(rest, RemoteTransactions.longestWait)))
            guard let answer else { throw Failure.noTransaction(transaction) }
            document = try Self.decoded(answer, as: TransactionDocument.self)
        }
        return document
    }

    private static func decoded<Document: Decodable>(_ data: Data, as type: Document.Type) throws -> Document {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw Failure("failed", "the daemon does not tell of transactions as this program knows them: \(error).")
        }
    }
}
