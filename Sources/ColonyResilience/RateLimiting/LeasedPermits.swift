import Synchronization

/// Permits that were taken from a store in advance: one batch that is being used, and one that is used next.
///
/// The batch in use is one atomic number, its permits below and its turn above, so that taking is one compare-and-exchange. A new batch
/// first empties the number under a new turn and only then writes when it ends: who has read the end of another batch than
/// that whose permits it takes finds the number changed.
final class LeasedPermits: Sendable {
    private struct Batch {
        var permits: Int64
        var end: Int64
    }

    private static let turnUnit: Int64 = 1 << 40
    private static let permitMask: Int64 = (1 << 40) - 1

    private let current = Atomic<Int64>(0)
    private let end = Atomic<Int64>(.min)
    private let next = Mutex<Batch?>(nil)

    /// Takes permits of the batch in use that may still be used.
    ///
    /// - Returns: How many are left, or `nil` if none was taken.
    @inline(__always)
    func take(_ permits: Int64, at now: Int64) -> Int64? {
        var word = self.current.load(ordering: .acquiring)
        while true {
            let left = (word & Self.permitMask) - permits
            guard left >= 0, now < self.end.load(ordering: .acquiring) else { return nil }
            let (isExchanged, original) = self.current.weakCompareExchange(
                expected: word, desired: word - permits, successOrdering: .relaxed, failureOrdering: .acquiring)
            if isExchanged { return left }
            word = original
        }
    }

    /// Goes on with the next batch if the present one cannot serve a request.
    ///
    /// - Returns: Whether there was a next one that may still be used.
    func advance(for permits: Int64, at now: Int64) -> Bool {
        self.next.withLock { next in
            // Another thread may have been here before.
            let isUsable = now < self.end.load(ordering: .acquiring)
            if isUsable, self.current.load(ordering: .acquiring) & Self.permitMask >= permits { return true }
            guard let batch = next, now < batch.end else {
                next = nil
                return false
            }
            next = nil
            self.install(batch)
            return true
        }
    }

    /// Keeps a batch for use, at once or next.
    ///
    /// - Returns: Whether it is in use at once.
    func add(_ permits: Int64, until end: Int64, at now: Int64) -> Bool {
        self.next.withLock { next in
            let isUsable = now < self.end.load(ordering: .acquiring)
            if !isUsable || self.current.load(ordering: .acquiring) & Self.permitMask == 0 {
                self.install(Batch(permits: permits, end: end))
                return true
            }
            next = Batch(permits: permits, end: end)
            return false
        }
    }

    /// Replaces the batch in use; what is left of it is lost.
    private func install(_ batch: Batch) {
        var word = self.current.load(ordering: .relaxed)
        while true {
            let emptied = (word & ~Self.permitMask) &+ Self.turnUnit
            let (isExchanged, original) = self.current.compareExchange(
                expected: word, desired: emptied, ordering: .acquiringAndReleasing)
            if isExchanged {
                word = emptied
                break
            }
            word = original
        }
        self.end.store(batch.end, ordering: .releasing)
        self.current.store((word &+ Self.turnUnit) | batch.permits, ordering: .releasing)
    }

    /// Whether there is a batch to go on with.
    func hasNext(at now: Int64) -> Bool {
        self.next.withLock { next in
            guard let batch = next else { return false }
            return now < batch.end
        }
    }

    /// How many permits may be used at this moment, in both batches.
    func left(at now: Int64) -> Int64 {
        self.next.withLock { next in
            let isUsable = now < self.end.load(ordering: .acquiring)
            let present = isUsable ? self.current.load(ordering: .acquiring) & Self.permitMask : 0
            guard let batch = next, now < batch.end else { return present }
            return present + batch.permits
        }
    }
}
