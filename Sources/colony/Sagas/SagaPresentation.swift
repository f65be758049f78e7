import ColonyCore
import ColonyTransactions

/// How transactions are shown to people.
enum SagaPresentation {
    static func table(_ transactions: [TransactionSummaryDocument], now: WallTime) -> String {
        var table = TextTable([
            .init("ID"), .init("NAME"), .init("KIND"), .init("STATE"), .init("STARTED", isNumeric: true),
            .init("CHANGED", isNumeric: true), .init("COORDINATOR", isNumeric: true),
        ])
        table.rows = transactions.map { transaction in
            [
                transaction.id, transaction.name, Self.kind(transaction.kind), transaction.state,
                Self.ago(transaction.started_at.time, now), Self.ago(transaction.changed_at.time, now),
                transaction.coordinator.map { "\($0)" } ?? "",
            ]
        }
        return table.lines.joined(separator: "\n")
    }

    /// How many there are in each state.
    static func counts(_ counts: [String: Int]) -> String {
        TransactionState.allCases.compactMap { state in
            counts[state.rawValue].flatMap { $0 == 0 ? nil : "\($0) \(state.rawValue)" }
        }
        .joined(separator: ", ")
    }

    static func details(_ transaction: TransactionDocument, now: WallTime) -> String {
        let definition = transaction.definition
        var facts = [
            ("id", transaction.id),
            ("name", "\(transaction.name), a \(Self.kind(transaction.kind))"),
            ("definition", "\(definition.name) version \(definition.version)"),
            ("state", transaction.state + (transaction.cancel_requested ? ", and is to turn back" : "")),
            ("started", Self.moment(transaction.started_at.time, now)),
            ("changed", Self.moment(transaction.changed_at.time, now)),
        ]
        if let coordinator = transaction.coordinator { facts.append(("coordinator", "\(coordinator)")) }
        if let limit = transaction.timeout_ms { facts.append(("time limit", Duration.milliseconds(limit).text)) }
        if let payload = transaction.payload.flatMap({ try? JSONText.of($0) }) {
            facts.append(("payload", QueuePresentation.line(payload)))
        }
        if let trouble = transaction.trouble {
            facts.append(("stuck at", "the \(trouble.direction) of \(trouble.step)"))
            facts.append(("because", QueuePresentation.line(trouble.reason)))
        }
        var parts = [
            facts.map { "\($0.0)\(String(repeating: " ", count: 13 - $0.0.count))\($0.1)" }.joined(separator: "\n"),
            Self.steps(transaction.steps), Self.timeline(transaction),
        ]
        if let due = Self.due(transaction) { parts.append(due) }
        if transaction.state == "stuck" { parts.append(Self.choices(transaction)) }
        return parts.joined(separator: "\n\n")
    }

    private static func steps(_ steps: [TransactionDocument.Step]) -> String {
        var table = TextTable([.init("STEP"), .init("KIND"), .init("AFTER"), .init("STATE"), .init("OUTPUT")])
        table.rows = steps.map { step in
            let output = step.output.flatMap { try? JSONText.of($0) } ?? step.output_base64 ?? ""
            return [
                step.name, step.kind, step.after.joined(separator: ", "), step.state,
                String(QueuePresentation.line(output).prefix(60)),
            ]
        }
        return table.lines.joined(separator: "\n")
    }

    // MARK: What has happened

    /// What was written down, each with the time since the start.
    private static func timeline(_ transaction: TransactionDocument) -> String {
        let start = transaction.started_at.time.millisecondsSince1970
        var table = TextTable([.init("AFTER", isNumeric: true), .init("WHAT HAPPENED")])
        table.rows = transaction.entries.map { entry in
            let passed = max(0, entry.at.time.millisecondsSince1970 - start)
            return ["+\(Duration.milliseconds(passed).text)", QueuePresentation.line(Self.sentence(entry))]
        }
        return table.lines.joined(separator: "\n")
    }

