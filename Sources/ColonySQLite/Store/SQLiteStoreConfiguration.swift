/// The limits of an embedded store. All engines of a process on one file share one store, with the limits of the first.
public struct SQLiteStoreConfiguration: Hashable, Sendable {
    /// How many operations may wait for the writer; more are refused at once with `unavailable`. At least 1.
    ///
    /// 65 536 waiting operations take about 30 MB and about a second to work off.
    public var maximumQueuedOperations: Int

    /// How long an operation waits for other processes that write to the file before it fails with `unavailable`.
    ///
    /// Five seconds are four orders of magnitude longer than a commit, so that only a stopped process exhausts them.
    public var busyTimeout: Duration

    /// Up to how many bytes the write-ahead log may grow before the writer waits for readers to leave it, for a moment,
    /// to start it anew. At least 1 MiB.
    ///
    /// The file stays below this limit plus one batch. 16 MiB are four times what a checkpoint is started at, so that
    /// the wait is the exception.
    public var maximumLogBytes: Int

    /// Whether the store may lie in a database that another program has made, such as your own, so that one transaction can change your
    /// tables and publish a message. Colony adds its tables to it and leaves the others alone.
    ///
    /// Off, a database without Colony's tables is refused, so that a wrong path does no harm. One that was shared once is recognised from
    /// then on.
    public var sharesDatabase: Bool

    /// - Precondition: The numbers are in the ranges that the members state.
    public init(
        maximumQueuedOperations: Int = 65_536, busyTimeout: Duration = .seconds(5), maximumLogBytes: Int = 16 << 20,
        sharesDatabase: Bool = false
    ) {
        precondition(maximumQueuedOperations >= 1, "the queue must hold an operation, not \(maximumQueuedOperations)")
        precondition(busyTimeout > .zero, "the busy timeout must be greater than zero, not \(busyTimeout)")
        precondition(maximumLogBytes >= 1 << 20, "the log must be allowed at least 1 MiB, not \(maximumLogBytes) bytes")
        self.maximumQueuedOperations = maximumQueuedOperations
        self.busyTimeout = busyTimeout
        self.maximumLogBytes = maximumLogBytes
        self.sharesDatabase = sharesDatabase
    }
}
