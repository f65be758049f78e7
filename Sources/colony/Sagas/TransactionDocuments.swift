import ColonyCore
import ColonyServer
import ColonyTransactions

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A point in time: as text to people and in what is printed, and also read as milliseconds since 1970.
struct TimeDocument: Codable, Hashable, Sendable {
    let time: WallTime

    init(_ time: WallTime) { self.time = time }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let milliseconds = try? container.decode(Int64.self) {
            self.time = WallTime(millisecondsSince1970: milliseconds)
            return
        }
        let text = try container.decode(String.self)
        guard let time = WallTime(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\(NameRules.quoted(text)) is no time")
        }
        self.time = time
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.time.rfc3339)
    }
}

// What transactions look like in JSON: the same shapes as those of the HTTP interface.

/// A line of a list.
struct TransactionSummaryDocument: Codable, Sendable {
    var id: String
    var kind: String
    var name: String
    var state: String
    var started_at: TimeDocument
    var changed_at: TimeDocument
    var coordinator: UInt64?

    init(_ summary: TransactionSummary) {
        self.id = summary.id.rawValue
        self.kind = summary.kind.rawValue
        self.name = summary.label.rawValue
        self.state = summary.state.rawValue
        self.started_at = TimeDocument(summary.startedAt)
        self.changed_at = TimeDocument(summary.changedAt)
        self.coordinator = summary.coordinator?.rawValue
    }
}

/// A page of a list, stuck ones first.
struct TransactionPageDocument: Codable, Sendable {
    var transactions: [TransactionSummaryDocument]
    var counts: [String: Int]
    var next: JSONValue?
}

/// Everything about one transaction.
struct TransactionDocument: Codable, Sendable {
    struct Definition: Codable, Sendable {
        var name: String
        var version: Int
    }

    /// A step at which it stopped.
    struct Trouble: Codable, Sendable {
        var step: String
        var direction: String
        var reason: String
    }

    struct Step: Codable, Sendable {
        var name: String
        var kind: String
        var after: [String]
        var state: String
        var output: JSONValue?
        var output_base64: String?
    }

    struct Entry: Codable, Sendable {
        var at: TimeDocument
        var event: String
        var step: String?
        var direction: String?
        var attempt: Int?
        var reason: String?
        var cause: String?
        var by: String?
        var note: String?
        var decision: String?
        var state: String?
    }

    var id: String
    var kind: String
    var name: String
    var state: String
    var started_at: TimeDocument
    var changed_at: TimeDocument
    var definition: Definition
    var coordinator: UInt64?
    var payload: JSONValue?
    var input_base64: String?
    var timeout_ms: Int64?
    var cancel_requested: Bool
    var trouble: Trouble?
    var steps: [Step]
    var entries: [Entry]
}

extension TransactionDocument {
    /// A transaction as its journal has it, in the words of the HTTP interface.
    init(_ record: TransactionRecord) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(TransactionJSON.bytes(of: record)))
    }
}

/// What a daemon answers to the start of a transaction.
struct StartedTransactionDocument: Codable, Sendable {
    var id: String
    var state: String
}
