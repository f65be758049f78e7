import ColonyCore
import ColonyTransactions

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension TransactionSummaryDocument {
    init(_ summary: TransactionSummary) {
        self.init(
            id: summary.id.rawValue, kind: summary.kind.rawValue, name: summary.label.rawValue,
            state: summary.state.rawValue, started_at: TimeDocument(summary.startedAt),
            changed_at: TimeDocument(summary.changedAt), definition: nil, coordinator: summary.coordinator?.rawValue)
    }
}

extension TransactionDocument {
    /// A transaction as its journal has it.
    init(_ record: TransactionRecord) {
        let summary = record.summary
        let names = record.outline.map(\.name.rawValue)
        let name = { (index: Int) -> String in names.indices.contains(index) ? names[index] : "step \(index)" }
        var progress = TransactionProgress(TransactionShape(record.outline))
        // Also of a journal that makes no sense is shown what there is.
        for entry in record.entries { try? progress.apply(entry.event) }
        let payload = JSONValue(bytes: record.input)
        self.init(
            id: summary.id.rawValue, kind: summary.kind.rawValue, name: summary.label.rawValue,
            state: summary.state.rawValue, started_at: TimeDocument(summary.startedAt),
            changed_at: TimeDocument(summary.changedAt),
            definition: .init(name: record.definition.name.rawValue, version: record.definition.version),
            coordinator: summary.coordinator?.rawValue, payload: payload,
            input_base64: payload == nil ? Data(record.input).base64EncodedString() : nil,
            timeout_ms: record.timeout?.clampedMilliseconds, cancel_requested: record.isCancellationRequested,
            trouble: summary.state != .stuck
                ? nil
                : progress.trouble.map {
                    Trouble(step: name($0.step), direction: $0.direction.rawValue, reason: $0.reason)
                },
            steps: record.outline.indices.map { Step($0, of: record.outline, progress, name) },
            entries: record.entries.map { Entry($0, name) })
    }
}

extension TransactionDocument.Step {
    fileprivate init(
        _ index: Int, of outline: [StepOutline], _ progress: TransactionProgress, _ name: (Int) -> String
    ) {
        let step = outline[index]
        let isRead = step.kind == .compensable && !step.hasCompensation
        let bytes = progress.outputs[index].flatMap { $0.isEmpty ? nil : $0 }
        let output = bytes.flatMap { JSONValue(bytes: $0) }
        self.init(
            name: step.name.rawValue, kind: isRead ? "read" : step.kind.rawValue, after: step.dependencies.map(name),
            state: Self.word(index, progress), output: output,
            output_base64: output == nil ? bytes.map { Data($0).base64EncodedString() } : nil)
    }

    private static func word(_ index: Int, _ progress: TransactionProgress) -> String {
        switch progress.steps[index] {
        case .idle: "waiting"
        case .started: progress.isTurnedBack && progress.end == nil ? "compensating" : "started"
        case .completed: progress.compensable.contains(index) ? "compensating" : "done"
        case .refused: progress.compensable.contains(index) ? "compensating" : "refused"
        case .compensated: "compensated"
        }
    }
}

extension TransactionDocument.Entry {
    fileprivate init(_ entry: JournalEntry, _ name: (Int) -> String) {
        self.init(at: TimeDocument(entry.at), event: "")
        switch entry.event {
        case .started(let step):
            self.event = "started"
            self.step = name(step)
        case .completed(let step, _):
            self.event = "completed"
            self.step = name(step)
        case .refused(let step, let reason, _):
            self.event = "refused"
            (self.step, self.reason) = (name(step), reason)
        case .failed(let step, let direction, let attempt, let reason):
            self.event = "failed"
            (self.step, self.direction, self.attempt, self.reason) = (name(step), direction.rawValue, attempt, reason)
        case .turnedBack(let cause, let reason):
            self.event = "turned_back"
            (self.cause, self.reason) = (cause.rawValue, reason)
        case .compensated(let step):
            self.event = "compensated"
            self.step = name(step)
        case .stuck(let step, let direction, let reason):
            self.event = "stuck"
            (self.step, self.direction, self.reason) = (name(step), direction.rawValue, reason)
        case .intervened(let intervention, let person, let note):
            self.event = "intervened"
            (self.by, self.note) = (person, note.isEmpty ? nil : note)
            switch intervention {
            case .retry: self.decision = "retry"
            case .turnBack: self.decision = "turn_back"
            case .skip: self.decision = "skip"
            case .resolve(let state): (self.decision, self.state) = ("resolve", state.rawValue)
            }
        case .finished(let state):
            self.event = "finished"
            self.state = state.rawValue
        }
    }
}
