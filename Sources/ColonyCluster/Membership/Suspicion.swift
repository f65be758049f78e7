import ColonyCore

/// How long a suspected member has to contradict: long while one member suspects it, and shorter with each that suspects it by itself.
///
/// A single accuser may be the slow one. Several that came to the same finding on their own are right nearly always, so waiting for
/// longer would only delay the finding.
///
/// - SeeAlso: Lifeguard (see ``LocalHealth``), section IV-B: the time-out falls with the logarithm of the confirmations from `maximum` to `minimum`.
struct Suspicion: Hashable, Sendable {
    private(set) var startedAt: MonotonicInstant
    let minimum: Duration
    let maximum: Duration
    /// After how many further accusers the time-out is the minimum.
    let expectedConfirmations: Int
    /// Who suspects it, no more than the expected number beside the first.
    private(set) var accusers: Set<NodeID>

    init(
        by accuser: NodeID, at now: MonotonicInstant, minimum: Duration, maximum: Duration, expectedConfirmations: Int
    ) {
        self.startedAt = now
        self.minimum = minimum
        self.maximum = max(minimum, maximum)
        self.expectedConfirmations = expectedConfirmations
        self.accusers = [accuser]
    }

    /// - Returns: Whether the accuser is a new one that counts, whose word is worth passing on.
    mutating func confirm(by accuser: NodeID) -> Bool {
        guard self.accusers.count <= self.expectedConfirmations else { return false }
        return self.accusers.insert(accuser).inserted
    }

    /// Time that does not count against the suspect.
    mutating func shift(by duration: Duration) { self.startedAt = self.startedAt.advanced(by: duration) }

    /// When the member counts as failed.
    var deadline: MonotonicInstant {
        guard self.expectedConfirmations > 0 else { return self.startedAt.advanced(by: self.minimum) }
        let share =
            Logarithm.natural(Double(self.accusers.count)) / Logarithm.natural(Double(self.expectedConfirmations + 1))
        return self.startedAt.advanced(
            by: max(self.minimum, self.maximum - (self.maximum - self.minimum) * min(1, share)))
    }
}
