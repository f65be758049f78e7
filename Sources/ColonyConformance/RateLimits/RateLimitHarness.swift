public import ColonyCore
public import ColonyResilience

/// What the cases of shared limits need to know about an engine: how to make clients of one store, and how its time passes.
public protocol RateLimitHarness: Sendable {
    /// A client of the store under test. All clients of a harness are clients of the same store, as independent of each
    /// other as the store allows: two connections of a server, two handles of a file, the same object for memory.
    func makeEngine() async throws -> any RateLimitEngine

    /// A client whose own clocks, civil and monotonic, are wrong by `offset`; `nil` if a client has none, as when the engine
    /// lives in this process.
    func makeSkewedEngine(by offset: Duration) async throws -> (any RateLimitEngine)?

    /// Closes what the clients so far have open and opens the store anew, as after a restart of everything that used it;
    /// a store that nothing outlives gives the same one.
    func reopen() async throws -> any RateLimitEngine

    /// The clock on which cases measure; it runs at the rate of the store's clock.
    var clock: any MonotonicClock { get }

    /// By what factor the durations are shortened that cases wait for. They speak of a permit in ten seconds; a harness that
    /// has to wait makes that shorter, one that moves a clock leaves it. Greater than zero, at most 1.
    var timeScale: Double { get }

    /// The unit in which the store counts, by which an answer may differ from the exact one. Zero says that the store counts
    /// nanoseconds on ``clock`` itself, which stands still while a case does not move it: then all answers must be exact.
    var resolution: Duration { get }

    /// How much work the cases that run many operations do, relative to the full amount: greater than zero, at most 1.
    var effort: Double { get }

    /// Lets at least `duration` pass on the store's clock.
    func advance(by duration: Duration) async throws
}

extension RateLimitHarness {
    /// No client with wrong clocks.
    public func makeSkewedEngine(by offset: Duration) async throws -> (any RateLimitEngine)? { nil }

    /// One more client of the store: one that knows nothing from before.
    public func reopen() async throws -> any RateLimitEngine { try await self.makeEngine() }

    /// Whether every answer follows from the clock of the harness.
    var isExact: Bool { self.resolution == .zero }
}

/// A harness for engines that live on real time, such as servers and files.
public struct LiveRateLimitHarness: RateLimitHarness {
    /// By what factor the durations are shortened that cases wait for.
    public let timeScale: Double
    /// The unit in which the store counts.
    public let resolution: Duration
    /// How much work the cases that run many operations do, relative to the full amount.
    public let effort: Double
    private let connect: @Sendable () async throws -> any RateLimitEngine
    private let connectSkewed: @Sendable (Duration) async throws -> (any RateLimitEngine)?
    private let hostClock = HostClock()

    /// Makes a harness.
    ///
    /// - Parameters:
    ///   - timeScale: 0.05 makes ten seconds half a second. From 0.005 to 1.
    ///   - resolution: From a nanosecond to a second. A millisecond suits stores that count in microseconds by another clock
    ///     than that of this host, which may be corrected while a case is running.
    ///   - effort: Greater than 0 and at most 1.
    ///   - connectSkewed: Makes a client whose own clocks are wrong by a duration; without it, that case is skipped.
    ///   - connect: Makes one more client of the store.
    public init(
        timeScale: Double = 0.05, resolution: Duration = .milliseconds(1), effort: Double = 0.2,
        connectSkewed: @escaping @Sendable (Duration) async throws -> (any RateLimitEngine)? = { _ in nil },
        connect: @escaping @Sendable () async throws -> any RateLimitEngine
    ) {
        precondition(
            (0.005...1).contains(timeScale), "a time scale lies between 0.005 and 1, and \(timeScale) does not")
        precondition(
            (.nanoseconds(1) ... .seconds(1)).contains(resolution),
            "a live store counts in units from a nanosecond to a second, and not of \(resolution)")
        precondition(effort > 0 && effort <= 1, "an effort is greater than 0 and at most 1, and \(effort) is not")
        self.timeScale = timeScale
        self.resolution = resolution
        self.effort = effort
        self.connectSkewed = connectSkewed
        self.connect = connect
    }

    /// The clock of the host.
    public var clock: any MonotonicClock { self.hostClock }

    /// Makes one more client of the store.
    public func makeEngine() async throws -> any RateLimitEngine { try await self.connect() }

    /// Makes a client whose own clocks are wrong.
    public func makeSkewedEngine(by offset: Duration) async throws -> (any RateLimitEngine)? {
        try await self.connectSkewed(offset)
    }

    /// Waits.
    public func advance(by duration: Duration) async throws {
        try await self.hostClock.sleep(for: duration)
    }
}
