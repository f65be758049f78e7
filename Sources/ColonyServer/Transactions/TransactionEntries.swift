import ColonyCore
import ColonyTransactions
import NIOCore

/// The entries of a journal as JSON.
enum TransactionEntries {
    static func write(_ entry: JournalEntry, of record: TransactionRecord, to body: inout ByteBuffer) {
        body.writeJSON(#"{"at":"#)
        body.writeJSON(time: entry.at)
        body.writeJSON(#","event":""#)
        body.writeJSON(Self.name(of: entry.event))
        body.writeJSON("\"")
        func member(_ name: StaticString, _ value: String) {
            body.writeJSON(",\"")
            body.writeJSON(name)
            body.writeJSON("\":")
            body.writeJSON(string: value)
        }
        func step(_ index: Int) { member("step", TransactionAnswers.name(of: index, in: record)) }
        switch entry.event {
        case .started(let index), .completed(let index, _), .compensated(let index):
            step(index)
        case .refused(let index, let reason, _):
            step(index)
            member("reason", reason)
        case .failed(let index, let direction, let attempt, let reason):
            step(index)
            member("direction", direction.rawValue)
            body.writeJSON(#","attempt":"#)
            body.writeJSON(attempt)
            member("reason", reason)
        case .turnedBack(let cause, let reason):
            member("cause", cause.rawValue)
            member("reason", reason)
        case .stuck(let index, let direction, let reason):
            step(index)
            member("direction", direction.rawValue)
            member("reason", reason)
        case .intervened(let intervention, let person, let note):
            member("decision", Self.name(of: intervention))
            if case .resolve(let state) = intervention { member("state", state.rawValue) }
            member("by", person)
            if !note.isEmpty { member("note", note) }
        case .finished(let state):
            member("state", state.rawValue)
        }
        body.writeJSON("}")
    }

    /// Every name that an event can have.
    static let names: [StaticString] = [
        "started", "completed", "refused", "failed", "turned_back", "compensated", "stuck", "intervened", "finished",
    ]

    private static func name(of event: JournalEvent) -> StaticString {
        switch event {
        case .started: "started"
        case .completed: "completed"
        case .refused: "refused"
        case .failed: "failed"
        case .turnedBack: "turned_back"
        case .compensated: "compensated"
        case .stuck: "stuck"
        case .intervened: "intervened"
        case .finished: "finished"
        }
    }

    private static func name(of intervention: Intervention) -> String {
        switch intervention {
        case .retry: "retry"
        case .turnBack: "turn_back"
        case .skip: "skip"
        case .resolve: "resolve"
        }
    }
}
