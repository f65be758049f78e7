import ColonyCore
import ColonyTransactions
import Foundation
import NIOCore

/// What the routes of transactions write, straight into the buffer that goes to the socket.
enum TransactionAnswers {
    static func answer(_ record: TransactionRecord) -> Answer {
        Answer(capacity: 2_048 + record.input.count) { Self.write(record, to: &$0) }
    }

    /// The members that lists and single transactions have, without braces.
    static func writeMembers(of summary: TransactionSummary, to body: inout ByteBuffer) {
        body.writeJSON(#""id":"#)
        body.writeJSON(string: summary.id.rawValue)
        body.writeJSON(#","kind":""#)
        body.writeString(summary.kind.rawValue)
        body.writeJSON(#"","name":"#)
        body.writeJSON(string: summary.label.rawValue)
        body.writeJSON(#","state":""#)
        body.writeString(summary.state.rawValue)
        body.writeJSON(#"","started_at":"#)
        body.writeJSON(time: summary.startedAt)
        body.writeJSON(#","changed_at":"#)
        body.writeJSON(time: summary.changedAt)
        if let coordinator = summary.coordinator {
            body.writeJSON(#","coordinator":"#)
            body.writeJSON(coordinator.rawValue)
        }
    }

    private static func write(_ record: TransactionRecord, to body: inout ByteBuffer) {
        body.writeJSON("{")
        Self.writeMembers(of: record.summary, to: &body)
        body.writeJSON(#","definition":{"name":"#)
        body.writeJSON(string: record.definition.name.rawValue)
        body.writeJSON(#","version":"#)
        body.writeJSON(record.definition.version)
        body.writeJSON("}")
        Self.writeInput(of: record, to: &body)
        if let timeout = record.timeout {
            body.writeJSON(#","timeout_ms":"#)
            body.writeJSON(timeout.clampedMilliseconds)
        }
        body.writeJSON(#","cancel_requested":"#)
        body.writeJSON(record.isCancellationRequested)
        let progress = Self.progress(of: record)
        if let trouble = progress.trouble, record.summary.state == .stuck {
            body.writeJSON(#","trouble":{"step":"#)
            body.writeJSON(string: Self.name(of: trouble.step, in: record))
            body.writeJSON(#","direction":""#)
            body.writeString(trouble.direction.rawValue)
            body.writeJSON(#"","reason":"#)
            body.writeJSON(string: trouble.reason)
            body.writeJSON("}")
        }
        body.writeJSON(#","steps":["#)
        for index in record.outline.indices {
            if index > 0 { body.writeJSON(",") }
            Self.writeStep(index, of: record, progress, to: &body)
        }
        body.writeJSON(#"],"entries":["#)
        for (index, entry) in record.entries.enumerated() {
            if index > 0 { body.writeJSON(",") }
            TransactionEntries.write(entry, of: record, to: &body)
        }
        body.writeJSON("]}")
    }

    private static func writeInput(of record: TransactionRecord, to body: inout ByteBuffer) {
        let isOurs = record.definition == HTTPSaga.key || record.definition == HTTPTransfer.key
        if isOurs, let payload = try? HTTPPayload.inDocument(record.input) {
            body.writeJSON(#","payload":"#)
            body.writeBytes(payload)
        } else {
            Self.writeValue(record.input, as: "payload", orBytesAs: "input_base64", to: &body)
        }
    }

    /// Writes what is JSON as it stands, and anything else in base 64.
    private static func writeValue(
        _ bytes: [UInt8], as name: StaticString, orBytesAs other: StaticString, to body: inout ByteBuffer
    ) {
        let isJSON = JSONReader.isValue(bytes)
        body.writeJSON(",\"")
        body.writeJSON(isJSON ? name : other)
        body.writeJSON("\":")
        if isJSON {
            body.writeBytes(bytes)
        } else {
            body.writeJSON("\"")
            body.writeString(Data(bytes).base64EncodedString())
            body.writeJSON("\"")
        }
    }

    static func name(of step: Int, in record: TransactionRecord) -> String {
        record.outline.indices.contains(step) ? record.outline[step].name.rawValue : "\(step)"
    }

    // MARK: Steps

    /// How far it is, as far as its journal makes sense.
    private static func progress(of record: TransactionRecord) -> TransactionProgress {
        var progress = TransactionProgress(TransactionShape(record.outline))
        for entry in record.entries {
            guard (try? progress.apply(entry.event)) != nil else { break }
        }
        return progress
    }

    private static func writeStep(
        _ index: Int, of record: TransactionRecord, _ progress: TransactionProgress, to body: inout ByteBuffer
    ) {
        let step = record.outline[index]
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: step.name.rawValue)
        body.writeJSON(#","kind":""#)
        let isRead = step.kind == .compensable && !step.hasCompensation
        body.writeString(isRead ? "read" : step.kind.rawValue)
        body.writeJSON(#"","after":["#)
        for (place, earlier) in step.dependencies.enumerated() {
            if place > 0 { body.writeJSON(",") }
            body.writeJSON(string: Self.name(of: earlier, in: record))
        }
        body.writeJSON(#"],"state":""#)
        body.writeString(Self.state(of: index, progress))
        body.writeJSON("\"")
        if let output = progress.outputs[index], !output.isEmpty {
            Self.writeValue(output, as: "output", orBytesAs: "output_base64", to: &body)
        }
        body.writeJSON("}")
    }

    private static func state(of step: Int, _ progress: TransactionProgress) -> String {
        if progress.compensable.contains(step) { return "compensating" }
        return switch progress.steps[step] {
        case .idle: "waiting"
        case .started: "started"
        case .completed: "done"
        case .refused: "refused"
        case .compensated: "compensated"
        }
    }
}
