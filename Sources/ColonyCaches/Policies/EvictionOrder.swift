/// The state of an eviction policy for one cache: it knows entries by number and hash, never their keys or values.
///
/// The cache calls it under its lock. It makes room first and inserts afterwards, so that the bound is never passed:
/// `victim` until the newcomer fits, then `inserted`.
@usableFromInline
package protocol EvictionOrder: AnyObject {
    /// What a hit leaves behind without the lock.
    var hitRecording: HitRecording { get }

    /// Chooses an entry to give up, and forgets it; `nil` if the order holds none.
    ///
    /// - Parameters:
    ///   - hash: The hash of the key that room is made for.
    ///   - weight: The weight that room is made for.
    func victim(for hash: UInt64, weight: UInt32, _ nodes: EntryNodes) -> EntryIndex?

    /// Takes up an entry whose node has its hash and weight set and stands in no queue.
    func inserted(_ entry: EntryIndex, _ nodes: EntryNodes)

    /// Learns of a hit that was recorded as ``HitRecording`` asks; some are lost when many threads read at once.
    func hit(_ entry: EntryIndex, _ nodes: EntryNodes)

    /// Forgets an entry that was removed or has expired.
    func removed(_ entry: EntryIndex, _ nodes: EntryNodes)

    /// Puts `new`, the same key with a new value and perhaps another weight, where `old` was. It counts as a use.
    func replaced(_ old: EntryIndex, by new: EntryIndex, _ nodes: EntryNodes)

    /// Learns that the bound of the cache has changed, in units of weight.
    func resized(to capacity: Int, _ nodes: EntryNodes)

    /// Says what is wrong with the inner structure, for tests; `nil` if nothing is.
    ///
    /// - Complexity: O(*n*).
    func defect(entries: Int, weight: Int, _ nodes: EntryNodes) -> String?
}

/// What a hit leaves behind without the lock.
@frozen
@usableFromInline
package struct HitRecording: Sendable {
    /// `EntryNodes.mark` is raised by one unless it has reached this; zero leaves it alone.
    @usableFromInline package let markLimit: UInt8
    /// Hits of keys with `hash & mask == pattern` are queued for `EvictionOrder.hit`. Queued hits cost more than marks.
    @usableFromInline package let mask: UInt64
    @usableFromInline package let pattern: UInt64

    /// Marks up to `markLimit`, and queues every hit, none, or one key in 2^*n*, chosen by the top bits of its hash.
    package init(markLimit: UInt8 = 0, queued: Queued) {
        self.markLimit = markLimit
        switch queued {
        case .every: (self.mask, self.pattern) = (0, 0)
        case .none: (self.mask, self.pattern) = (0, 1)
        case .sample(let bits): (self.mask, self.pattern) = (~(~0 >> UInt64(bits)), 0)
        }
    }

    /// How many hits are queued.
    package enum Queued: Sendable {
        case none
        case every
        case sample(bits: Int)
    }
}
