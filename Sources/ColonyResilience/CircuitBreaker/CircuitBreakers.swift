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
    ///   - name: The name of the breaker of a key.
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
        self.table.withLock { table in
            table.uses += 1
            if let index = table.entries.index(forKey: key) {
                table.entries.values[index].lastUse = table.uses
                return table.entries.values[index].breaker
            }
            if table.entries.count >= self.maximumCount { Self.makePlace(in: &table) }
            let breaker = CircuitBreaker(
                self.options, name: self.name(key), clock: self.clock, generator: self.makeGenerator(), stripes: 4)
            table.entries[key] = Entry(breaker: breaker, lastUse: table.uses)
            return breaker
        }
    }

    /// All breakers, in no order.
    public var all: [Key: CircuitBreaker] { self.table.withLock { $0.entries.mapValues(\.breaker) } }

    private static func makePlace(in table: inout Table) {
        var oldest: (key: Key, lastUse: UInt64)?
        var oldestClosed: (key: Key, lastUse: UInt64)?
        for (key, entry) in table.entries {
            if entry.lastUse < oldest?.lastUse ?? .max { oldest = (key, entry.lastUse) }
            guard entry.lastUse < oldestClosed?.lastUse ?? .max, entry.breaker.state == .closed else { continue }
            oldestClosed = (key, entry.lastUse)
        }
        if let victim = oldestClosed ?? oldest { table.entries.removeValue(forKey: victim.key) }
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
