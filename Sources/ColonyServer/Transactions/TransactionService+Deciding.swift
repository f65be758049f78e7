import ColonyCore
import ColonyTransactions
import Logging
import NIOCore

extension TransactionService {
    /// What a person decides about a transaction.
    enum Decision: String {
        case retry, skip
        case turnBack = "turn-back"
        case resolve, cancel
    }

    func decide(
        _ decision: Decision, _ id: TransactionID, body: ByteBuffer, token: AccessToken?
    ) async throws(Problem) -> Answer {
        let request = try DecisionRequest(body, decision)
        let person: OwnerID
        do throws(InvalidName) {
            // A token says who it is; what a body says could be anybody.
            person = try token.map { token throws(InvalidName) in try OwnerID(token.name) } ?? request.by ?? "operator"
        } catch {
            throw Problem(error)
        }
        let coordinator = try self.offered()
        let record = try await self.record(of: id, token)
        if decision == .cancel {
            try await self.cancel(record, by: person, request.note, coordinator)
        } else {
            let intervention = try request.intervention(decision)
            do throws(TransactionError) {
                try await coordinator.journal.intervene(
                    intervention, in: id, by: person, note: request.note, wall: self.wallClock)
            } catch {
                throw Problem(error)
            }
            self.metrics.intervened(decision)
            self.logger.notice(
                "a transaction was decided about",
                metadata: ["transaction": "\(id)", "decision": "\(decision.rawValue)", "by": "\(person)"])
        }
        return TransactionAnswers.answer(try await self.record(of: id))
    }

    /// Has a transaction turn back, in whatever process it is worked on.
    private func cancel(
        _ record: TransactionRecord, by person: OwnerID, _ note: String, _ coordinator: TransactionCoordinator
    ) async throws(Problem) {
        let id = record.summary.id
        // It would turn back behind the back of whoever decides about it next.
        guard record.summary.state != .stuck else {
            throw Problem(
                .decisionNotPossible,
                "the transaction \(NameRules.quoted(id.rawValue)) is stuck, and is not cancelled but decided about: turn-back "
                    + "undoes what was done")
        }
        let isOpen: Bool
        do throws(TransactionError) {
            // The journal first: it outlives this process, and reaches the owner wherever it is.
            isOpen = try await coordinator.journal.requestCancellation(of: id)
        } catch {
            throw Problem(error)
        }
        guard isOpen else {
            throw Problem(
                .transactionEnded,
                "the transaction \(NameRules.quoted(id.rawValue)) has ended, and cannot be cancelled any more")
        }
        coordinator.cancel(id, reason: "\(person) cancelled it" + (note.isEmpty ? "" : ": \(note)"))
        self.metrics.intervened(.cancel)
        self.logger.notice(
            "a transaction was cancelled", metadata: ["transaction": "\(id)", "by": "\(person)", "note": "\(note)"])
    }
}

/// The body of a decision; none says the same as an empty object.
struct DecisionRequest {
    var by: OwnerID?
    var note = ""
    /// JSON, for a step that is skipped.
    var output: [UInt8]?
    /// The end that a transaction is given.
    var state: TransactionState?

    init(_ body: ByteBuffer, _ decision: TransactionService.Decision) throws(Problem) {
        if body.readableBytes == 0 { return }
        var request = self
        let other: [StaticString] =
            switch decision {
            case .skip: ["output"]
            case .resolve: ["state"]
            case .retry, .turnBack, .cancel: []
            }
        try body.readJSON(["by", "note"] + other) { reader, index throws(JSONDefect) in
            switch (index, decision) {
            case (0, _): request.by = try reader.readOwner()
            case (1, _):
                request.note = try reader.readString()
                let count = request.note.unicodeScalars.count
                guard count <= TransactionLimits.reasonLength else {
                    throw .outOfRange(
                        path: reader.currentPath,
                        reason: "it has \(count) characters, and \(TransactionLimits.reasonLength) are the most")
                }
            case (_, .skip): request.output = try reader.readVerbatim()
            default:
                let text = try reader.readString()
                guard let state = TransactionState(rawValue: text), state.isFinal else {
                    throw .outOfRange(
                        path: reader.currentPath,
                        reason: "\(NameRules.quoted(text)) is no end: completed or compensated")
                }
                request.state = state
            }
        }
        self = request
    }

    func intervention(_ decision: TransactionService.Decision) throws(Problem) -> Intervention {
        switch decision {
        case .retry: return .retry
        case .turnBack: return .turnBack
        case .skip: return .skip(output: self.output)
        case .resolve:
            guard let state else { throw .missing("state") }
            return .resolve(state)
        case .cancel: preconditionFailure("a cancellation is no decision about what is stuck")
        }
    }
}
