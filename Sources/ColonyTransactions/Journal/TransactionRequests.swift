package import ColonyCore

/// What every journal refuses, in the same words.
package enum TransactionRequests {
    package static func check(lease: Duration) throws(TransactionError) {
        if let defect = SettingRange.defect(of: lease, in: TransactionLimits.lease, as: "the lease of a coordinator") {
            throw TransactionError(.invalidRequest, defect)
        }
    }

    package static func check(batch: Int) throws(TransactionError) {
        if let defect = SettingRange.defect(of: batch, in: 1...TransactionLimits.batch, as: "a number of transactions")
        {
            throw TransactionError(.invalidRequest, defect)
        }
    }

    package static func check(_ transaction: NewTransaction) throws(TransactionError) {
        try Self.check(payload: transaction.input, as: "an input")
        if let timeout = transaction.timeout, timeout <= .zero {
            throw TransactionError(
                .invalidRequest, "a transaction cannot have a time of \(timeout): it must be greater than zero")
        }
        // A journal that took more could not read it any more.
        guard transaction.outline.count <= TransactionLimits.steps else {
            throw TransactionError(
                .invalidRequest,
                "a definition of \(transaction.outline.count) steps is too long: \(TransactionLimits.steps) at the most"
            )
        }
        try Self.check(transaction.entries)
    }

    package static func check(_ entries: [JournalEntry]) throws(TransactionError) {
        guard !entries.isEmpty else {
            throw TransactionError(.invalidRequest, "there is no entry to write")
        }
        for entry in entries {
            switch entry.event {
            case .completed(_, let output), .intervened(.skip(.some(let output)), _, _):
                try Self.check(payload: output, as: "an output")
            default:
                break
            }
        }
    }

    private static func check(payload: [UInt8], as what: String) throws(TransactionError) {
        guard payload.count <= TransactionLimits.payloadBytes else {
            throw TransactionError(
                .tooLarge,
                "\(what) of \(payload.count) bytes is too large: \(TransactionLimits.payloadBytes) at the most")
        }
    }

    package static func notEnlisted(_ coordinator: FencingToken) -> TransactionError {
        TransactionError(
            .notRunning, "the coordinator \(coordinator) is not enlisted: its lease has run out, or it has resigned"
        )
    }
}
