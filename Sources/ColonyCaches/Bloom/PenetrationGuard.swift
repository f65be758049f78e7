import Synchronization

/// Stands in front of a store and turns away keys that certainly are not in it, so that a flood of made-up keys reaches
/// neither cache nor database.
///
/// ```swift
/// let guardian = try PenetrationGuard<String>(expectedCount: 10_000_000, errorRate: 0.01)
/// try await guardian.rebuild(from: database.allUserNames())
///
/// let user = try await guardian.get(name) { name in try await users.get(name) }      // nil at once for most strangers
/// try await guardian.inserting([name]) { try await database.insert(name) }
/// ```
///
/// # No key of the store is ever turned away
/// Keys leave a store and stay in a filter, so the filter is rebuilt now and then; and that is where such guards go
/// wrong. A key that is written while the new filter is filled may be behind the point that the reading has reached,
/// and then is in the old filter only, which is thrown away. Here:
///
/// - before the first filter is complete, every key passes;
/// - while a rebuild runs, keys go into both filters, and the old one answers;
/// - a write under way, ``inserting(_:around:)``, is known to the guard: whenever a rebuild begins or ends during it,
///   its keys are in both filters. So it does not matter which of reading and writing came first.
///
/// The promise holds for keys that are inserted here. With several servers that write to one store each one must hear
/// of the others' keys, for example by a topic, or rebuild before it denies them.
///
/// # Cost
/// A question is a hash and some bits under a mutex that is held for some tens of nanoseconds: little beside the call
/// that it saves.
public final class PenetrationGuard<Key: BloomFilterKey>: Sendable {
    fileprivate struct State {
        var filter: BloomFilter
        /// What is being filled.
        var next: BloomFilter?
        /// Hashes of writes under way, by a number for each write.
        var writes: [UInt64: [UInt64]] = [:]
        var lastWrite: UInt64 = 0
        var isComplete: Bool
        var counts = Counts()
        var hasReported = false
    }

    fileprivate struct Counts {
        var passed: UInt64 = 0
        var deniedKeys: UInt64 = 0
        var falsePositives: UInt64 = 0
        var rebuilds: UInt64 = 0
    }

    private let state: Mutex<State>
    private let onSaturation: (@Sendable (PenetrationReport) -> Void)?
    private let seed: UInt64

