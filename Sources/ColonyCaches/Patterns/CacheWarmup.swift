public import ColonyCore
import Synchronization

/// Fills a cache before traffic comes, many keys at a time, without overrunning the store that it loads from.
///
/// ```swift
/// let report = try await CacheWarmup(concurrency: 8, perSecond: 500).run(over: keys) { key in
///     users.set(key, to: try await database.user(key))
/// }
/// ```
///
/// A run that was cancelled, or whose process ended, goes on from a ``CacheWarmupCheckpoint`` over **the same keys in the
/// same order**. A key that fails is counted and passed over; the next run may try it again.
public struct CacheWarmup: Sendable {
    /// How many keys are loaded at once; at least 1.
    public let concurrency: Int
    /// How many loads begin in a second at the most, evenly paced, without bursts; above zero. `nil` for no limit.
    public let perSecond: Double?
    /// What the pace is counted on.
    public let clock: any MonotonicClock

    /// Makes a warm-up; it does nothing before it is run.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        concurrency: Int, perSecond: Double? = nil, clock: any MonotonicClock = HostClock()
    ) throws(CacheError) {
        guard concurrency >= 1 else {
            throw CacheError(.invalidConfiguration, "the concurrency of a warm-up is at least 1, not \(concurrency)")
        }
        if let perSecond, !(perSecond > 0 && perSecond.isFinite) {
            throw CacheError(.invalidConfiguration, "the rate of a warm-up is above zero a second, not \(perSecond)")
        }
        self.concurrency = concurrency
        self.perSecond = perSecond
        self.clock = clock
    }

    /// Loads every key that the checkpoint does not name as done, in order, several at once.
    ///
    /// When the task is cancelled no further load begins, the loads under way are cancelled and waited for, and the run
    /// returns; those that threw then are not done and not failed.
    ///
    /// - Parameters:
    ///   - checkpoint: Where an earlier run over the same keys has stopped.
    ///   - retriesFailures: Whether keys that failed in earlier runs are loaded again, before the others.
    ///   - progress: Is given the state after each key, one call at a time, in the task that calls `run`. Store its
    ///     checkpoint every so often.
    ///   - load: Loads a key and stores it.
    /// - Returns: What was done. It is complete unless the task was cancelled.
    /// - Throws: ``CacheError`` with `invalidRequest` for a checkpoint that belongs to another number of keys.
    /// - Complexity: O(*n*) beside the loads; copying the checkpoint out of a progress is O(failures + concurrency).
    public func run<Key: Sendable>(
        over keys: [Key], from checkpoint: CacheWarmupCheckpoint? = nil, retriesFailures: Bool = true,
        progress: (CacheWarmupProgress) -> Void = { _ in },
        load: @escaping @Sendable (Key) async throws -> Void
    ) async throws(CacheError) -> CacheWarmupProgress {
        var state = CacheWarmupProgress(checkpoint ?? CacheWarmupCheckpoint(keyCount: keys.count))
        guard state.checkpoint.keyCount == keys.count, state.checkpoint.isSound else {
            throw CacheError(
                .invalidRequest,
                "a checkpoint of \(state.checkpoint.keyCount) keys does not fit a warm-up over \(keys.count)")
        }
        let retried = retriesFailures ? state.checkpoint.failed : []
        var queue = retried + state.checkpoint.remaining(besides: Set(retried))
        queue.reverse()
        let pace = Pace(self.perSecond, self.clock)
        await withTaskGroup(of: (Int, Outcome).self) { group in
            var running = 0
            while true {
                while running < self.concurrency, !Task.isCancelled, let index = queue.popLast() {
                    let (key, slot) = (keys[index], pace.next())
                    running += 1
                    group.addTask {
                        do {
                            try await pace.wait(until: slot)
                            try Task.checkCancellation()
                            try await load(key)
                            return (index, .done)
                        } catch {
                            return (index, Task.isCancelled ? .cancelled : .failed)
                        }
                    }
                }
                guard running > 0, let (index, outcome) = await group.next() else { break }
                running -= 1
                if outcome == .cancelled { continue }
                state.checkpoint.note(index, hasFailed: outcome == .failed)
                if outcome == .failed { state.failures += 1 } else { state.loaded += 1 }
                progress(state)
            }
        }
        return state
    }

    private enum Outcome { case done, failed, cancelled }

    /// Hands out the moments at which loads may begin.
    private final class Pace: Sendable {
        private let interval: Duration
        private let clock: any MonotonicClock
        private let following: Mutex<MonotonicInstant>

        init(_ perSecond: Double?, _ clock: any MonotonicClock) {
            self.interval = perSecond.map { .seconds(1 / $0) } ?? .zero
            self.clock = clock
            self.following = Mutex(clock.now)
        }

        /// A moment of its own, at least an interval after the last one; time that nobody used is not saved up.
        func next() -> MonotonicInstant {
            let now = self.clock.now
            return self.following.withLock { following in
                let slot = max(now, following)
                following = slot.advanced(by: self.interval)
                return slot
            }
        }

        func wait(until slot: MonotonicInstant) async throws {
            if slot > self.clock.now { try await self.clock.sleep(until: slot, tolerance: nil) }
        }
    }
}

