import ColonyCore
import ColonyTransactions
import NIOCore

extension TransactionService {
    /// The most transactions that one request for a list looks at; with a filter, the page may then have fewer than it could.
    private static let mostLookedAt = 10 * TransactionLimits.batch

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["state", "name", "limit", "after"])
        let limit = try parameters.integer("limit", in: 1...self.limits.batch) ?? min(100, self.limits.batch)
        let states = try Self.states(parameters["state"])
        let name: DefinitionName?
        do throws(InvalidName) {
            name = try parameters["name"].map { text throws(InvalidName) in try DefinitionName(text) }
        } catch {
            throw Problem(error)
        }
        var last = try parameters["after"].map { text throws(Problem) in try TransactionCursor.read(text) }
        let journal = try self.offered().journal
        var page: [TransactionSummary] = []
        var isMore = true
        var seen = 0
        do throws(TransactionError) {
            while isMore, page.count < limit, seen < Self.mostLookedAt {
                // A filter may pass over most of them.
                let isFiltered = name != nil || token?.prefixes.isEmpty == false
                let batch = isFiltered ? TransactionLimits.batch : limit
                let found = try await journal.list(states, limit: batch, after: last)
                var looked = 0
                for summary in found where page.count < limit {
                    last = summary
                    looked += 1
                    guard name.map({ $0 == summary.label }) ?? true,
                        token?.covers(summary.label.rawValue) ?? true
                    else { continue }
                    page.append(summary)
                }
                seen += looked
                isMore = found.count == batch || looked < found.count
            }
        } catch {
            throw Problem(error)
        }
        let counts = await self.gauges.standing(in: journal)?.counts ?? [:]
        return Answer(capacity: 256 + page.count * 320) { body in
            body.writeJSON(#"{"transactions":["#)
            for (index, summary) in page.enumerated() {
                body.writeJSON(index == 0 ? "{" : ",{")
                TransactionAnswers.writeMembers(of: summary, to: &body)
                body.writeJSON("}")
            }
            body.writeJSON(#"],"counts":{"#)
            for (index, state) in TransactionState.allCases.enumerated() {
                body.writeJSON(index == 0 ? "\"" : ",\"")
                body.writeString(state.rawValue)
                body.writeJSON("\":")
                body.writeJSON(counts[state] ?? 0)
            }
            body.writeJSON("}")
            if isMore, let last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: TransactionCursor.text(of: last))
            }
            body.writeJSON("}")
        }
    }

    private static func states(_ text: String?) throws(Problem) -> Set<TransactionState> {
        guard let text else { return Set(TransactionState.allCases) }
        var states: Set<TransactionState> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let state = TransactionState(rawValue: String(word)) else {
                let known = TransactionState.allCases.map(\.rawValue)
                let hint = EditDistance.nearest(to: String(word), among: known).map { "; did you mean \($0)?" } ?? ""
                throw Problem(
                    .invalidRequest,
                    "state \(NameRules.quoted(String(word))) is none: \(known.joined(separator: ", "))\(hint)")
            }
            states.insert(state)
        }
        return states
    }

    func inspect(
        _ id: TransactionID, query: Substring.UTF8View, token: AccessToken?, client: Client
    ) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["wait_ms", "since"])
        let wait = try parameters.integer("wait_ms", in: 0...self.limits.wait.clampedMilliseconds) ?? 0
        let since = try parameters.integer("since", in: 0...Int.max)
        let first = try await self.record(of: id, token)
        // Without a count of entries, any other than the present one is news.
        let known = since ?? first.entries.count
        let record = try await self.wait(for: id, upTo: .milliseconds(wait), client) { record in
            record.entries.count > known || record.summary.state.isFinal
        }
        return TransactionAnswers.answer(record)
    }

    /// A transaction that the token may see.
    func record(of id: TransactionID, _ token: AccessToken?) async throws(Problem) -> TransactionRecord {
        let record = try await self.record(of: id)
        try token?.check(record.summary.label.rawValue)
        return record
    }
}

/// The place of a page in the list of transactions, as text that means nothing to others.
enum TransactionCursor {
    static func text(of summary: TransactionSummary) -> String { "\(summary.state.rawValue).\(summary.number)" }

    static func read(_ text: String) throws(Problem) -> TransactionSummary {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let state = TransactionState(rawValue: String(parts[0])),
            let number = Int64(parts[1]), number >= 0
        else {
            throw Problem(.invalidRequest, "after \(NameRules.quoted(text)) is no next of a page before")
        }
        let never = WallTime(millisecondsSince1970: 0)
        // Only the state and the number decide about the order.
        return TransactionSummary(
            id: "cursor", kind: .saga, label: "cursor", state: state, startedAt: never, changedAt: never,
            coordinator: nil, number: number)
    }
}
