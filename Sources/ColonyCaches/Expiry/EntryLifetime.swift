import ColonyCore

/// When an entry ends, in nanoseconds of the cache's clock.
@usableFromInline
struct EntryLifetime {
    /// When it was measured; the smallest number if nothing ends.
    @usableFromInline let now: Int64
    /// The end as things stand.
    @usableFromInline let end: Int64
    /// The end that reading cannot pass.
    @usableFromInline let limit: Int64

    @inlinable
    init(now: Int64, end: Int64, limit: Int64) {
        self.now = now
        self.end = end
        self.limit = limit
    }

    @inlinable
    static var endless: EntryLifetime { EntryLifetime(now: .min, end: .max, limit: .max) }

    @usableFromInline
    var isOver: Bool { self.end <= self.now }

    init<Key, Value>(_ expiry: CacheExpiry<Key, Value>, for timeToLive: Duration?, from now: MonotonicInstant) {
        self.init(expiry, until: timeToLive.map { now.advanced(by: $0) }, from: now)
    }

    init<Key, Value>(_ expiry: CacheExpiry<Key, Value>, until end: MonotonicInstant?, from now: MonotonicInstant) {
        self.now = now.nanoseconds
        self.limit = end?.nanoseconds ?? EntryExpiry.never
        if let idle = expiry.afterAccess {
            self.end = min(self.limit, now.advanced(by: idle).nanoseconds)
        } else {
            self.end = self.limit
        }
    }
}
