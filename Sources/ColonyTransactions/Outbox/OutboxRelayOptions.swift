public import ColonyCore
import ColonyQueues

/// How an ``OutboxRelay`` works.
public struct OutboxRelayOptions: Hashable, Sendable {
    /// How long the right to relay is kept without a sign of life. After a crash another relay takes over when it has run out.
    public let lease: Duration
    /// The longest time between two looks at the outbox, for what no news tells of.
    public let pollInterval: Duration
    /// The most messages that are read, published, and removed at a time.
    public let batch: Int
    /// The most queues that are published to at the same time.
    public let concurrency: Int
    /// How long a publish may take before its outcome counts as unknown, and it is repeated.
    public let publishTimeout: Duration
    /// How old the oldest message may be before ``OutboxEvent/late(age:waiting:)`` is told.
    public let lateAfter: Duration
    /// How long a queue rests that has no room or cannot be reached, and the outbox likewise.
    public let backoff: Backoff

    /// Makes options from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - lease: In `TransactionLimits.lease`. Ten seconds outlive a stall of the machine.
    ///   - pollInterval: From 1 millisecond to an hour. A tenth of a second is what people do not notice, and ten looks a second cost nothing
    ///     that could be measured.
    ///   - batch: From 1 to `MessageLimits.batch`. 500 messages share a round trip and a commit; more gain little.
    ///   - concurrency: From 1 to 1,000.
    ///   - publishTimeout: From 10 milliseconds to an hour.
    ///   - lateAfter: From zero to a year.
    ///   - backoff: How long what does not work rests.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`, which quotes the value.
    public init(
        lease: Duration = .seconds(10), pollInterval: Duration = .milliseconds(100), batch: Int = 500,
        concurrency: Int = 8, publishTimeout: Duration = .seconds(30), lateAfter: Duration = .seconds(60),
        backoff: Backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(5))
    ) throws(TransactionError) {
        let defect =
            SettingRange.defect(of: lease, in: TransactionLimits.lease, as: "the lease of a relay")
            ?? SettingRange.defect(
                of: pollInterval, in: .milliseconds(1) ... .seconds(3_600), as: "the interval of its looks")
            ?? SettingRange.defect(of: batch, in: 1...MessageLimits.batch, as: "the number of messages at a time")
            ?? SettingRange.defect(of: concurrency, in: 1...1_000, as: "the number of queues at a time")
            ?? SettingRange.defect(
                of: publishTimeout, in: .milliseconds(10) ... .seconds(3_600), as: "the time limit of a publish")
            ?? SettingRange.defect(
                of: lateAfter, in: .zero ... .seconds(365 * 86_400), as: "the age from which messages are late")
        if let defect { throw TransactionError(.invalidDefinition, defect) }
        self.init(
            unchecked: lease, pollInterval: pollInterval, batch: batch, concurrency: concurrency,
            publishTimeout: publishTimeout, lateAfter: lateAfter, backoff: backoff)
    }

    /// The options that the initialiser has by itself.
    public static let standard = OutboxRelayOptions(
        unchecked: .seconds(10), pollInterval: .milliseconds(100), batch: 500, concurrency: 8,
        publishTimeout: .seconds(30), lateAfter: .seconds(60),
        backoff: Backoff(initial: .milliseconds(50), maximum: .seconds(5)))

    private init(
        unchecked lease: Duration, pollInterval: Duration, batch: Int, concurrency: Int, publishTimeout: Duration,
        lateAfter: Duration, backoff: Backoff
    ) {
        self.lease = lease
        self.pollInterval = pollInterval
        self.batch = batch
        self.concurrency = concurrency
        self.publishTimeout = publishTimeout
        self.lateAfter = lateAfter
        self.backoff = backoff
    }
}
