/// How often keys were asked for lately, in four bits each.
///
/// A table of exact counts would need as much room as the cache. A count-min sketch keeps only counters: a key adds one to
/// four of them, chosen by its hash, and its count is the least of the four, which is too high only if all four are
/// shared. Counters stop at 15, because who is asked for that often is kept anyway. When as many accesses as ten times
/// the entries were counted, all counters are halved, so that old popularity fades.
///
/// The four counters of a key lie in one block of eight words, one in each quarter of it, so that a look-up costs one miss
/// of the processor's cache and not four. The block is chosen by multiplying, so that there can be any number of them;
/// when that is doubled, a block splits into its two neighbours, which begin with the counts of both.
///
/// - Complexity: O(1), halving included, amortized; 8 bytes per entry if the capacity counts entries, at most 16 else.
/// - SeeAlso: Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM TOS 13(4), 2017,
///   section 3.
package struct FrequencySketch: Sendable {
    /// Sixteen counters a word, eight words a block.
    private var words: [UInt64]
    private var blocks: UInt64
    private var additions = 0
    /// The additions after which counters are halved.
    private var period: Int

    /// Makes a sketch that is small at first and grows to fit a cache of `capacity` entries exactly.
    package init(capacity: Int) {
        var blocks = UInt64(max(1, (capacity + 7) / 8))
        while blocks > 4 { blocks = (blocks + 1) / 2 }
        self.blocks = blocks
        self.words = Array(repeating: 0, count: Int(blocks) * 8)
        self.period = 160
    }

    /// Makes it fit for a cache of `count` entries. Counts are kept.
    package mutating func grow(toFit count: Int) {
        self.period = 10 * max(count, 16)
        while self.words.count < count {
            var doubled: [UInt64] = []
            doubled.reserveCapacity(self.words.count * 2)
            for block in stride(from: 0, to: self.words.count, by: 8) {
                doubled += self.words[block..<block + 8]
                doubled += self.words[block..<block + 8]
            }
            self.words = doubled
            self.blocks *= 2
        }
    }

    /// The first word of the block of a hash, and the bits that choose the four counters in it.
    @inline(__always)
    private func find(_ hash: UInt64) -> (block: Int, choice: UInt64) {
        let spread = (hash ^ (hash >> 29)) &* 0xBF58_476D_1CE4_E5B9
        let low = (spread ^ (spread >> 32)) & 0xFFFF_FFFF
        return (Int((low &* self.blocks) >> 32) &* 8, spread >> 32)
    }

    /// Counts so many accesses, from 0 to 15.
    package mutating func add(_ hash: UInt64, times: UInt64 = 1) {
        let found = self.find(hash)
        var choice = found.choice
        var grew = false
        self.words.withUnsafeMutableBufferPointer { words in
            for quarter in 0..<4 {
                let word = found.block &+ quarter &* 2 &+ Int(choice & 1)
                let shift = (choice >> 1 & 15) &* 4
                let room = 15 &- (words[word] >> shift) & 15
                words[word] &+= min(room, times) << shift
                grew = grew || room != 0
                choice >>= 8
            }
        }
        if grew {
            self.additions += Int(times)
            if self.additions >= self.period { self.halve() }
        }
    }

    /// How often the key was asked for, 0 to 15; at times too high, never too low.
    package func count(_ hash: UInt64) -> Int {
        let found = self.find(hash)
        var choice = found.choice
        return self.words.withUnsafeBufferPointer { words in
            var least: UInt64 = 15
            for quarter in 0..<4 {
                let word = found.block &+ quarter &* 2 &+ Int(choice & 1)
                least = min(least, (words[word] >> ((choice >> 1 & 15) &* 4)) & 15)
                choice >>= 8
            }
            return Int(least)
        }
    }

    private mutating func halve() {
        self.words.withUnsafeMutableBufferPointer { words in
            for place in words.indices { words[place] = (words[place] >> 1) & 0x7777_7777_7777_7777 }
        }
        self.additions /= 2
    }
}
