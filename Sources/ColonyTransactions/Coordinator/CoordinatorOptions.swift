import ColonyCore

/// The limits of a coordinator.
public struct CoordinatorOptions: Hashable, Sendable {
    /// How long it counts as alive without a sign of life. After a crash others take over when it has run out.
    public let lease: Duration
    /// How often it looks for transactions that belong to nobody.
    public let pollInterval: Duration
    /// The most transactions that it has in flight at a time.
    public let maximumInFlight: Int
    /// How long calls that are under way may go on when it is asked to end.
    public let drainLimit: Duration

    /// Makes options from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - lease: In ``TransactionLimits/lease``. Ten seconds outlive a stall of the machine, and keep nobody waiting for long.
    ///   - pollInterval: From 10 milliseconds to an hour. One look a second costs nothing that could be measured.
    ///   - maximumInFlight: From 1 to 10,000,000. 100,000 take some hundred megabytes.
    ///   - drainLimit: From zero to an hour.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`, which quotes the value.
    public init(
        lease: Duration = .seconds(10), pollInterval: Duration = .seconds(1), maximumInFlight: Int = 100_000,
        drainLimit: Duration = .seconds(5)
    ) throws(TransactionError) {
        let defect =
            SettingRange.defect(of: lease, in: TransactionLimits.lease, as: "the lease of a coordinator")
            ?? SettingRange.defect(
                of: pollInterval, in: .milliseconds(10) ... .seconds(3_600), as: "the interval of its looks")
            ?? SettingRange.defect(
                of: maximumInFlight, in: 1...10_000_000, as: "the number of transactions in flight")
            ?? SettingRange.defect(of: drainLimit, in: .zero ... .seconds(3_600), as: "its time to end")
        if let defect { throw TransactionError(.invalidDefinition, defect) }
        self.init(
            unchecked: lease, pollInterval: pollInterval, maximumInFlight: maximumInFlight, drainLimit: drainLimit)
    }

    /// The limits that ``init(lease:pollInterval:maximumInFlight:drainLimit:)`` has by itself.
    public static let standard = CoordinatorOptions(
        unchecked: .seconds(10), pollInterval: .seconds(1), maximumInFlight: 100_000, drainLimit: .seconds(5))

    private init(unchecked lease: Duration, pollInterval: Duration, maximumInFlight: Int, drainLimit: Duration) {
        self.lease = lease
        self.pollInterval = pollInterval
        self.maximumInFlight = maximumInFlight
        self.drainLimit = drainLimit
    }
}
