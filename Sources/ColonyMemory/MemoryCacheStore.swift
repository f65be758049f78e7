import ColonyCaches
import ColonyCore
import Synchronization

/// What the clients of one memory tier share.
final class MemoryCacheStore: Sendable {
    private struct Entry {
        var value: [UInt8]
        var number: UInt64
        var end: MonotonicInstant?
    }

    private struct State {
        var entries: [CacheKey: Entry] = [:]
        /// The keys in the order of their last write; those whose number is not the entry's any more are passed over.
        var order: [(key: CacheKey, number: UInt64)] = []
        /// Where the oldest of `order` stands.
        var head = 0
        var lastNumber: UInt64 = 0
        var listeners: [ObjectIdentifier: CacheInvalidationListener] = [:]
    }

    private let maximumEntries: Int
    private let clock: any MonotonicClock
    private let state = Mutex(State())

    init(maximumEntries: Int, clock: any MonotonicClock) {
        self.maximumEntries = maximumEntries
        self.clock = clock
    }

    var count: Int { self.state.withLock { $0.entries.count } }

    func get(_ keys: [CacheKey]) -> [CachedBytes?] {
        self.state.withLock { state in
            let now = self.clock.now
            return keys.map { key in
                Self.living(key, at: now, in: &state).map { Self.answer($0, at: now) }
            }
        }
    }

    func keys(after last: String?, limit: Int) -> [CacheKey] {
        self.state.withLock { state in
            let rest = state.entries.keys.filter { key in
                last.map { $0.utf8.lexicographicallyPrecedes(key.rawValue.utf8) } ?? true
            }
            return Array(rest.sorted().prefix(limit))
        }
    }

    func set(_ entries: [CacheWrite]) {
        if entries.isEmpty { return }
        self.changing { state in
            let now = self.clock.now
            for entry in entries { self.store(entry, at: now, in: &state) }
            return ((), entries.map(\.key))
        }
    }

    func delete(_ keys: [CacheKey]) -> Int {
        self.changing { state in
            let now = self.clock.now
            var count = 0
            for key in keys where Self.living(key, at: now, in: &state) != nil {
                state.entries[key] = nil
                count += 1
            }
            // Also keys that are not there are announced: a copy elsewhere may have outlived what was given up here.
            return (count, keys)
        }
    }

    func compareAndSet(_ entry: CacheWrite, expecting version: CacheVersion?) -> CompareAndSet {
        self.changing { state in
            let now = self.clock.now
            let present = Self.living(entry.key, at: now, in: &state)
            guard present.map({ Self.version($0.number) }) == version else {
                return (.conflict(present.map { Self.answer($0, at: now) }), [])
            }
            return (.stored(Self.version(self.store(entry, at: now, in: &state))), [entry.key])
        }
    }

    func raise(_ entries: [CacheWrite], by ranking: EntryRanking, highest: UInt64) -> [RankedSet] {
        self.changing { state in
            let now = self.clock.now
            if let mark = ranking.mark {
                let present = Self.living(mark, at: now, in: &state)
                // What another program keeps there stays, and tells readers that there is no mark.
                if present.map({ ranking.rank(of: $0.value).map { $0 < highest } ?? false }) ?? true {
                    self.store(CacheWrite(mark, ranking.markValue(highest)), at: now, in: &state)
                }
            }
            var changed: [CacheKey] = []
            let results = entries.map { entry -> RankedSet in
                if let present = Self.living(entry.key, at: now, in: &state) {
                    guard let held = ranking.rank(of: present.value), let rank = ranking.rank(of: entry.value),
                        rank > held
                    else { return .held(Self.answer(present, at: now)) }
                }
                self.store(entry, at: now, in: &state)
                changed.append(entry.key)
                return .stored
            }
            return (results, changed)
        }
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) -> Bool {
        self.changing { state in
            guard
                let present = Self.living(key, at: self.clock.now, in: &state),
                Self.version(present.number) == version
            else { return (false, []) }
            state.entries[key] = nil
            return (true, [key])
        }
    }

    // MARK: Listening

    func enter(_ listener: CacheInvalidationListener) {
        self.state.withLock { $0.listeners[ObjectIdentifier(listener)] = listener }
    }

