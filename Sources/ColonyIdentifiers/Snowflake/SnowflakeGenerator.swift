public import ColonyCore
import Synchronization

/// Issues Snowflake identifiers for one worker number: unique, rising, and without asking anybody.
///
/// ```swift
/// let ids = try SnowflakeGenerator(worker: 7)
/// let id = try ids.next()
/// ```
///
/// Uniqueness among nodes rests on two things that a generator by itself cannot know: that no other node uses the worker
/// number at the same time, and that an earlier run of this node did not use the same moments. ``SnowflakeNode`` takes
/// care of both; a generator made by hand leaves them to the caller.
///
/// Identifiers rise strictly: whoever calls after a call has returned gets a greater one, in every thread. The limit is
/// ``SnowflakeLayout/idsPerTick`` in each tick. Beyond it ``tryNext()`` gives `nil`, ``next()`` throws, and
/// ``next(waitingUpTo:)`` waits; none of them stops the program or borrows from the future.
///
/// - Complexity: One reading of the wall clock and one compare-and-swap. No lock, no allocation.
/// - SeeAlso: `SnowflakeSequencing` in the source for the algorithm and what it avoids.
public final class SnowflakeGenerator: Sendable {
    /// The layout of the identifiers.
    public let layout: SnowflakeLayout

    /// The identifier issued last, or an earlier one with the top bit set while nothing may be issued.
    private let state: Atomic<UInt64>
    /// The last tick that may be used.
    private let ceiling: Atomic<UInt64>
    /// The instant on the monotonic clock, in nanoseconds, from which no new tick may begin.
    private let validity: Atomic<Int64>

    private let sequencing: SnowflakeSequencing
    private let epochMilliseconds: Int64
    private let tickMilliseconds: Int64
    /// The two clocks of the host are called directly, because a call through the protocol costs as much as the rest.
    private let timeSource: TimeSource
    private let wallClock: any WallClock
    private let clock: any MonotonicClock
    private let resumptions = Mutex<[ObjectIdentifier: OneShotSignal]>([:])
    /// Why nothing will be issued any more, until somebody begins anew.
    private let ending = Mutex<IdentifierError?>(nil)

    private enum TimeSource { case exact, coarse, other }
    private static let suspended: UInt64 = 1 << 63

    /// Makes a generator for a worker number that is known to be nobody else's.
    ///
    /// - Parameters:
    ///   - worker: In ``SnowflakeLayout/workers``.
    ///   - datacenter: In ``SnowflakeLayout/datacenters``.
    ///   - last: The last identifier, or any later one, that this worker may have issued; the first new one is greater.
    ///     A generator that is given none may repeat identifiers of an earlier run if the clock was set back meanwhile.
    ///   - wallClock: What the time in the identifiers is read from. With `CoarseWallClock` an identifier costs half, and
    ///     its time may be a few milliseconds old; the exact time is then read only when a tick is used up.
    ///   - clock: What waits are counted on.
    /// - Throws: ``IdentifierError`` with `invalidRequest` for a number out of range, `epochOver` if the layout ends
    ///   within ``SnowflakeConfiguration/refusedBeforeEnd``, and `epochNotBegun` if the clock stands before the epoch.
    public convenience init(
        layout: SnowflakeLayout = .classic, worker: Int, datacenter: Int = 0, after last: SnowflakeID? = nil,
        configuration: SnowflakeConfiguration = SnowflakeConfiguration(),
        wallClock: any WallClock = SystemWallClock(), clock: any MonotonicClock = HostClock()
    ) throws(IdentifierError) {
        let node = try layout.node(datacenter: datacenter, worker: worker)
        let lastTick = if let last { try layout.parse(last).tick } else { 0 as Int64 }
        try self.init(layout: layout, configuration: configuration, wallClock: wallClock, clock: clock)
        try Self.checkEnd(of: layout, within: configuration.refusedBeforeEnd, at: wallClock.now)
        self.issue(for: node, after: UInt64(lastTick), through: .max, until: MonotonicInstant(nanoseconds: .max))
    }

    /// Makes a generator that issues nothing until it is told to.
    init(
        layout: SnowflakeLayout, configuration: SnowflakeConfiguration, wallClock: any WallClock,
        clock: any MonotonicClock
    ) throws(IdentifierError) {
        self.layout = layout
        self.sequencing = try configuration.sequencing(of: layout)
        self.epochMilliseconds = layout.epoch.millisecondsSince1970
        self.tickMilliseconds = layout.tickMilliseconds
        self.timeSource = wallClock is SystemWallClock ? .exact : wallClock is CoarseWallClock ? .coarse : .other
        self.wallClock = wallClock
        self.clock = clock
        self.state = Atomic(Self.suspended)
        self.ceiling = Atomic(0)
        self.validity = Atomic(.min)
    }