    private static func sentence(_ entry: TransactionDocument.Entry) -> String {
        let step = entry.step ?? "a step"
        let because = entry.reason.flatMap { $0.isEmpty ? nil : ": \($0)" } ?? ""
        let way = entry.direction == "compensation" ? "the compensation of \(step)" : step
        switch entry.event {
        case "started": return "\(step) started"
        case "completed": return "\(step) done"
        case "refused": return "\(step) refused\(because)"
        case "failed": return "\(way) had no answer\(entry.attempt.map { ", attempt \($0)" } ?? "")\(because)"
        case "turned_back": return "turned back\(entry.cause.map { ", \($0)" } ?? "")\(because)"
        case "compensated": return "\(step) compensated"
        case "stuck": return "stuck at \(way)\(because)"
        case "intervened":
            let note = entry.note.map { ": \($0)" } ?? ""
            let end = entry.state.map { " as \($0)" } ?? ""
            return "\(entry.by ?? "somebody") decided: \(entry.decision ?? "")\(end)\(note)"
        case "finished": return "ended\(entry.state.map { ", \($0)" } ?? "")"
        default: return "\(entry.event)\(because)"
        }
    }

    // MARK: What comes next

    /// What a coordinator does next; `nil` if nothing.
    private static func due(_ transaction: TransactionDocument) -> String? {
        let named = { (state: String) in transaction.steps.filter { $0.state == state }.map(\.name) }
        switch transaction.state {
        case "running":
            let done = Set(named("done"))
            let next = transaction.steps.filter { $0.state == "waiting" && done.isSuperset(of: $0.after) }.map(\.name)
            return Self.list("due: an answer of ", named("started")) ?? Self.list("due: the start of ", next)
        case "compensating":
            return Self.list("due: the compensation of ", named("compensating"))
        default:
            return nil
        }
    }

    private static func list(_ start: String, _ names: [String]) -> String? {
        names.isEmpty ? nil : start + names.joined(separator: ", ")
    }

    /// The commands that can be used on a transaction that is stuck.
    private static func choices(_ transaction: TransactionDocument) -> String {
        let id = transaction.id.hasPrefix("-") ? "-- \(Self.word(transaction.id))" : Self.word(transaction.id)
        var lines = ["A person has to decide:"]
        if let trouble = transaction.trouble {
            let isAction = trouble.direction == "action"
            lines.append("  colony saga retry \(id)")
            lines.append("  colony saga skip \(isAction ? "--output JSON " : "")\(id)")
            if Self.mayTurnBack(transaction) { lines.append("  colony saga turn-back \(id)") }
        }
        let isForward = !Self.isTurnedBack(transaction) && !Self.mayTurnBack(transaction)
        lines.append("  colony saga resolve --as \(isForward ? "completed" : "compensated") \(id)")
        return lines.joined(separator: "\n")
    }

    /// Whether no step was begun that cannot be undone.
    private static func mayTurnBack(_ transaction: TransactionDocument) -> Bool {
        if Self.isTurnedBack(transaction) { return false }
        return transaction.steps.allSatisfy { step in
            switch step.kind {
            case "pivot": step.state == "waiting" || step.state == "refused"
            case "retryable": step.state == "waiting"
            default: true
            }
        }
    }

    private static func isTurnedBack(_ transaction: TransactionDocument) -> Bool {
        transaction.entries.contains { $0.event == "turned_back" }
    }

    // MARK: Words

    private static func kind(_ kind: String) -> String {
        switch kind {
        case "tcc": "TCC"
        case "two_phase": "two-phase commit"
        default: kind
        }
    }

    private static func moment(_ time: WallTime, _ now: WallTime) -> String {
        "\(time.rfc3339), \(Self.ago(time, now)) ago"
    }

    private static func ago(_ time: WallTime, _ now: WallTime) -> String {
        let passed = now.millisecondsSince1970 - time.millisecondsSince1970
        return passed < 1_000 ? "<1 s" : Duration.milliseconds(passed).wholeSeconds
    }

    /// A text as one word of a shell.
    private static func word(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "_./:@%+,=-".utf8.contains(byte)
        }
        return isPlain
            ? text : "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    }
}
