public import ColonyCore
public import Synchronization

/// Rising numbers that no other generator of the same tag gives, from ranges that are taken from a store.
///
/// ```swift
/// let orders = SegmentIDGenerator("orders", on: .sqlite(path: "colony.db"))
/// let id = try await orders.next()
/// ```
///
/// **Guarantee.** No number is given twice among all generators that use the tag, as far as the engine reaches and as
/// long as its records survive; see ``SegmentEngine/guarantee``. Numbers of one generator rise. Those of several
/// generators interleave by ranges, so they are no order of time among processes.
///
/// **Gaps.** A generator that ends, by ``close()`` or by a crash, leaves what remains of its ranges unused: at most two
/// ranges, and one more that the store may have given without an answer. Numbers are skipped, never repeated.
///
/// **Waiting.** The next range is fetched while the present one is used, so callers wait only for the first range and
/// while the store is slower than the callers. Who waits is served in the order of asking.
///
/// **Background work.** A generator starts nothing until it is first asked. It then has at most one request on its way,
/// on a thread that all generators of the process share, each bounded by ``SegmentIDConfiguration/requestLimit``. Failed
/// requests are repeated, with pauses, only while numbers remain or callers wait. ``close()`` ends it and waits for its
/// end; it also ends when the generator is released.
///
/// - Important: The numbers are consecutive, so they tell everybody who sees two of them how many were given in between.
///   If that must stay hidden, show something else to the outside, such as a UUID.
public final class SegmentIDGenerator: Sendable {
    @usableFromInline
    struct State {
        @usableFromInline var buffering: SegmentBuffering
        /// In the order of asking. While somebody waits, no number remains.
        var waiters: [SegmentWaiter] = []
        var task: Task<Void, Never>?
        /// What to tell callers instead of asking the store again before this instant.
        var verdict: (error: IdentifierError, until: MonotonicInstant)?
        var failuresInARow = 0
        var lastFailure: IdentifierError?
        var isClosed = false
        var chance: any RandomNumberGenerator & Sendable
        var requests = 0
        var failures = 0
        var waits = 0
    }

    /// Whose numbers are given.
    public let tag: SegmentTag
    /// The sizes and limits.
    public let configuration: SegmentIDConfiguration
    let engine: any SegmentEngine
    let floor: Int64
    let scheme: String?
    let clock: any MonotonicClock
    let executor: any TaskExecutor
    @usableFromInline let state: Mutex<State>

    /// Callers may keep all threads of the global pool busy; the next range must still arrive.
    private static let sharedExecutor = DedicatedExecutor(named: "colony-segment")

    /// Makes a generator; no I/O happens yet.
    ///
    /// - Parameters:
    ///   - tag: Whose numbers are given.
    ///   - engine: Where ranges come from, such as `.sqlite(path: "colony.db")`.
    ///   - floor: A number that exists already: all numbers are above it. From 0; the engine refuses others.
    ///   - scheme: See ``SegmentRequest/scheme``.
    ///   - clock: What durations are measured and waited on.
    ///   - executor: Where ranges are fetched; a thread of the process's generators unless a simulation says otherwise.
    ///   - generator: The chance in the pauses between failed requests.
    public init(
        _ tag: SegmentTag, on engine: some SegmentEngine, above floor: Int64 = 0, scheme: String? = nil,
        configuration: SegmentIDConfiguration = SegmentIDConfiguration(), clock: any MonotonicClock = HostClock(),
        executor: (any TaskExecutor)? = nil,
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.tag = tag
        self.engine = engine
        self.floor = floor
        self.scheme = scheme
        self.configuration = configuration
        self.clock = clock
        self.executor = executor ?? Self.sharedExecutor
        self.state = Mutex(State(buffering: SegmentBuffering(configuration), chance: generator))
    }

    deinit {
        self.state.withLock { $0.task }?.cancel()
    }
}

// MARK: - Asking

extension SegmentIDGenerator {
    /// The next number; waits only while no range is here.
    ///
    /// A cancelled task gets its number if one is here; only waiting is ended by cancellation.
    ///
    /// - Throws: ``IdentifierError``: `unavailable` when the store gave nothing within
    ///   ``SegmentIDConfiguration/waitLimit``, `cancelled`, `closed`, or what the store refused with. No other caller
    ///   loses a number by it.
    /// - Complexity: O(1), a few nanoseconds; one round trip where a range has to be waited for.
    @inlinable
    public func next() async throws(IdentifierError) -> Int64 {
        if let number = self.state.withLock({ $0.buffering.take() }) { return number }
        return try await self.acquire(1)[0].lowerBound
    }

    /// The next number, or `nil` if it had to be waited for; the next range is then on its way.
    ///
    /// - Throws: ``IdentifierError``: `closed`, or what the store refused the latest request with, if asking again now
    ///   would be of no use.
    /// - Complexity: O(1), a few nanoseconds.
    @inlinable
    public func tryNext() throws(IdentifierError) -> Int64? {
        if let number = self.state.withLock({ $0.buffering.take() }) { return number }
        return try self.tryAcquire()
    }

    /// The next `count` numbers, which rise and may have gaps; waits as ``next()`` does.
    ///
    /// - Parameter count: From 1 to ``SegmentIDConfiguration/largestBatch``.
    /// - Throws: ``IdentifierError`` as ``next()`` does, and `invalidRequest` for another count. Numbers that were taken
    ///   for the batch before it failed are skipped.
    /// - Complexity: O(*count*).
    public func next(count: Int) async throws(IdentifierError) -> [Int64] {
        guard (1...SegmentIDConfiguration.largestBatch).contains(count) else {
            throw IdentifierError(
                .invalidRequest,
                "a batch of \(count) numbers is not possible: it has from 1 to \(SegmentIDConfiguration.largestBatch)")
        }
        let ranges = try await self.acquire(Int64(count))
        var numbers: [Int64] = []
        numbers.reserveCapacity(count)
        for range in ranges { numbers.append(contentsOf: range) }
        return numbers
    }
}