    static func checkEnd(
        of layout: SnowflakeLayout, within margin: Duration, at now: WallTime
    ) throws(IdentifierError) {
        guard now >= layout.epoch else {
            throw IdentifierError(
                .epochNotBegun, "the wall clock shows \(now), before the epoch of the layout, \(layout.epoch)",
                retryAfter: .milliseconds(layout.epoch.millisecondsSince1970 - now.millisecondsSince1970))
        }
        guard now.advanced(by: margin) <= layout.end else {
            throw IdentifierError(
                .epochOver,
                "the layout ends at \(layout.end), within \(margin.text) of now, \(now); move to a later epoch or more "
                    + "bits of time, or lower the margin")
        }
    }
}

// MARK: Issuing

extension SnowflakeGenerator {
    /// The next identifier, or `nil` while the numbers of the present tick are used up.
    ///
    /// - Throws: ``IdentifierError`` with `clockMovedBack`, `workerLost`, `epochNotBegun`, or `epochOver`; nothing was
    ///   issued.
    /// - Complexity: O(1); lock-free.
    public func tryNext() throws(IdentifierError) -> SnowflakeID? {
        try self.advance(by: 1).map { SnowflakeID(rawValue: Int64($0.last)) }
    }

    /// The next identifier.
    ///
    /// - Throws: ``IdentifierError``: as ``tryNext()``, and `tickExhausted` beyond the limit of the layout; its
    ///   ``IdentifierError/retryAfter`` says when the next tick begins.
    public func next() throws(IdentifierError) -> SnowflakeID {
        guard let id = try self.tryNext() else { throw self.tickExhausted() }
        return id
    }

    /// Up to `count` identifiers of one tick, at the price of one: each is greater than the one before it.
    ///
    /// - Parameter count: At least 1. Fewer are given if the tick has fewer left.
    /// - Returns: At least one identifier, or none while the numbers of the present tick are used up.
    /// - Throws: ``IdentifierError``, as ``tryNext()``, and `invalidRequest` for a count below 1.
    /// - Complexity: O(1), and O(*count*) for reading the result.
    public func tryNext(upTo count: Int) throws(IdentifierError) -> SnowflakeBatch? {
        guard count >= 1 else {
            throw IdentifierError(.invalidRequest, "\(count) identifiers are not possible: at least 1")
        }
        return try self.advance(by: UInt64(count)).map {
            SnowflakeBatch(
                first: Int64($0.first), last: Int64($0.last), stride: 1 << Int64(self.sequencing.fields.sequenceShift))
        }
    }

    /// One step of the word, and what it gave.
    private func advance(by count: UInt64) throws(IdentifierError) -> (first: UInt64, last: UInt64)? {
        var tick = try self.tick(exactly: false)
        var readAgain = false
        while true {
            let word = self.state.load(ordering: .acquiring)
            guard word & Self.suspended == 0 else { throw self.workerLost() }
            switch self.sequencing.next(
                after: word, at: tick, upTo: self.ceiling.load(ordering: .relaxed), count: count)
            {
            case .issue(let first, let last, let beginsTick):
                // A tick that was begun in time may be used up later: a successor uses later ticks only.
                if beginsTick {
                    let validity = self.validity.load(ordering: .relaxed)
                    guard validity == .max || self.clock.now.nanoseconds < validity else { throw self.workerLost() }
                }
                if self.state.weakCompareExchange(
                    expected: word, desired: last, successOrdering: .acquiringAndReleasing, failureOrdering: .relaxed
                ).exchanged {
                    return (first, last)
                }
            case .exhausted:
                // Within one reading of the coarse clock several ticks pass, and each has its numbers.
                guard self.timeSource == .coarse, !readAgain else { return nil }
                readAgain = true
                tick = try self.tick(exactly: true)
            case .behind(let ticks):
                // Another thread may have moved on after this one read the clock; only a second reading counts.
                guard readAgain else {
                    readAgain = true
                    tick = try self.tick(exactly: true)
                    continue
                }
                throw self.clockMovedBack(by: ticks)
            case .beyondReservation:
                throw IdentifierError(
                    .workerLost,
                    "the moments reserved for the worker are used up, and the store has given no others yet")
            case .over:
                throw IdentifierError(.epochOver, "the layout ended at \(self.layout.end); no identifier is left")
            }
        }
    }