    /// Makes a guard that lets every key pass until the first ``rebuild(expectedCount:from:)`` is complete.
    ///
    /// - Parameters:
    ///   - expectedCount: How many keys the store has, with room to grow until the next rebuild; from 1.
    ///   - errorRate: The share of absent keys that pass, above 0 and up to 0.5.
    ///   - startsEmpty: Whether the store is empty now, so that the guard may deny from the start.
    ///   - seed: Which hash function. A secret one makes it hard to find keys that pass.
    ///   - onSaturation: Is told once, of each filter, when its error has passed `errorRate`: it is time to rebuild.
    ///     It runs outside the lock on the thread that inserted.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        expectedCount: Int, errorRate: Double, startsEmpty: Bool = false, seed: UInt64 = 0,
        onSaturation: (@Sendable (PenetrationReport) -> Void)? = nil
    ) throws(CacheError) {
        let filter = try BloomFilter(expectedCount: expectedCount, errorRate: errorRate, seed: seed)
        self.state = Mutex(State(filter: filter, isComplete: startsEmpty))
        self.onSaturation = onSaturation
        self.seed = seed
    }

    /// Makes a guard from a filter that has every key of the store, such as one that was saved.
    ///
    /// - Important: Keys that the store took in after the filter was saved must be inserted before they are asked for.
    public init(_ filter: BloomFilter, onSaturation: (@Sendable (PenetrationReport) -> Void)? = nil) {
        self.state = Mutex(State(filter: filter, isComplete: true))
        self.onSaturation = onSaturation
        self.seed = filter.seed
    }

    // MARK: Asking

    /// Whether the store may have the key; `false` is certain.
    ///
    /// - Complexity: O(*k*) in the number of places of a key.
    public func mayContain(_ key: Key) -> Bool {
        let hash = key.stableHash(seed: self.seed)
        return self.state.withLock { state in
            guard state.isComplete, !state.filter.contains(hash: hash) else {
                state.counts.passed += 1
                return true
            }
            state.counts.deniedKeys += 1
            return false
        }
    }

    /// What `load` gives for a key that the store may have; `nil` at once for one that it certainly does not have.
    ///
    /// - Parameter load: Asks the cache or the store. When it gives `nil`, a false positive is counted, which is what
    ///   ``PenetrationReport/measuredErrorRate`` is taken from.
    /// - Throws: What `load` throws.
    public nonisolated(nonsending) func get<Value>(
        _ key: Key, orLoad load: nonisolated(nonsending) (Key) async throws -> Value?
    ) async rethrows -> Value? {
        guard self.mayContain(key) else { return nil }
        let value = try await load(key)
        if value == nil {
            self.state.withLock { state in
                if state.isComplete { state.counts.falsePositives += 1 }
            }
        }
        return value
    }

    // MARK: Inserting

    /// Inserts a key that the store has already. Keys that are about to be written go through ``inserting(_:around:)``.
    ///
    /// - Complexity: O(*k*) in the number of places, twice that during a rebuild.
    public func insert(_ key: Key) {
        let hash = key.stableHash(seed: self.seed)
        let report = self.state.withLock { state in
            state.insert(hash)
            return state.saturationToReport()
        }
        if let report { self.onSaturation?(report) }
    }

    /// Inserts keys and then runs `write`, which puts them into the store. Until it has ended, every filter that is
    /// begun has the keys.
    ///
    /// - Returns: What `write` returns.
    /// - Throws: What `write` throws. The keys stay in the filter, because the store may have taken them.
    public nonisolated(nonsending) func inserting<Result>(
        _ keys: some Sequence<Key>, around write: nonisolated(nonsending) () async throws -> Result
    ) async rethrows -> Result {
        let hashes = keys.map { $0.stableHash(seed: self.seed) }
        let (number, report) = self.state.withLock { state in
            for hash in hashes { state.insert(hash) }
            state.lastWrite += 1
            state.writes[state.lastWrite] = hashes
            return (state.lastWrite, state.saturationToReport())
        }
        defer { self.state.withLock { _ = $0.writes.removeValue(forKey: number) } }
        if let report { self.onSaturation?(report) }
        return try await write()
    }

    // MARK: Rebuilding

    /// Fills a new filter with the keys of the store and puts it in the place of the present one.
    ///
    /// Questions are answered by the present filter until then. When the reading fails or the task is cancelled, the
    /// present filter stays, with everything that was inserted meanwhile.
    ///
    /// - Parameters:
    ///   - expectedCount: How many keys the new filter is sized for; as many as the present one by default.
    ///   - keys: The keys of the store **as it is when reading begins or later**: a replica that lags behind may not
    ///     have keys whose writing is over.
    /// - Returns: What the new filter looks like.
    /// - Throws: ``CacheError`` with `overloaded` while another rebuild runs, or with `invalidConfiguration`; what
    ///   `keys` throws; `CancellationError`.
    @discardableResult
    public nonisolated(nonsending) func rebuild<Keys: AsyncSequence>(
        expectedCount: Int? = nil, from keys: Keys
    ) async throws -> PenetrationReport where Keys.Element == Key {
        try self.begin(expectedCount: expectedCount)
        do {
            for try await key in keys {
                try Task.checkCancellation()
                let hash = key.stableHash(seed: self.seed)
                self.state.withLock { _ = $0.next?.insert(hash: hash) }
            }
            // A sequence may end early, rather than throw, when the task is cancelled.
            try Task.checkCancellation()
        } catch {
            let dropped = self.state.withLock { $0.next.take() }
            withExtendedLifetime(dropped) {}
            throw error
        }
        let (report, saturated) = self.complete()
        if let saturated { self.onSaturation?(saturated) }
        return report
    }

    private func begin(expectedCount: Int?) throws(CacheError) {
        let (present, errorRate) = self.state.withLock { ($0.filter.expectedCount, $0.filter.errorRate) }
        let empty = try BloomFilter(
            expectedCount: expectedCount ?? present, errorRate: errorRate, seed: self.seed)
        let isFree = self.state.withLock { state in
            if state.next != nil { return false }
            state.next = empty
            // Writes under way may reach the store behind the point that the reading has passed.
            for hashes in state.writes.values {
                for hash in hashes { state.next?.insert(hash: hash) }
            }
            return true
        }
        guard isFree else { throw CacheError(.overloaded, "a rebuild of this guard is under way already") }
    }

    private func complete() -> (PenetrationReport, toTell: PenetrationReport?) {
        let (report, saturated, old) = self.state.withLock { state in
            let old = state.filter
            if let next = state.next.take() { state.filter = next }
            state.isComplete = true
            state.hasReported = false
            state.counts.rebuilds += 1
            // What was measured of the old filter says nothing of the new one.
            state.counts.falsePositives = 0
            state.counts.deniedKeys = 0
            return (state.report, state.saturationToReport(), old)
        }
        withExtendedLifetime(old) {}
        return (report, saturated)
    }

    // MARK: Looking at it

    /// How full the filter is and what it has done.
    public var report: PenetrationReport { self.state.withLock(\.report) }

    /// A copy of the present filter, to be saved; `nil` before the first one is complete.
    public var filter: BloomFilter? { self.state.withLock { $0.isComplete ? $0.filter : nil } }
}

