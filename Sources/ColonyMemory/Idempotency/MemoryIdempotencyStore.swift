public import ColonyCore
public import ColonyResilience
import Synchronization

/// Outcomes by key in the memory of this process: the contract of `IdempotencyStore` in its plainest form, in bounded memory.
///
/// It never forgets an outcome before its time, because a forgotten one would be done again. When it is full it refuses new keys with
/// `unavailable`, and tells when the next key ends.
///
/// - Complexity: Every member is O(log *n*) in the number of keys.
public final class MemoryIdempotencyStore: IdempotencyStore {
    fileprivate struct Entry {
        var record: IdempotencyRecord
        var place: DeadlineHeap<IdempotencyKey>.Entry
    }

    fileprivate struct State {
        var entries: [IdempotencyKey: Entry] = [:]
        var ends = DeadlineHeap<IdempotencyKey>()
        var bytes = 0
    }

    /// What an entry costs beside its bytes, about.
    fileprivate static let overhead = 256

    private let capacity: Int
    private let maximumBytes: Int
    private let clock: any MonotonicClock
    private let state = Mutex(State())

    /// Makes a store that knows no key.
    ///
    /// - Parameters:
    ///   - capacity: The most keys, from 1 to 100,000,000.
    ///   - maximumBytes: From how many bytes on new keys are refused; at least 1. Outcomes of keys that were taken before are kept all the
    ///     same, so that it may be passed by as many outcomes as run at once.
    ///   - clock: What leases and retention are counted on.
    /// - Throws: `ResilienceError` with code `invalidConfiguration`, which quotes the value.
    public init(
        capacity: Int = 100_000, maximumBytes: Int = 256 << 20, clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        guard (1...100_000_000).contains(capacity) else {
            throw ResilienceError(.invalidConfiguration, "\(capacity) keys are not possible: from 1 to 100000000")
        }
        guard maximumBytes >= 1 else {
            throw ResilienceError(.invalidConfiguration, "\(maximumBytes) bytes are not possible: from 1")
        }
        self.capacity = capacity
        self.maximumBytes = maximumBytes
        self.clock = clock
    }

    /// Within this process; nothing outlives it.
    public var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    /// How many keys are known.
    public var count: Int {
        self.state.withLock { state in
            state.sweep(at: self.clock.now)
            return state.entries.count
        }
    }

    /// Takes a key or tells what is known of it; never waits, and so is not cancelled.
    public func begin(_ request: IdempotencyRequest) async throws(ResilienceError) -> IdempotencyAnswer {
        try request.check()
        let result = self.state.withLock { state -> Result<IdempotencyAnswer, ResilienceError> in
            let now = self.clock.now
            state.sweep(at: now)
            let present = state.entries[request.key]
            let decision = IdempotencyRecord.begin(request, present?.record, at: now)
            guard let record = decision.record else { return .success(decision.answer) }
            if present == nil, state.entries.count >= self.capacity || state.bytes >= self.maximumBytes {
                return .failure(
                    ResilienceError(
                        .unavailable,
                        "the store holds \(state.entries.count) keys of \(state.bytes) bytes and takes no more",
                        retryAfter: state.ends.earliest.map { now.duration(to: $0) }))
            }
            state.put(record, under: request.key)
            return .success(decision.answer)
        }
        return try result.get()
    }

    /// Stores an outcome; never waits, and so is not cancelled.
    public func complete(
        _ request: IdempotencyRequest, with outcome: IdempotencyOutcome, keeping retention: Duration
    ) async throws(ResilienceError) -> Bool {
        try outcome.check(keeping: retention)
        return self.state.withLock { state in
            let now = self.clock.now
            let decision = IdempotencyRecord.complete(
                request, with: outcome, keeping: retention, state.entries[request.key]?.record, at: now)
            if let record = decision.record { state.put(record, under: request.key) }
            return decision.isAccepted
        }
    }

    /// Gives a key up; never waits, and so is not cancelled.
    @discardableResult
    public func abandon(_ request: IdempotencyRequest) async throws(ResilienceError) -> Bool {
        self.state.withLock { state in
            guard
                let entry = state.entries[request.key], entry.record.isAbandoned(by: request, at: self.clock.now)
            else { return false }
            state.remove(request.key)
            return true
        }
    }
}

extension MemoryIdempotencyStore.State {
    fileprivate mutating func put(_ record: IdempotencyRecord, under key: IdempotencyKey) {
        self.remove(key)
        let place = self.ends.insert(key, at: record.end)
        self.entries[key] = MemoryIdempotencyStore.Entry(record: record, place: place)
        self.bytes += Self.size(record, key)
    }

    fileprivate mutating func remove(_ key: IdempotencyKey) {
        guard let entry = self.entries.removeValue(forKey: key) else { return }
        self.ends.remove(entry.place)
        self.bytes -= Self.size(entry.record, key)
    }

    fileprivate mutating func sweep(at now: MonotonicInstant) {
        while let due = self.ends.popDue(at: now) { self.remove(due.value) }
    }

    private static func size(_ record: IdempotencyRecord, _ key: IdempotencyKey) -> Int {
        MemoryIdempotencyStore.overhead + key.rawValue.utf8.count + record.fingerprint.bytes.count
            + (record.outcome?.bytes.count ?? 0)
    }
}
