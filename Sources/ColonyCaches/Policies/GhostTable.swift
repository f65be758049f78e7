/// A bounded memory of keys that left: which hashes were among the last *n* that were noted.
///
/// S3-FIFO as published keeps a queue of ghosts and a table of their keys. Neither is needed to answer "was it noted
/// within the last *n*": each slot holds 32 bits of the hash and the number of the note, a running count, and is as good as
/// empty once that lies *n* back. A hash may stand in any slot of one group of eight, one cache line. When a group is
/// full of live notes the oldest is overwritten, so a few of the oldest are lost; with twice as many slots as notes that is rare.
/// Two keys are mixed up with a chance of about 8 in 2^32 at each look-up, which costs a needless stay and nothing else.
///
/// - Complexity: O(1) per operation; 16 to 32 bytes per note.
package struct GhostTable: Sendable {
    /// Pairs of 32 bits of the hash (high) and the number of the note (low); zero for none.
    private var slots: [UInt64]
    private var groupMask: UInt64
    /// The number of the last note, from 1; it starts again after 2^32 notes, and a slot untouched for that long may then
    /// look new, which again costs a needless stay.
    private var clock: UInt32 = 0

    /// Makes a memory for `count` notes, from 1.
    package init(holding count: Int) {
        let groups = Self.groups(for: count)
        self.slots = Array(repeating: 0, count: groups * 8)
        self.groupMask = UInt64(groups - 1)
    }

    private static func groups(for count: Int) -> Int {
        var groups = 1
        while groups * 4 < count { groups *= 2 }
        return groups
    }

    /// Makes room for `count` notes, if there is less. What was noted is kept.
    package mutating func grow(toHold count: Int) {
        let groups = Self.groups(for: count)
        guard groups * 8 > self.slots.count else { return }
        let old = self.slots
        self.slots = Array(repeating: 0, count: groups * 8)
        let oldMask = self.groupMask
        self.groupMask = UInt64(groups - 1)
        // The high bits of a slot and its group give back the bits of the hash that choose the new group.
        for (place, slot) in old.enumerated() where slot != 0 {
            let group = ((slot >> 32) & ~oldMask | UInt64(place / 8)) & self.groupMask
            let base = Int(group) * 8
            if let free = (base..<base + 8).first(where: { self.slots[$0] == 0 }) { self.slots[free] = slot }
        }
    }

    /// Where the eight slots of a hash begin, and the 32 bits that are kept of it; its group is their lowest bits.
    @inline(__always)
    private func find(_ hash: UInt64) -> (base: Int, print: UInt64) {
        let mixed = (hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15
        let print = mixed >> 32
        return (Int(print & self.groupMask) &* 8, print)
    }

    /// Notes a hash.
    ///
    /// - Parameter window: How many notes back one counts as there.
    package mutating func note(_ hash: UInt64, window: Int) {
        self.clock &+= 1
        if self.clock == 0 { self.clock = 1 }
        let clock = self.clock
        let (base, print) = self.find(hash)
        self.slots.withUnsafeMutableBufferPointer { slots in
            var chosen = base
            var oldest: UInt32 = 0
            for place in base..<base + 8 {
                let slot = slots[place]
                if slot == 0 || slot >> 32 == print {
                    chosen = place
                    break
                }
                let age = clock &- UInt32(truncatingIfNeeded: slot)
                if age > oldest { (chosen, oldest) = (place, age) }
            }
            slots[chosen] = print << 32 | UInt64(clock)
        }
    }

    /// Whether a hash is among the last `window` notes; it is forgotten if so.
    package mutating func take(_ hash: UInt64, window: Int) -> Bool {
        let clock = self.clock
        let (base, print) = self.find(hash)
        return self.slots.withUnsafeMutableBufferPointer { slots in
            for place in base..<base + 8 where slots[place] != 0 && slots[place] >> 32 == print {
                let age = clock &- UInt32(truncatingIfNeeded: slots[place])
                slots[place] = 0
                return Int(age) < window
            }
            return false
        }
    }
}
