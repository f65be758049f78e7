/// What has happened in a ``TieredCache`` since it was made, tier by tier.
///
/// The numbers are read one after the other, so that those of a busy cache do not fit each other to the last unit.
public struct TieredCacheStatistics: Hashable, Sendable {
    /// The copies in this process. A copy that was found and was too old to be used counts as a hit here, and in
    /// ``unusableCopies``.
    public var local = CacheStatistics()
    /// Copies that were found and not used, because a change was told or nobody tells of changes.
    public var unusableCopies: UInt64 = 0
    /// The shared cache.
    public var tier = TierCounts()
    /// The channel that tells of changes.
    public var channel = ChannelCounts()
    /// Calls of loaders that gave a value or nothing.
    public var loads: UInt64 = 0
    /// Calls of loaders that failed.
    public var failedLoads: UInt64 = 0
    /// Loads that another node made while this one waited.
    public var loadsByOthers: UInt64 = 0
    /// Loads without the stampede lock, because waiting for it took too long or its engine failed.
    public var unlockedLoads: UInt64 = 0

    /// Makes statistics in which nothing has happened.
    public init() {}

    /// What a shared cache was asked for.
    public struct TierCounts: Hashable, Sendable {
        /// Keys that were looked up and found.
        public var hits: UInt64 = 0
        /// Keys that were looked up and not found.
        public var misses: UInt64 = 0
        /// Keys that were found and could not be read, by the tier or by the codec.
        public var unreadable: UInt64 = 0
        /// Entries that were stored.
        public var writes: UInt64 = 0
        /// Keys that were removed.
        public var removals: UInt64 = 0
        /// Calls that failed or took too long.
        public var failures: UInt64 = 0
        /// Calls that were not made, because the shared cache was left alone after failures.
        public var skippedCalls: UInt64 = 0
        /// Whether it is left alone now.
        public var isResting = false
        /// Keys with a write that may not have arrived, now.
        public var pendingRepairs = 0
        /// Keys that were removed afterwards for that reason.
        public var repairs: UInt64 = 0

        /// The share of keys that were found, from 0 to 1; `nil` before the first look-up.
        public var hitRatio: Double? {
            let total = self.hits + self.misses
            return total == 0 ? nil : Double(self.hits) / Double(total)
        }
    }

    /// What was heard from a shared cache.
    public struct ChannelCounts: Hashable, Sendable {
        /// Whether changes are told now.
        public var isListening = false
        /// Keys whose change was told.
        public var invalidations: UInt64 = 0
        /// How often all copies were dropped, because messages may have been missed or all was removed.
        public var flushes: UInt64 = 0
        /// How often the channel was lost.
        public var losses: UInt64 = 0
        /// Copies of own writes that were compared with the shared cache, because a change of their key was told.
        public var revalidations: UInt64 = 0
    }
}
