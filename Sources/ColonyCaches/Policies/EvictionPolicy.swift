/// Which entry a full cache gives up.
///
/// Every policy decides in constant time on average. The docs compare their hit ratios on real traces; start with
/// ``adaptive`` and change it only for a reason that you measured.
public enum EvictionPolicy: String, CaseIterable, Codable, Hashable, Sendable {
    /// First in, first out: the oldest entry goes, however often it was read. No work at all on a hit.
    case fifo
    /// Least recently used: the entry whose last use is the longest ago goes.
    case lru
    /// Least frequently used, the least recently used among equals (Shah, Mitra, Matani 2010: O(1) by buckets).
    case lfu
    /// SIEVE (Zhang et al., NSDI 2024): a hand passes from old to new and takes the first entry not read since it came by.
    case sieve
    /// S3-FIFO (Yang et al., SOSP 2023): newcomers prove themselves in a small queue before they reach the main one.
    case s3FIFO
    /// W-TinyLFU (Einziger, Friedman, Manes, ACM TOS 2017): a small LRU window in front of a main part that admits only
    /// who is asked for more often than its victim; the window is a fixed 1 %.
    case windowTinyLFU
    /// Chooses by what it observes, so that it follows the best of the others on each workload. The default.
    case adaptive
}
