public import ColonyCore
public import ColonyTransactions

/// What the cases of journals need to know about one: how to make clients of one store, and how its time passes.
public protocol TransactionJournalHarness: Sendable {
    /// A client of the store under test. All clients of a harness are clients of the same store, as independent of each
    /// other as the store allows: two connections of a server, two processes of a file, the same object for memory.
    func makeJournal() async throws -> any TransactionAdministration

    /// The clock on which cases measure; it runs at the rate of the store's clock.
    var clock: any MonotonicClock { get }

    /// By what factor the leases are shortened that cases wait for. They speak of ten seconds; a harness that has to wait
    /// makes that shorter, one that moves a clock leaves it. From 0.01, so that no lease is too short, to 1.
    var timeScale: Double { get }

    /// How much work the cases that run many operations do, relative to the full amount: greater than zero, at most 1.
    var effort: Double { get }

    /// Whether nobody but the cases uses the store, so that what is there can be counted.
    var isAlone: Bool { get }

    /// Lets at least `duration` pass on the store's clock.
    func advance(by duration: Duration) async throws
}

/// A harness for journals that live on real time, such as servers and files.
public struct LiveTransactionJournalHarness: TransactionJournalHarness {
    /// By what factor the leases are shortened that cases wait for.
    public let timeScale: Double
    /// How much work the cases that run many operations do, relative to the full amount.
    public let effort: Double
    /// Whether nobody but the cases uses the store.
    public let isAlone: Bool
    private let connect: @Sendable () async throws -> any TransactionAdministration
    private let hostClock = HostClock()

    /// Makes a harness.
    ///
    /// - Parameters:
    ///   - timeScale: 0.05 makes ten seconds half a second, within which a busy machine still renews. From 0.01 to 1.
    ///   - effort: Greater than 0 and at most 1.
    ///   - isAlone: Whether nobody but the cases uses the store.
    ///   - connect: Makes one more client of the store.
    public init(
        timeScale: Double = 0.05, effort: Double = 0.2, isAlone: Bool = false,
        connect: @escaping @Sendable () async throws -> any TransactionAdministration
    ) {
        precondition((0.01...1).contains(timeScale), "a time scale lies between 0.01 and 1, and \(timeScale) does not")
        precondition(effort > 0 && effort <= 1, "an effort is greater than 0 and at most 1, and \(effort) is not")
        self.timeScale = timeScale
        self.effort = effort
        self.isAlone = isAlone
        self.connect = connect
    }

    /// The clock of the host.
    public var clock: any MonotonicClock { self.hostClock }

    /// Makes one more client of the store.
    public func makeJournal() async throws -> any TransactionAdministration { try await self.connect() }

    /// Waits.
    public func advance(by duration: Duration) async throws {
        try await self.hostClock.sleep(for: duration)
    }
}