    private func tick(exactly: Bool) throws(IdentifierError) -> UInt64 {
        let now =
            switch self.timeSource {
            case .coarse where !exactly: CoarseWallClock().now
            case .coarse, .exact: SystemWallClock().now
            case .other: self.wallClock.now
            }
        let milliseconds = now.millisecondsSince1970 &- self.epochMilliseconds
        guard milliseconds >= 0 else {
            throw IdentifierError(
                .epochNotBegun, "the wall clock shows \(now), before the epoch of the layout, \(self.layout.epoch)",
                retryAfter: .milliseconds(-milliseconds))
        }
        return UInt64(self.tickMilliseconds == 1 ? milliseconds : milliseconds / self.tickMilliseconds)
    }
}

// MARK: Waiting

extension SnowflakeGenerator {
    /// The next identifier, after a wait if the tick is used up, the clock was set back, or the worker is being leased.
    ///
    /// The wait ends with the limit on the monotonic clock, also if the wall clock steps back or stands still meanwhile.
    ///
    /// - Parameter limit: The longest wait. One that is known to be too short fails at once.
    /// - Throws: ``IdentifierError``: what stands in the way when the limit passes, or `cancelled`. Nothing was issued.
    public func next(waitingUpTo limit: Duration) async throws(IdentifierError) -> SnowflakeID {
        if let id = try? self.tryNext() { return id }
        return try await self.waiting(upTo: limit) { () throws(IdentifierError) in try self.next() }
    }

    /// Exactly `count` identifiers, each greater than the one before it, after waits for as many ticks as that takes.
    ///
    /// - Parameters:
    ///   - count: From 1 to 1,000,000.
    ///   - limit: The longest wait for the next identifier, not for all of them.
    /// - Throws: ``IdentifierError``, as ``next(waitingUpTo:)``. Identifiers issued before are lost, which repeats none.
    public func next(
        _ count: Int, waitingUpTo limit: Duration
    ) async throws(IdentifierError) -> [SnowflakeID] {
        guard (1...1_000_000).contains(count) else {
            throw IdentifierError(.invalidRequest, "\(count) identifiers are not possible: from 1 to 1,000,000")
        }
        var result: [SnowflakeID] = []
        result.reserveCapacity(count)
        while result.count < count {
            let missing = count - result.count
            result.append(
                contentsOf: try await self.waiting(upTo: limit) { () throws(IdentifierError) in
                    guard let batch = try self.tryNext(upTo: missing) else { throw self.tickExhausted() }
                    return batch
                })
        }
        return result
    }

    private func waiting<Result>(
        upTo limit: Duration, _ attempt: () throws(IdentifierError) -> Result
    ) async throws(IdentifierError) -> Result {
        let deadline = self.clock.now.advanced(by: limit)
        while true {
            do {
                return try attempt()
            } catch {
                // A wait for what cannot come would only hide its reason.
                if error.code == .workerLost, let ending = self.ending.withLock({ $0 }) { throw ending }
                let now = self.clock.now
                guard error.isTemporary, now < deadline, error.retryAfter ?? .zero <= now.duration(to: deadline) else {
                    throw error
                }
                do {
                    if error.code == .workerLost {
                        try await self.waitUntilIssuing(deadline: deadline)
                    } else {
                        // A wall clock that stands still must not make this a loop without pause.
                        let pause = max(error.retryAfter ?? .zero, .microseconds(50))
                        try await self.clock.sleep(
                            until: min(deadline, now.advanced(by: pause)), tolerance: nil)
                    }
                } catch {
                    throw IdentifierError(.cancelled, "the wait for an identifier was cancelled", cause: error)
                }
            }
        }
    }

    private func waitUntilIssuing(deadline: MonotonicInstant) async throws {
        let signal = OneShotSignal()
        self.resumptions.withLock { $0[ObjectIdentifier(signal)] = signal }
        defer { self.resumptions.withLock { $0[ObjectIdentifier(signal)] = nil } }
        // Whoever resumes between the failed attempt and the line above would not find the signal.
        guard !self.isIssuing else { return }
        _ = try await signal.wait(until: deadline, on: self.clock)
    }
}

// MARK: What a node tells its generator

