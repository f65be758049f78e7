public import ColonyCore

/// What the conformance cases need to know about an engine: how to make clients, and how its time passes.
///
/// A harness for an engine in this process moves a manual clock; one for a live server waits. ``LiveLeaseHarness`` is the
/// second kind.
public protocol LeaseHarness: Sendable {
    /// A client of the store under test. All clients of a harness are clients of the same store, as independent of each
    /// other as the store allows: two connections of a server, two handles of a file, the same object for memory.
    func makeEngine() async throws -> any LeaseEngine

    /// The clock on which cases measure; it runs at the rate of the engine's clock.
    var clock: any MonotonicClock { get }

    /// By what factor the durations of the cases are shortened. They speak of leases of ten seconds; a harness that has to
    /// wait for them makes them shorter, one that moves a clock leaves them.
    ///
    /// Greater than zero, and at least 0.005, so that no lease is shorter than ``ColonyCore/LeaseLimits/duration`` allows.
    var timeScale: Double { get }

    /// How much later than it should something may happen before that counts as a failure. Live servers on busy machines
    /// need seconds; on a manual clock nothing is late.
    var grace: Duration { get }

    /// How long in real time a case waits for what has to happen at once. Generous, because a machine may be busy; a case
    /// that passes hardly ever waits.
    var patience: Duration { get }

    /// How much work the cases that run many operations do, relative to the full amount: greater than zero, at most 1.
    var effort: Double { get }

    /// The longest lease that the store gives, see ``ColonyCore/LeaseEngine/longestLease``. Cases ask for no longer ones,
    /// but for the one that is about it.
    var longestLease: Duration { get }

    /// Lets at least `duration` pass on the engine's clock.
    func advance(by duration: Duration) async throws

    /// Gives tasks that have just started a chance to get to where they wait. No case relies on it to pass; a case that is
    /// about waiting proves less if its tasks have not got there.
    func settle() async throws
}

extension LeaseHarness {
    /// Twenty seconds.
    public var patience: Duration { .seconds(20) }

    /// The upper bound of ``ColonyCore/LeaseLimits/duration``.
    public var longestLease: Duration { LeaseLimits.duration.upperBound }
}

/// A harness for engines that live on real time, such as servers and files.
public struct LiveLeaseHarness: LeaseHarness {
    /// By what factor the durations of the cases are shortened.
    public let timeScale: Double
    /// How much later than it should something may happen before that counts as a failure.
    public let grace: Duration
    /// How much work the cases that run many operations do, relative to the full amount.
    public let effort: Double
    /// The longest lease that the store gives.
    public let longestLease: Duration
    private let connect: @Sendable () async throws -> any LeaseEngine
    private let hostClock = HostClock()

    /// - Parameters:
    ///   - timeScale: 0.05 makes a lease of ten seconds one of half a second, which a busy machine still renews in time.
    ///   - grace: Ten seconds are beyond any delay of a machine that works at all.
    ///   - effort: A fifth keeps a run against a server with a slow disk below a minute.
    ///   - longestLease: What a client that has reached the store says.
    ///   - connect: Makes one more client of the store.
    public init(
        timeScale: Double = 0.05, grace: Duration = .seconds(10), effort: Double = 0.2,
        longestLease: Duration = LeaseLimits.duration.upperBound,
        connect: @escaping @Sendable () async throws -> any LeaseEngine
    ) {
        precondition(
            (0.005...1).contains(timeScale), "a time scale lies between 0.005 and 1, and \(timeScale) does not")
        precondition(effort > 0 && effort <= 1, "an effort is greater than 0 and at most 1, and \(effort) is not")
        self.timeScale = timeScale
        self.grace = grace
        self.effort = effort
        self.longestLease = longestLease
        self.connect = connect
    }

    /// The clock of the host.
    public var clock: any MonotonicClock { self.hostClock }

    /// Makes one more client of the store.
    public func makeEngine() async throws -> any LeaseEngine { try await self.connect() }

    /// Waits.
    public func advance(by duration: Duration) async throws {
        try await self.hostClock.sleep(for: duration)
    }

    /// Waits for 30 milliseconds, which is enough for a request on a machine that is not busy.
    public func settle() async throws {
        try await self.hostClock.sleep(for: .milliseconds(30))
    }
}
