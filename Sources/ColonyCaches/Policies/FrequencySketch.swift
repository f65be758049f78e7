/// How often keys were asked for lately, in four bits each.
///
/// A table of exact counts would need as much room as the cache. A count-min sketch keeps only counters: a key adds one to
/// four of them, chosen by its hash, and its count is the least of the four, which is too high only if all four are
/// shared. Counters stop at 15, because who is asked for that often is admitted anyway. When as many accesses as ten times
/// the entries were counted, all counters are halved, so that old popularity fades.
///
/// The four counters of a key lie in one block of eight words (one cache line), one in each quarter of it, so that a look-up costs one miss
/// of the processor's cache and not four.
///
/// - Complexity: O(1), halving included, amortized; 8 to 16 bytes per entry.
/// - SeeAlso: Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM TOS 13(4), 2017, section 3.
package struct FrequencySketch: Sendable {
    /// Sixteen counters a word, eight words a block.
    private var words: [UInt64]
    private var blockMask: UInt64
    private var additions = 0
    /// The additions after which counters are halved.
    private var period: Int

    /// Makes a sketch for a cache of `count` entries, from 1.
    package init(entries count: Int) {
        let blocks = Self.blocks(for: count)
        self.words = Array(repeating: 0, count: blocks * 8)
        self.blockMask = UInt64(blocks - 1)
        self.period = 10 * max(count, 16)
    }

    private static func blocks(for count: Int) -> Int {
        var blocks = 1
        while blocks * 8 < count { blocks *= 2 }
        return blocks
    }

    /// Makes it fit for a cache of `count` entries. Counts are kept: a block's are copied to the blocks it splits into.
    package mutating func grow(toFit count: Int) {
        self.period = 10 * max(count, 16)
        let blocks = Self.blocks(for: count)
        while self.words.count < blocks * 8 { self.words += self.words }
        self.blockMask = UInt64(self.words.count / 8 - 1)
    }

    /// Spreads a hash: the low half chooses the block, the high half the four counters in it.
    @inline(__always)
    private static func mixed(_ hash: UInt64) -> UInt64 {
        let spread = (hash ^ (hash >> 29)) &* 0xBF58_476D_1CE4_E5B9
        return spread ^ (spread >> 32)
    }

    /// Counts one access.
    package mutating func add(_ hash: UInt64) {
        let mixed = Self.mixed(hash)
        let block = Int(mixed & self.blockMask) &* 8
        var choice = mixed >> 32
        var grew = false
        self.words.withUnsafeMutableBufferPointer { words in
            for quarter in 0..<4 {
                let word = block &+ quarter &* 2 &+ Int(choice & 1)
                let shift = (choice >> 1 & 15) &* 4
                if (words[word] >> shift) & 15 != 15 {
                    words[word] &+= 1 << shift
                    grew = true
                }
                choice >>= 8
            }
        }
        if grew {
            self.additions += 1
            if self.additions >= self.period { self.halve() }
        }
    }

    /// How often the key was asked for, 0 to 15; at times too high, never too low.
    package func count(_ hash: UInt64) -> Int {
        let mixed = Self.mixed(hash)
        let block = Int(mixed & self.blockMask) &* 8
        var choice = mixed >> 32
        return self.words.withUnsafeBufferPointer { words in
            var least: UInt64 = 15
            for quarter in 0..<4 {
                let word = block &+ quarter &* 2 &+ Int(choice & 1)
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