extension PenetrationGuard.State {
    fileprivate mutating func insert(_ hash: UInt64) {
        self.filter.insert(hash: hash)
        self.next?.insert(hash: hash)
    }

    fileprivate var report: PenetrationReport {
        PenetrationReport(
            isComplete: self.isComplete, isRebuilding: self.next != nil, expectedCount: self.filter.expectedCount,
            estimatedCount: self.filter.estimatedCount, errorRate: self.filter.errorRate,
            estimatedErrorRate: self.filter.estimatedErrorRate, isSaturated: self.filter.isSaturated,
            passedKeys: self.counts.passed, deniedKeys: self.counts.deniedKeys,
            falsePositives: self.counts.falsePositives, rebuilds: self.counts.rebuilds)
    }

    /// The report, if the filter is saturated and nobody was told yet.
    fileprivate mutating func saturationToReport() -> PenetrationReport? {
        guard self.isComplete, !self.hasReported, self.filter.isSaturated else { return nil }
        self.hasReported = true
        return self.report
    }
}

/// How full the filter of a ``PenetrationGuard`` is and what it has done.
public struct PenetrationReport: Hashable, Sendable {
    /// Whether the first filter is complete; before that, every key passes.
    public let isComplete: Bool
    /// Whether a new filter is being filled.
    public let isRebuilding: Bool
    /// How many keys the filter is sized for.
    public let expectedCount: Int
    /// About how many it holds.
    public let estimatedCount: Int
    /// The share of absent keys that was asked for.
    public let errorRate: Double
    /// The share of absent keys that pass now, from the bits that are set.
    public let estimatedErrorRate: Double
    /// Whether the error has passed what was asked for: rebuild, with a greater expected count if keys are many.
    public let isSaturated: Bool
    /// Questions that were answered with *perhaps*, since the guard was made.
    public let passedKeys: UInt64
    /// Questions that were answered with *no*, since the last rebuild.
    public let deniedKeys: UInt64
    /// Keys that passed and were not there, as far as they went through ``PenetrationGuard/get(_:orLoad:)``, since the
    /// last rebuild. Keys that the store has given up meanwhile count as well.
    public let falsePositives: UInt64
    /// How many rebuilds were completed.
    public let rebuilds: UInt64

    /// The number of keys as a share of what the filter is sized for.
    public var saturation: Double { Double(self.estimatedCount) / Double(self.expectedCount) }

    /// The share of absent keys that passed, as measured; `nil` before there was one.
    public var measuredErrorRate: Double? {
        let absent = self.falsePositives + self.deniedKeys
        return absent == 0 ? nil : Double(self.falsePositives) / Double(absent)
    }
}
