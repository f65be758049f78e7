public import ColonyCore
public import Synchronization

/// One limit for each key, such as a client, a user, or an address, all under one rule and in bounded memory.
///
/// ```swift
/// let limiter = try KeyedRateLimiter<String>(RateLimitRule(10, per: .seconds(1)), capacity: 100_000)
/// guard try limiter.take(for: address).isAllowed else { return tooManyRequests }
/// ```
///
/// A limit is a token bucket and costs its key and eight bytes, at a load between three eighths and three quarters: 1 000 000 keys of type
/// `Int` or short `String`s take 64 MiB at most. Keys are kept as they are, so two keys never share a limit. A limit that is full needs no
/// memory and is forgotten when there is need for room.
///
/// If there is no room and nothing is full, the limit that is nearest to full among sixteen is forgotten, and no key gains from it: a limit
/// that is new from then on begins with what the forgotten one still owed. So a flood of keys makes newcomers wait, and lets nobody
/// through who should not be.
///
/// - Complexity: O(1) on average, under the lock of one of up to 64 stripes.
public final class KeyedRateLimiter<Key: Hashable & Sendable>: Sendable {
    @usableFromInline
    final class Stripe: Sendable {
        @usableFromInline let table: Mutex<KeyedLimitTable<Key>>

        init(_ table: KeyedLimitTable<Key>) { self.table = Mutex(table) }
    }

    /// What errors and metrics call it.
    public let name: String
    /// How many limits that are not full it keeps; a stripe that has got more than its share forgets before the whole is full.
    public let capacity: Int
    @usableFromInline let clock: any MonotonicClock
    @usableFromInline let stripes: [Stripe]

    /// Makes a limiter in which every limit is full.
    ///
    /// - Parameter capacity: From 1 to 1 000 000 000.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the number.
    public init(
        _ rule: RateLimitRule, capacity: Int, name: String = "limiter", clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        guard (1...1_000_000_000).contains(capacity) else {
            throw ResilienceError(
                .invalidConfiguration, "\(name): room for \(capacity) limits is not possible: from 1 to 1000000000")
        }
        self.name = name
        self.capacity = capacity
        self.clock = clock
        // A stripe of at least 64 limits, so that chance does not fill one much earlier than another.
        var count = 1
        while count < 64, capacity / (count * 2) >= 64 { count *= 2 }
        self.stripes = (0..<count).map { _ in Stripe(KeyedLimitTable(rule: rule, capacity: capacity / count)) }
    }

    @inlinable
    func stripe(_ hash: Int) -> Stripe {
        // The low bits choose the place within the stripe.
        self.stripes[Int(truncatingIfNeeded: UInt(bitPattern: hash) >> 40) & (self.stripes.count &- 1)]
    }

    /// Takes permits of a key if they can be used now, all or none.
    ///
    /// - Parameter permits: From 1 to the burst of the rule; 0 only looks.
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the number.
    @inlinable
    @discardableResult
    public func take(_ permits: Int = 1, for key: Key) throws(ResilienceError) -> RateLimitDecision {
        let hash = key.hashValue
        let now = self.clock.now.nanoseconds
        let decision = self.stripe(hash).table.withLock { table -> RateLimitDecision? in
            guard permits >= 0, permits <= table.rule.burst else { return nil }
            return table.take(permits, of: key, hash: hash, at: now)
        }
        guard let decision else { throw self.impossible(permits) }
        return decision
    }

    @usableFromInline
    func impossible(_ permits: Int) -> ResilienceError {
        ResilienceError(
            .invalidRequest,
            "\(self.name): \(permits) permits can never be taken at once: from 0 to its burst of \(self.rule.burst)")
    }

    /// Forgets what a key has taken.
    ///
    /// - Returns: Whether something was owed.
    @discardableResult
    public func reset(_ key: Key) -> Bool {
        let hash = key.hashValue
        let now = self.clock.now.nanoseconds
        return self.stripe(hash).table.withLock { $0.reset(key, hash: hash, at: now) }
    }

    /// The rule of all keys.
    public var rule: RateLimitRule { self.stripes[0].table.withLock { $0.rule } }

    /// Holds another rule from now on; what is owed stays owed, up to what the new burst takes to fill up.
    ///
    /// - Complexity: O(1) for each stripe.
    public func change(to rule: RateLimitRule) {
        for stripe in self.stripes { stripe.table.withLock { $0.rule = rule } }
    }

    /// How many limits are kept, full ones that have not been forgotten among them.
    public var count: Int { self.stripes.reduce(0) { total, stripe in total + stripe.table.withLock { $0.count } } }
}
