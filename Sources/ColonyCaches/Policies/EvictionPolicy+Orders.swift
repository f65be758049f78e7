extension EvictionPolicy {
    /// Makes the state of this policy for one cache.
    ///
    /// - Parameters:
    ///   - capacity: The bound of the cache, in units of weight; from 1.
    ///   - countsEntries: Whether each entry weighs 1. If not, `hitRecording` may change while the cache grows, and is to
    ///     be read again when its tables do.
    package func makeOrder(capacity: Int, countsEntries: Bool = true) -> any EvictionOrder {
        switch self {
        case .fifo: FIFOOrder()
        case .lru: LRUOrder()
        case .lfu: LFUOrder()
        case .sieve: SIEVEOrder()
        case .s3FIFO: S3FIFOOrder(capacity: capacity)
        case .windowTinyLFU: WindowTinyLFUOrder(capacity: capacity)
        case .adaptive: AdaptiveOrder(capacity: capacity, countsEntries: countsEntries)
        }
    }
}