extension SnowflakeGenerator {
    /// Whether an identifier would be issued now, or as soon as the next tick begins.
    var isIssuing: Bool {
        let word = self.state.load(ordering: .acquiring)
        guard word & Self.suspended == 0, self.clock.now < self.validUntil else { return false }
        guard let tick = try? self.tick(exactly: true) else { return false }
        switch self.sequencing.next(after: word, at: tick, upTo: self.ceiling.load(ordering: .relaxed)) {
        case .issue, .exhausted: return true
        case .behind, .beyondReservation, .over: return false
        }
    }

    /// The tick that the wall clock shows.
    var presentTick: UInt64 {
        get throws(IdentifierError) { try self.tick(exactly: true) }
    }

    /// Issues for `node`, in ticks after `tick` and up to `ceiling`, until `expiry`.
    ///
    /// The state is suspended first and set last: a caller that has read the former state fails in its exchange, so none
    /// puts the number of one node into the time of another.
    func issue(for node: UInt64, after tick: UInt64, through ceiling: UInt64, until expiry: MonotonicInstant) {
        self.suspend()
        self.ending.withLock { $0 = nil }
        self.ceiling.store(min(ceiling, self.sequencing.fields.lastTick), ordering: .relaxed)
        self.validity.store(expiry.nanoseconds, ordering: .relaxed)
        self.state.store(self.sequencing.exhausted(tick, node: node), ordering: .releasing)
        self.wakeAll()
    }

    /// Lets the present node go on, but not before `tick`, and up to `ceiling`.
    func skip(to tick: UInt64, through ceiling: UInt64, node: UInt64) {
        let validity = MonotonicInstant(nanoseconds: self.validity.load(ordering: .relaxed))
        self.issue(for: node, after: tick - 1, through: ceiling, until: validity)
    }

    /// Until when the present node may begin new ticks.
    var validUntil: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.validity.load(ordering: .relaxed))
    }

    /// Lets the present node go on, up to `ceiling`.
    func extend(through ceiling: UInt64) {
        self.ceiling.store(min(ceiling, self.sequencing.fields.lastTick), ordering: .relaxed)
        self.wakeAll()
    }

    /// Lets the present node go on, until `expiry`.
    func extend(until expiry: MonotonicInstant) {
        self.validity.store(expiry.nanoseconds, ordering: .relaxed)
        self.wakeAll()
    }

    /// Issues nothing from now on; a call that has already taken its number may still return it.
    func suspend() {
        self.state.bitwiseOr(Self.suspended, ordering: .acquiringAndReleasing)
    }

    /// Issues nothing from now on, and tells those who wait why.
    func end(because reason: IdentifierError) {
        self.suspend()
        self.ending.withLock { $0 = reason }
        self.wakeAll()
    }

    private func wakeAll() {
        let waiting = self.resumptions.withLock { waiting in
            defer { waiting = [:] }
            return waiting.values.map { $0 }
        }
        for signal in waiting { signal.fire() }
    }
}

// MARK: Failures

extension SnowflakeGenerator {
    private func tickExhausted() -> IdentifierError {
        IdentifierError(
            .tickExhausted,
            "all \(self.layout.idsPerTick) identifiers of the tick are used; the layout gives no more than "
                + "\(Int(self.layout.idsPerSecond)) a second for each worker",
            retryAfter: self.timeToTick(after: self.state.load(ordering: .relaxed) & ~Self.suspended))
    }

    private func clockMovedBack(by ticks: UInt64) -> IdentifierError {
        let behind = Duration.milliseconds(Int64(ticks) * self.tickMilliseconds)
        return IdentifierError(
            .clockMovedBack,
            "the wall clock is \(behind.text) behind the last identifier, or the start of the reserved moments; that is more "
                + "than is tolerated",
            retryAfter: behind)
    }

    private func workerLost() -> IdentifierError {
        IdentifierError(.workerLost, "the worker number is not leased, or its lease may have run out")
    }

    private func timeToTick(after word: UInt64) -> Duration {
        let tick = Int64(self.sequencing.fields.tick(of: word)) + 1
        let begins = self.epochMilliseconds + tick * self.tickMilliseconds
        return .milliseconds(max(0, begins - self.now.millisecondsSince1970))
    }

    private var now: WallTime { self.timeSource == .coarse ? SystemWallClock().now : self.wallClock.now }
}

extension IdentifierError {
    /// Whether the same call may succeed later.
    fileprivate var isTemporary: Bool {
        switch self.code {
        case .tickExhausted, .clockMovedBack, .workerLost, .epochNotBegun: true
        default: false
        }
    }
}
