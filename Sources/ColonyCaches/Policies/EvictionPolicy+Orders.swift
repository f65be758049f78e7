extension EvictionPolicy {
    /// Makes the state of this policy for one cache.
    ///
    /// - Parameter capacity: The bound of the cache, in units of weight; from 1.
    package func makeOrder(capacity: Int) -> any EvictionOrder {
        switch self {
        case .fifo: FIFOOrder()
        case .lru: LRUOrder()
        case .lfu: LFUOrder()
        case .sieve: SIEVEOrder()
        case .s3FIFO: S3FIFOOrder(capacity: capacity)
        case .windowTinyLFU: WindowTinyLFUOrder(capacity: capacity)
        case .adaptive: AdaptiveOrder(capacity: capacity)
        }
    }
}
