public import ColonyCore
import Synchronization

/// A circuit breaker for each key, such as each host that is called, in bounded memory.
///
/// One breaker for many hosts opens for all of them when one fails. Keys come from outside more often than one thinks, so there are
/// at most ``maximumCount`` of them: a new key takes the place of the one that was not used for the longest time, of those whose
/// breaker is closed if there are any. A breaker that has lost its place is forgotten: its key starts again, closed.
public final class CircuitBreakers<Key: Hashable & Sendable>: Sendable {
    private struct Entry {
        let breaker: CircuitBreaker
        var lastUse: UInt64
    }

    private struct Table {
        var entries: [Key: Entry] = [:]
        var uses: UInt64 = 0

        mutating func use(_ key: Key) -> CircuitBreaker? {
            self.uses += 1
            guard let index = self.entries.index(forKey: key) else { return nil }
            self.entries.values[index].lastUse = self.uses
            return self.entries.values[index].breaker
        }
    }

    /// The most breakers that are kept.
    public let maximumCount: Int
    private let options: CircuitBreakerOptions
    private let name: @Sendable (Key) -> String
    private let clock: any MonotonicClock
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator & Sendable
    private let table = Mutex(Table())

    /// Makes an empty set.
    ///
    /// - Parameters:
    ///   - maximumCount: From 1 to 1,000,000. A breaker takes about one KiB.
    ///   - name: The name of the breaker of a key. It runs under no lock, and may look at the set.
    ///   - makeGenerator: The chance of a breaker. It runs under no lock, and may look at the set. Callers that ask for the same new key
    ///     at the same time may each run both; the first one's breaker is kept.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the number.
    public init(
        _ options: CircuitBreakerOptions, maximumCount: Int = 10_000,
        name: @escaping @Sendable (Key) -> String = { "\($0)" }, clock: any MonotonicClock = HostClock(),
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator & Sendable
    ) throws(ResilienceError) {
        try Bounds.check(maximumCount, in: 1...1_000_000, "circuit breakers")
        self.maximumCount = maximumCount
        self.options = options
        self.name = name
        self.clock = clock
        self.makeGenerator = makeGenerator
    }

    /// The breaker of a key; a closed one if it is not known.
    ///
    /// - Complexity: O(1); O(*n*) in the number of breakers if one has to make place.
    public subscript(key: Key) -> CircuitBreaker {
        if let known = self.table.withLock({ $0.use(key) }) { return known }
        // The closures are the caller's, and may look at this set: they must not run under its lock.
        let fresh = CircuitBreaker(
            self.options, name: self.name(key), clock: self.clock, generator: self.makeGenerator(), stripes: 4)
        let (breaker, forgotten) = self.table.withLock { table -> (CircuitBreaker, CircuitBreaker?) in
            if let known = table.use(key) { return (known, nil) }
            let forgotten = table.entries.count >= self.maximumCount ? Self.makePlace(in: &table) : nil
            table.entries[key] = Entry(breaker: fresh, lastUse: table.uses)
            return (fresh, forgotten)
        }
        // Here and not under the lock: its end takes the caller's generator with it and ends the streams of its listeners.
        withExtendedLifetime(forgotten) {}
        return breaker
    }

    /// All breakers, in no order.
    public var all: [Key: CircuitBreaker] { self.table.withLock { $0.entries.mapValues(\.breaker) } }

    /// - Returns: The breaker that has lost its place.
    private static func makePlace(in table: inout Table) -> CircuitBreaker? {
        var oldest: (key: Key, lastUse: UInt64)?
        var oldestClosed: (key: Key, lastUse: UInt64)?
        for (key, entry) in table.entries {
            if entry.lastUse < oldest?.lastUse ?? .max { oldest = (key, entry.lastUse) }
            guard entry.lastUse < oldestClosed?.lastUse ?? .max, entry.breaker.state == .closed else { continue }
            oldestClosed = (key, entry.lastUse)
        }
        guard let victim = oldestClosed ?? oldest else { return nil }
        return table.entries.removeValue(forKey: victim.key)?.breaker
    }
}

extension CircuitBreakers {
    /// Makes an empty set whose waits are left to the system's chance.
    public convenience init(
        _ options: CircuitBreakerOptions, maximumCount: Int = 10_000,
        name: @escaping @Sendable (Key) -> String = { "\($0)" }, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(ResilienceError) {
        try self.init(options, maximumCount: maximumCount, name: name, clock: clock, makeGenerator: { generator })
    }
}
