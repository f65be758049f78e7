public import ColonyCore
import Synchronization

/// When a ``LoadShedder`` sheds more, and when less.
public struct LoadShedderOptions: Hashable, Sendable {
    /// From which load on more is shed.
    public let high: Double
    /// Below which load less is shed.
    public let low: Double
    /// How much more is shed after a sample above ``high``: 1 is a whole priority.
    public let rise: Double
    /// How much less is shed after a sample below ``low``.
    public let fall: Double
    /// How often the load is measured.
    public let interval: Duration

    /// Makes options from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - high: Greater than 0, at most 1,000. 0.95 unless said otherwise: almost all that can be done.
    ///   - low: Greater than 0, at most `high`. 0.8 unless said otherwise. The distance keeps the shedder from going back and forth.
    ///   - rise: From 0.001 to 3. A quarter unless said otherwise, so that the lowest priority is shed within four samples.
    ///   - fall: From 0.001 to 3. A tenth unless said otherwise.
    ///   - interval: From one millisecond to one hour. A hundred milliseconds unless said otherwise.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        high: Double = 0.95, low: Double? = nil, rise: Double = 0.25, fall: Double = 0.1,
        interval: Duration = .milliseconds(100)
    ) throws(ResilienceError) {
        try Bounds.check(high, in: 0.000_001...1_000, "the load at which more is shed")
        let low = low ?? min(0.8, high)
        try Bounds.check(low, in: 0.000_001...high, "the load at which less is shed")
        try Bounds.check(rise, in: 0.001...3, "how much more is shed")
        try Bounds.check(fall, in: 0.001...3, "how much less is shed")
        try Bounds.check(interval, in: .milliseconds(1) ... .seconds(3_600), "the time between two samples of load")
        self.high = high
        self.low = low
        self.rise = rise
        self.fall = fall
        self.interval = interval
    }
}

/// Refuses the calls that matter least while there is more to do than can be done.
///
/// ```swift
/// let shedder = LoadShedder(try LoadShedderOptions(), by: .utilisation(of: bulkhead), name: "api")
/// let answer = try await shedder.execute { try await handle(request) }
/// ```
///
/// The load is measured at most once in each interval, when a call comes; no task runs in the background. Calls of the lowest priority
/// are shed first, at first a share of them, then all, then the next; critical calls are never shed. It stops in the opposite order.
/// A shedder stands in front of the ``Bulkhead`` whose load it goes by, so that what it sheds does not wait there first.
///
/// - Complexity: One reading of the clock while nothing is shed; a lock for each sample, and for calls of the priority of which a
///   share is shed.
public final class LoadShedder: ResilienceLayer, Sendable {
    /// What the shedder protects, for logs and metrics.
    public let name: String
    /// When it sheds more and less.
    public let options: LoadShedderOptions

    private struct Core: Sendable {
        var state: LoadShedderState
        var load = 0.0
        var shed: [UInt64] = Array(repeating: 0, count: CallPriority.allCases.count)
    }

    private let clock: any MonotonicClock
    private let signal: LoadSignal
    private let core: Mutex<Core>
    private let intervalNanoseconds: Int64
    /// When the load is measured next.
    private let nextSample: Atomic<Int64>
    /// The lowest priority of which nothing is shed.
    private let floor = Atomic<Int>(0)
    private let hub = ListenerHub<LoadShedderEvent>()

    /// Makes a shedder that sheds nothing yet.
    public init(
        _ options: LoadShedderOptions, by signal: LoadSignal, name: String = "default",
        clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.name = name
        self.options = options
        self.clock = clock
        self.signal = signal
        self.core = Mutex(Core(state: LoadShedderState(options, generator: generator)))
        self.intervalNanoseconds = options.interval.clampedNanoseconds
        self.nextSample = Atomic(.min)
    }

    /// Runs an operation unless calls of its priority, ``CallPriority/current``, are shed.
    ///
    /// - Throws: ``ResilienceError`` with code `shed` before the operation was started; its `retryAfter` is the time until the load is
    ///   measured again. Else what the operation throws.
    @inlinable
    public func execute<Value>(_ operation: () async throws -> Value) async throws -> Value {
        try self.admit(CallPriority.current)
        return try await operation()
    }

    /// Goes on unless calls of this priority are shed, for those who cannot wrap the call.
    ///
    /// - Throws: ``ResilienceError`` with code `shed`.
    public func admit(_ priority: CallPriority) throws(ResilienceError) {
        let now = self.clock.now.nanoseconds
        if now >= self.nextSample.load(ordering: .relaxed) { self.sample(at: now) }
        guard priority.rawValue < self.floor.load(ordering: .relaxed) else { return }
        let isAdmitted = self.core.withLock { core in
            let isAdmitted = core.state.admits(priority)
            if !isAdmitted { core.shed[priority.rawValue] += 1 }
            return isAdmitted
        }
        guard !isAdmitted else { return }
        let rest = max(1, self.nextSample.load(ordering: .relaxed) - now)
        throw ResilienceError(
            .shed, "\(self.name) sheds calls of \(priority) priority; the call was not started",
            retryAfter: .nanoseconds(rest))
    }

    private func sample(at now: Int64) {
        self.core.withLock { core in
            // Many callers see that it is time, and one of them measures.
            guard now >= self.nextSample.load(ordering: .relaxed) else { return }
            let next = now.addingReportingOverflow(self.intervalNanoseconds)
            self.nextSample.store(next.overflow ? .max : next.partialValue, ordering: .relaxed)
            let load = self.signal.measure()
            guard load.isFinite else { return }
            core.load = load
            let before = core.state.depth
            core.state.note(load: load)
            self.floor.store(Int(core.state.depth.rounded(.up)), ordering: .relaxed)
            guard core.state.depth != before else { return }
            self.hub.send(
                LoadShedderEvent(
                    from: before, to: core.state.depth, load: core.load, instant: MonotonicInstant(nanoseconds: now)))
        }
    }

    /// How the shedder stands.
    public var snapshot: LoadShedderSnapshot {
        self.core.withLock { core in
            LoadShedderSnapshot(
                load: core.load, depth: core.state.depth,
                shed: Dictionary(uniqueKeysWithValues: CallPriority.allCases.map { ($0, core.shed[$0.rawValue]) }))
        }
    }

    /// Every change of how much is shed from now on, in order.
    ///
    /// A listener that does not keep up loses the oldest events and keeps the newest `limit`. The stream ends with the
    /// shedder. Each call makes a stream of its own.
    public func events(buffering limit: Int = 64) -> AsyncStream<LoadShedderEvent> {
        self.hub.listen(keepingNewest: limit)
    }
}

/// A shedder that sheds more or less than before.
public struct LoadShedderEvent: Hashable, Sendable {
    /// How much was shed: the number of priorities, the last one in part.
    public let from: Double
    /// How much is shed from now on.
    public let to: Double
    /// The load that was measured.
    public let load: Double
    /// When, on the clock of the shedder.
    public let instant: MonotonicInstant
}

/// A load shedder as it stands.
public struct LoadShedderSnapshot: Hashable, Sendable {
    /// The load when it was last measured.
    public let load: Double
    /// How much is shed: the number of priorities, the last one in part. From 0, nothing, to 3, all but critical calls.
    public let depth: Double
    /// How many calls of each priority were shed, in all.
    public let shed: [CallPriority: UInt64]
}
