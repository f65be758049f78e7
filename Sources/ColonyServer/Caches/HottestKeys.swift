import ColonyCaches

/// Which keys are asked for most, in a memory of fixed size, whatever the number of keys.
///
/// A table of counts for all keys would grow with the keys, which clients choose. *Space-saving* keeps a fixed number of
/// counters: a key without one takes over that of the least counted key and goes on from its count. So a count is never
/// too low, it is too high by at most ``Hot/error``, and a key that has more than 1/*n* of all look-ups always has one of
/// the *n* counters.
///
/// Counts fade by half now and then (``fade()``), so that what was hot yesterday makes room.
///
/// - Complexity: O(1) for a key that has a counter, O(*n*) for one that has not, with *n* = 128.
/// - SeeAlso: A. Metwally, D. Agrawal, A. El Abbadi, *Efficient Computation of Frequent and Top-k Elements in Data
///   Streams*, ICDT 2005, section 3.
struct HottestKeys: Sendable {
    /// How many keys are counted. Ten are shown; the others keep them honest.
    static let capacity = 128

    struct Hot: Sendable {
        var key: CacheKey
        /// How often the key was looked up, at the most.
        var count: UInt64
        /// By how much ``count`` may be too high.
        var error: UInt64
    }

    private var counters: [Hot] = []
    private var places: [CacheKey: Int] = [:]

    mutating func count(_ key: CacheKey) {
        if let place = self.places[key] {
            self.counters[place].count += 1
        } else if self.counters.count < Self.capacity {
            self.places[key] = self.counters.count
            self.counters.append(Hot(key: key, count: 1, error: 0))
        } else {
            var least = 0
            for place in 1..<self.counters.count where self.counters[place].count < self.counters[least].count {
                least = place
            }
            let given = self.counters[least]
            self.places[given.key] = nil
            self.places[key] = least
            self.counters[least] = Hot(key: key, count: given.count + 1, error: given.count)
        }
    }

    /// Halves all counts. Keys that come to nothing lose their counters.
    mutating func fade() {
        self.counters = self.counters.compactMap { hot in
            hot.count < 2 ? nil : Hot(key: hot.key, count: hot.count / 2, error: hot.error / 2)
        }
        self.places = Dictionary(
            uniqueKeysWithValues: self.counters.enumerated().map { ($0.element.key, $0.offset) })
    }

    /// The keys with the highest counts, in falling order; equals in the order of their names.
    func top(_ limit: Int, where isVisible: (CacheKey) -> Bool) -> [Hot] {
        let visible = self.counters.filter { isVisible($0.key) }
        let sorted = visible.sorted { ($1.count, $0.key) < ($0.count, $1.key) }
        return Array(sorted.prefix(limit))
    }
}
