package import ColonyCore

/// What a store knows of one key, and the decisions about it, which are the same in every store.
package struct IdempotencyRecord: Hashable, Sendable {
    package let fingerprint: IdempotencyFingerprint
    /// Who runs it, or ran it.
    package let owner: OwnerID
    /// How it ended; `nil` while it runs.
    package let outcome: IdempotencyOutcome?
    /// When the lease runs out, or the outcome is forgotten.
    package let end: MonotonicInstant

    package init(
        fingerprint: IdempotencyFingerprint, owner: OwnerID, outcome: IdempotencyOutcome?, end: MonotonicInstant
    ) {
        self.fingerprint = fingerprint
        self.owner = owner
        self.outcome = outcome
        self.end = end
    }

    /// What to answer, and the record to be written, if any.
    ///
    /// - Parameter present: What is known; a record whose end has come counts as none.
    package static func begin(
        _ request: IdempotencyRequest, _ present: IdempotencyRecord?, at now: MonotonicInstant
    ) -> (answer: IdempotencyAnswer, record: IdempotencyRecord?) {
        if let present, present.end > now {
            guard present.fingerprint == request.fingerprint else { return (.conflict, nil) }
            if let outcome = present.outcome { return (.stored(outcome), nil) }
            guard present.owner == request.owner else {
                return (.inFlight(remaining: now.duration(to: present.end)), nil)
            }
        }
        let record = IdempotencyRecord(
            fingerprint: request.fingerprint, owner: request.owner, outcome: nil, end: now.advanced(by: request.lease))
        return (.started, record)
    }

    /// Whether the owner may complete, and the record to be written, if any.
    ///
    /// - Parameter present: What is known; a record whose end has come counts as none. A lease that ran out is thus no reason to
    ///   forget what was done, as long as nobody else has the key.
    package static func complete(
        _ request: IdempotencyRequest, with outcome: IdempotencyOutcome, keeping retention: Duration,
        _ present: IdempotencyRecord?, at now: MonotonicInstant
    ) -> (isAccepted: Bool, record: IdempotencyRecord?) {
        if let present, present.end > now {
            // Another owner took the key: what it does, or did, counts.
            guard present.owner == request.owner else { return (false, nil) }
            guard present.outcome == nil else { return (true, nil) }
        }
        let record = IdempotencyRecord(
            fingerprint: request.fingerprint, owner: request.owner, outcome: outcome, end: now.advanced(by: retention))
        return (true, record)
    }

    /// Whether the key is the owner's and without an outcome, so that it can be given up.
    package func isAbandoned(by request: IdempotencyRequest, at now: MonotonicInstant) -> Bool {
        self.owner == request.owner && self.outcome == nil && self.end > now
    }
}
