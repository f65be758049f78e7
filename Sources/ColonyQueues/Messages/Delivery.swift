public import ColonyCore

/// A message that was handed out to one consumer, for the time of a lease.
public struct Delivery: Hashable, Sendable {
    /// What the consumer must show to settle it.
    public var receipt: Receipt
    /// What was published.
    public var body: [UInt8]
    /// The key that it was published with.
    public var key: String?
    /// From 0 to 9.
    public var priority: Int
    /// What it was published with.
    public var headers: [String: String]
    /// When the engine took it, by the civil clock of the store.
    public var publishedAt: WallTime
    /// When the lease ends by the clock of the caller, counted from before the request, so that it is never later than the end by
    /// the clock of the engine.
    public var leaseEnd: MonotonicInstant

    /// The message.
    public var id: MessageID { self.receipt.message }
    /// How often it was handed out, this time included. Counted when it is handed out, so that a consumer that dies counts.
    public var attempt: Int { self.receipt.attempt }

    /// Makes a delivery; for engines.
    public init(
        receipt: Receipt, body: [UInt8], key: String?, priority: Int, headers: [String: String], publishedAt: WallTime,
        leaseEnd: MonotonicInstant
    ) {
        self.receipt = receipt
        self.body = body
        self.key = key
        self.priority = priority
        self.headers = headers
        self.publishedAt = publishedAt
        self.leaseEnd = leaseEnd
    }
}
