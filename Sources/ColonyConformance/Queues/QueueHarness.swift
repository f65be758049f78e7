public import ColonyCore
public import ColonyQueues

/// What the cases of queues need to know about an engine: how to make clients of one store, and how its time passes.
public protocol QueueHarness: Sendable {
    /// A new client of the store under test. All clients of a harness are clients of the same store: two connections of a server, two
    /// processes on a file, twice the same object in memory.
    func makeEngine() async throws -> any QueueEngine

    /// The clock on which cases measure; it runs at the rate of the store's clock.
    var clock: any MonotonicClock { get }

    /// By what factor the durations of the cases are shortened. They speak of leases of ten seconds; a harness that has to wait for
    /// them makes them shorter, one that moves a clock leaves them. Greater than zero.
    var timeScale: Double { get }

    /// How much later than asked for the store may act because its clock is coarse; at most a second.
    var resolution: Duration { get }

    /// How long in real time a case waits for what has to happen at once.
    var patience: Duration { get }

    /// How much work the cases that run many operations do, relative to the full amount: greater than zero, at most 1.
    var effort: Double { get }

    /// Lets at least `duration` pass on the store's clocks, the civil one included.
    func advance(by duration: Duration) async throws
}

extension QueueHarness {
    /// Twenty seconds.
    public var patience: Duration { .seconds(20) }
}

/// A harness for engines that live on real time, such as servers.
public struct LiveQueueHarness: QueueHarness {
    /// By what factor the durations of the cases are shortened.
    public let timeScale: Double
    /// How much later than asked for the store may act because its clock is coarse.
    public let resolution: Duration
    /// How much work the cases that run many operations do, relative to the full amount.
    public let effort: Double
    private let connect: @Sendable () async throws -> any QueueEngine
    private let hostClock = HostClock()

    /// Makes a harness.
    ///
    /// - Parameters:
    ///   - timeScale: 0.05 makes ten seconds half a second. From 0.005 to 1.
    ///   - resolution: From zero to a second.
    ///   - effort: Greater than 0 and at most 1.
    ///   - connect: Makes one more client of the store.
    public init(
        timeScale: Double = 0.05, resolution: Duration = .milliseconds(5), effort: Double = 0.2,
        connect: @escaping @Sendable () async throws -> any QueueEngine
    ) {
        precondition(
            (0.005...1).contains(timeScale), "a time scale lies between 0.005 and 1, and \(timeScale) does not")
        precondition(
            (.zero ... .seconds(1)).contains(resolution), "a store rounds by up to a second, and not by \(resolution)")
        precondition(effort > 0 && effort <= 1, "an effort is greater than 0 and at most 1, and \(effort) is not")
        self.timeScale = timeScale
        self.resolution = resolution
        self.effort = effort
        self.connect = connect
    }

    /// The clock of the host.
    public var clock: any MonotonicClock { self.hostClock }

    /// Makes one more client of the store.
    public func makeEngine() async throws -> any QueueEngine { try await self.connect() }

    /// Waits.
    public func advance(by duration: Duration) async throws {
        try await self.hostClock.sleep(for: duration)
    }
}
