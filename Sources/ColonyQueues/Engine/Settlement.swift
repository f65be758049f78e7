/// What a consumer says of a delivery.
public struct Settlement: Hashable, Sendable {
    /// How it ended, or that it goes on.
    public enum Kind: Hashable, Sendable {
        /// It is done: the message is removed.
        case acknowledge
        /// It has failed: the message is delivered again after a rest, or becomes a dead letter when its deliveries are used up.
        case retry(after: Duration, reason: String)
        /// It can never be done: the message becomes a dead letter at once.
        case deadLetter(reason: String)
        /// It was never begun: the message is delivered again at once, and the attempt does not count.
        case handBack
        /// It goes on: the lease ends so long after now.
        case extend(Duration)
    }

    /// Which delivery is meant.
    public var receipt: Receipt
    /// What is said of it.
    public var kind: Kind

    /// Makes a settlement.
    public init(_ receipt: Receipt, _ kind: Kind) {
        self.receipt = receipt
        self.kind = kind
    }
}

/// What an engine answers to a ``Settlement``.
public enum SettlementOutcome: Hashable, Sendable {
    /// It was done.
    case settled
    /// The delivery is over: settled before, or its lease has run out. Nothing was changed; the message may be with another
    /// consumer now.
    case stale
}
