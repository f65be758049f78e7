/// Where a transaction stands.
public enum TransactionState: String, Sendable, Hashable, CaseIterable, Codable {
    /// It goes forward. Next: ``completed``, ``compensating``, or ``stuck``.
    case running
    /// It undoes what was done. Next: ``compensated`` or ``stuck``.
    case compensating
    /// It cannot go on without a person. Next: wherever ``Intervention`` says.
    case stuck
    /// All of its steps were done. The end.
    case completed
    /// None of its steps has an effect any more. The end.
    case compensated

    /// Whether nothing will change any more.
    public var isFinal: Bool { self == .completed || self == .compensated }
}

/// Which kind of transaction it is.
public enum TransactionKind: String, Sendable, Hashable, CaseIterable, Codable {
    /// Steps, each undone by a compensation of its own.
    case saga
    /// Reservations that are confirmed or cancelled together.
    case tcc
    /// Databases that prepare, and commit together.
    case twoPhase = "two_phase"
}

/// Which way a step is called.
public enum StepDirection: String, Sendable, Hashable, CaseIterable, Codable {
    /// To do it.
    case action
    /// To undo it.
    case compensation
}