    func leave(_ listener: CacheInvalidationListener) {
        self.state.withLock { _ = $0.listeners.removeValue(forKey: ObjectIdentifier(listener)) }
    }

    /// Changes the store and announces the keys.
    ///
    /// Messages are put into the buffers under the lock, so that all listeners learn of changes in the order in which
    /// they were made; the readers are woken after it.
    private func changing<Result>(_ body: (inout State) -> (Result, [CacheKey])) -> Result {
        let (result, woken) = self.state.withLock { state in
            let (result, keys) = body(&state)
            var woken: [CacheInvalidationListener.Wake] = []
            if !keys.isEmpty {
                for listener in state.listeners.values {
                    if let wake = listener.append(.keys(keys)) { woken.append(wake) }
                }
            }
            return (result, woken)
        }
        for wake in woken { wake() }
        return result
    }

    // MARK: Entries

    private static func version(_ number: UInt64) -> CacheVersion {
        CacheVersion(bytes: withUnsafeBytes(of: number.bigEndian) { Array($0) })
    }

    private static func answer(_ entry: Entry, at now: MonotonicInstant) -> CachedBytes {
        CachedBytes(
            value: entry.value, version: self.version(entry.number), timeToLive: entry.end.map { now.duration(to: $0) })
    }

    /// The entry of a key whose time is not over; one whose time is over is removed.
    private static func living(_ key: CacheKey, at now: MonotonicInstant, in state: inout State) -> Entry? {
        guard let entry = state.entries[key] else { return nil }
        guard let end = entry.end, end <= now else { return entry }
        state.entries[key] = nil
        return nil
    }

    @discardableResult
    private func store(_ entry: CacheWrite, at now: MonotonicInstant, in state: inout State) -> UInt64 {
        state.lastNumber += 1
        let number = state.lastNumber
        state.entries[entry.key] = Entry(
            value: entry.value, number: number, end: entry.timeToLive.map { now.advanced(by: $0) })
        state.order.append((entry.key, number))
        while state.entries.count > self.maximumEntries, state.head < state.order.count {
            let oldest = state.order[state.head]
            state.head += 1
            if state.entries[oldest.key]?.number == oldest.number { state.entries[oldest.key] = nil }
        }
        // Writes that others have replaced are swept when they are the greater part, which is O(1) for each write.
        if state.order.count > 2 * state.entries.count + 1_024 {
            state.order = state.order[state.head...].filter { state.entries[$0.key]?.number == $0.number }
            state.head = 0
        }
        return number
    }
}

/// The bounded buffer of one who listens to the changes of a memory tier.
final class CacheInvalidationListener: Sendable {
    typealias Wake = @Sendable () -> Void

    private struct State {
        /// What has not been read, in order; it begins with the gap that every sequence begins with.
        var pending: [CacheInvalidation] = [.gap]
        var reader: CheckedContinuation<CacheInvalidation?, Never>?
        var isFinished = false
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    /// Takes a message in. Returns what wakes the reader, to be called outside every lock.
    func append(_ message: CacheInvalidation) -> Wake? {
        self.state.withLock { state in
            if state.isFinished { return nil }
            if let reader = state.reader {
                state.reader = nil
                return { reader.resume(returning: message) }
            }
            // A gap says all that the messages before it say, and this one.
            if state.pending.count >= self.capacity { state.pending = [.gap] } else { state.pending.append(message) }
            return nil
        }
    }

    /// The next message; `nil` after the end.
    func next() async -> CacheInvalidation? {
        await withCheckedContinuation { continuation in
            let message = self.state.withLock { state -> CacheInvalidation?? in
                if !state.pending.isEmpty { return .some(state.pending.removeFirst()) }
                if state.isFinished { return .some(nil) }
                precondition(state.reader == nil, "a sequence of invalidations has one reader")
                state.reader = continuation
                return nil
            }
            if let message { continuation.resume(returning: message) }
        }
    }

    /// Ends the sequence: what was not read is dropped.
    func finish() {
        let reader = self.state.withLock { state in
            state.isFinished = true
            state.pending = []
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }
}
