public import ColonyCore

/// How a ``Cache`` is bounded, what it gives up, and when entries end.
public struct CacheOptions<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// What the cache may hold.
    public var bound: CacheBound<Key, Value>
    /// Which entry a full cache gives up.
    public var policy: EvictionPolicy = .adaptive
    /// When entries end by themselves.
    public var expiry = CacheExpiry<Key, Value>()
    /// Whether hits, misses, and the rest are counted. Off, because counting costs some nanoseconds at each look-up.
    public var recordsStatistics = false
    /// Is told of every entry that leaves, and why: after the fact, outside every lock, on the thread that caused it.
    public var onRemoval: (@Sendable (CacheRemoval<Key, Value>) -> Void)?
    /// What expiry is counted on.
    public var clock: any MonotonicClock = HostClock()

    /// Makes options with the defaults.
    public init(_ bound: CacheBound<Key, Value>) { self.bound = bound }

    /// The bound as a number, after everything was looked at.
    func validatedCapacity() throws(CacheError) -> Int {
        let capacity =
            switch self.bound {
            case .count(let count): count
            case .weight(let weight, _): weight
            }
        guard capacity >= 1 else {
            throw CacheError(.invalidConfiguration, "the capacity \(capacity) of a cache is below 1")
        }
        if case .count(let count) = self.bound, count > Int(UInt32.max) / 2 {
            throw CacheError(.invalidConfiguration, "the capacity \(count) is above \(UInt32.max / 2) entries")
        }
        for (name, duration) in [("afterWrite", self.expiry.afterWrite), ("afterAccess", self.expiry.afterAccess)] {
            if let duration, duration <= .zero {
                throw CacheError(.invalidConfiguration, "the time \(duration) of \(name) is not above zero")
            }
        }
        return capacity
    }
}

/// What a ``Cache`` may hold.
public enum CacheBound<Key: Sendable, Value: Sendable>: Sendable {
    /// At most this many entries; from 1.
    case count(Int)
    /// Entries of at most this total weight, from 1. The closure gives the weight of an entry, once, when it is stored;
    /// it runs outside every lock. An entry of weight 0 is never given up for room; one heavier than the bound is not kept.
    case weight(Int, of: @Sendable (Key, Value) -> Int)
}

/// When the entries of a ``Cache`` end by themselves. All that are given hold: the earliest end counts.
public struct CacheExpiry<Key: Sendable, Value: Sendable>: Sendable {
    /// How long an entry stays after it was stored; above zero.
    public var afterWrite: Duration?
    /// How long an entry stays after it was stored or read; above zero.
    public var afterAccess: Duration?
    /// How long this entry stays after it was stored, in place of `afterWrite`; `nil` for no end of its own.
    public var perEntry: (@Sendable (Key, Value) -> Duration?)?

    /// Makes an expiry; with nothing given, entries stay until room is needed.
    public init(
        afterWrite: Duration? = nil, afterAccess: Duration? = nil,
        perEntry: (@Sendable (Key, Value) -> Duration?)? = nil
    ) {
        self.afterWrite = afterWrite
        self.afterAccess = afterAccess
        self.perEntry = perEntry
    }

    @inlinable
    var isNever: Bool { self.afterWrite == nil && self.afterAccess == nil && self.perEntry == nil }
}

/// An entry that has left a ``Cache``.
public struct CacheRemoval<Key: Sendable, Value: Sendable>: Sendable {
    /// Its key.
    public let key: Key
    /// Its value.
    public let value: Value
    /// Why it left.
    public let cause: CacheRemovalCause

    @usableFromInline
    init(key: Key, value: Value, cause: CacheRemovalCause) {
        self.key = key
        self.value = value
        self.cause = cause
    }
}

/// Why an entry has left a ``Cache``.
public enum CacheRemovalCause: String, CaseIterable, Hashable, Sendable {
    /// The program removed it.
    case removed
    /// The program stored another value under the key.
    case replaced
    /// Its time was over.
    case expired
    /// Room was needed.
    case evicted
    /// It is heavier than the whole cache may be.
    case overweight

    /// The place among `allCases`.
    var position: Int {
        switch self {
        case .removed: 0
        case .replaced: 1
        case .expired: 2
        case .evicted: 3
        case .overweight: 4
        }
    }
}