/// How far a ``CacheWarmup`` has come.
public struct CacheWarmupProgress: Hashable, Sendable {
    /// Where a later run may go on.
    public internal(set) var checkpoint: CacheWarmupCheckpoint
    /// How many keys this run has loaded.
    public internal(set) var loaded = 0
    /// How many keys have failed in this run.
    public internal(set) var failures = 0

    init(_ checkpoint: CacheWarmupCheckpoint) { self.checkpoint = checkpoint }

    /// Whether every key was tried, in this run or an earlier one.
    public var isComplete: Bool { self.checkpoint.next == self.checkpoint.keyCount }

    /// How much of the keys was tried, from 0 to 1.
    public var fractionCompleted: Double {
        let total = self.checkpoint.keyCount
        return total == 0 ? 1 : Double(self.checkpoint.next + self.checkpoint.ahead.count) / Double(total)
    }
}

/// Where a ``CacheWarmup`` has stopped: places in the array of keys, to be stored and given to a later run.
public struct CacheWarmupCheckpoint: Hashable, Sendable, Codable {
    /// How many keys there are.
    public let keyCount: Int
    /// Every key before this place was tried.
    public internal(set) var next = 0
    /// The places behind `next` that were tried, because loads do not end in order; sorted.
    public internal(set) var ahead: [Int] = []
    /// The places of the keys that have failed, sorted; they count as tried.
    public internal(set) var failed: [Int] = []

    init(keyCount: Int) { self.keyCount = keyCount }

    /// Whether all places are among the keys and in order; what was decoded may be anything.
    var isSound: Bool {
        guard (0...self.keyCount).contains(self.next) else { return false }
        let isAhead = zip([self.next] + self.ahead, self.ahead).allSatisfy { $0 < $1 }
        let isRising = zip(self.failed, self.failed.dropFirst()).allSatisfy { $0 < $1 }
        return isAhead && isRising && (self.ahead + self.failed).allSatisfy { (0..<self.keyCount).contains($0) }
    }

    /// The places that were not tried, in order.
    func remaining(besides retried: Set<Int>) -> [Int] {
        let ahead = Set(self.ahead)
        return (self.next..<self.keyCount).filter { !ahead.contains($0) && !retried.contains($0) }
    }

    /// A key was tried.
    mutating func note(_ index: Int, hasFailed: Bool) {
        Self.set(&self.failed, index, to: hasFailed)
        if index < self.next { return }
        Self.set(&self.ahead, index, to: true)
        var passed = 0
        while passed < self.ahead.count, self.ahead[passed] == self.next {
            self.next += 1
            passed += 1
        }
        self.ahead.removeFirst(passed)
    }

    /// Puts a place into a sorted array or takes it out.
    private static func set(_ places: inout [Int], _ place: Int, to isIn: Bool) {
        let position = places.firstIndex { $0 >= place } ?? places.count
        let isThere = position < places.count && places[position] == place
        if isIn && !isThere { places.insert(place, at: position) }
        if !isIn && isThere { places.remove(at: position) }
    }
}
