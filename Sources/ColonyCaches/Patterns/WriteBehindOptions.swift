public import ColonyCore

/// How a ``WriteBehind`` collects, writes, retries, and gives up.
public struct WriteBehindOptions<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// What happens to a change for which there is no room.
    public enum Overload: Hashable, Sendable {
        /// It is refused with `overloaded`.
        case refuse
        /// It waits in turn until there is room.
        case wait
    }

    /// How many keys may have changes that are not written, those being written included; at least 1. Ten thousand is some
    /// seconds of a busy program, which is also about what a crash may lose.
    public var capacity = 10_000
    /// How many changes one call of the store gets at the most; at least 1.
    public var batchSize = 100
    /// How long a change waits for others before it is written, unless a batch is full; zero or more. It is what coalesces
    /// changes of one key, and what a crash loses at the least.
    public var linger: Duration = .milliseconds(100)
    /// How often a batch is tried before its changes are tried one by one, and how often these are; at least 1.
    public var maximumAttempts = 5
    /// The waits between attempts.
    public var backoff = Backoff()
    /// What happens to a change for which there is no room. Waiting slows the program to the speed of the store.
    public var overload = Overload.wait
    /// Is told of every change that is given up, outside every lock.
    public var onFailure: (@Sendable (WriteBehindFailure<Key, Value>) -> Void)?
    /// What waiting is counted on.
    public var clock: any MonotonicClock = HostClock()
    /// Where the waits between attempts are drawn from.
    public var generator: any RandomNumberGenerator & Sendable

    /// Makes options with the defaults.
    public init(generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
        self.generator = generator
    }

    /// Looks for settings that cannot work.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public func validate() throws(CacheError) {
        let counts = [
            ("capacity", self.capacity), ("batchSize", self.batchSize), ("maximumAttempts", self.maximumAttempts),
        ]
        for (name, count) in counts where count < 1 {
            throw CacheError(.invalidConfiguration, "\(name) must be at least 1, not \(count)")
        }
        if self.linger < .zero {
            throw CacheError(.invalidConfiguration, "linger must not be below zero, and \(self.linger) is")
        }
    }
}

/// A change that a ``WriteBehind`` hands to its store.
public struct WriteBehindChange<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// The key.
    public let key: Key
    /// The value to be stored; `nil` to remove the key.
    public let value: Value?
}

/// A change that a ``WriteBehind`` has given up. The store may have taken it or not.
public struct WriteBehindFailure<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// The change.
    public let change: WriteBehindChange<Key, Value>
    /// What the store threw last; ``CacheError`` with `closed` for a change that was left when the time of
    /// ``WriteBehind/close(within:)`` was over.
    public let error: any Error
}

/// How the writes of a ``WriteBehind`` have gone since it was made.
public struct WriteBehindStatistics: Hashable, Sendable, Codable {
    /// How many keys have changes that are not written at this moment.
    public var pending = 0
    /// How many changes the store has taken.
    public var written: UInt64 = 0
    /// How many changes took the place of an earlier one of their key that was not written, which saved a write.
    public var coalesced: UInt64 = 0
    /// How many calls of the store were made again after one that threw.
    public var retried: UInt64 = 0
    /// How many changes were given up.
    public var failed: UInt64 = 0
    /// How many changes were refused for want of room.
    public var refused: UInt64 = 0

    /// Nothing counted yet.
    public init() {}
}
