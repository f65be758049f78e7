/// A bounded memory of keys that left: which hashes were among the last *n* that were noted.
///
/// S3-FIFO as published keeps a queue of ghosts and a table of their keys. Neither is needed to answer "was it noted
/// within the last *n*". Here a slot of four bytes holds 16 bits of the hash and the time of the note, and is as good as
/// empty once that lies too far back. Time is counted in notes, or in groups of notes when *n* is large, so that 16 bits
/// suffice. A hash may stand in any slot of a group of eight; when all are live, the oldest is overwritten. With one and a
/// half slots per note that is rare, and what is lost was about to be forgotten.
///
/// Two keys are mixed up with a chance of about 8 in 65,536 at each look-up, and a slot that was not touched for 65,536
/// units of time may look new once. Both cost a needless stay of one entry and nothing else.
///
/// - Complexity: O(1) per operation; six bytes per note.
package struct GhostTable: Sendable {
    /// 16 bits of the hash (high) and the time of the note (low); zero for none.
    private var slots: [UInt32]
    private var groups: UInt64
    private var time: UInt16 = 0
    /// Notes since the time moved on.
    private var notes = 0

    /// Makes a memory for `count` notes, from 1.
    package init(holding count: Int) {
        self.groups = Self.groups(for: count)
        self.slots = Array(repeating: 0, count: Int(self.groups) * 8)
    }

    private static func groups(for count: Int) -> UInt64 { UInt64((count * 3 / 2 + 15) / 8) }

    /// Makes room for `count` notes. If there is less, what was noted so far is forgotten.
    package mutating func grow(toHold count: Int) {
        if Self.groups(for: count) > self.groups { self = GhostTable(holding: count) }
    }

    /// Where the eight slots of a hash begin, and the bits that are kept of it, in the high half.
    @inline(__always)
    private func find(_ hash: UInt64) -> (base: Int, print: UInt32) {
        let mixed = (hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15
        let group = ((mixed >> 32) &* self.groups) >> 32
        // A print of zero would look like an empty slot.
        return (Int(group) &* 8, UInt32(truncatingIfNeeded: mixed & 0xFFFF_0000) | 0x1_0000)
    }

    /// Notes a hash.
    ///
    /// - Parameter window: How many notes back one counts as there.
    package mutating func note(_ hash: UInt64, window: Int) {
        self.notes += 1
        if self.notes >= max(1, window / 64) {
            self.notes = 0
            self.time &+= 1
        }
        let time = self.time
        let (base, print) = self.find(hash)
        self.slots.withUnsafeMutableBufferPointer { slots in
            var (chosen, oldest) = (base, UInt16(0))
            for place in base..<base + 8 {
                let slot = slots[place]
                if slot == 0 || slot & 0xFFFF_0000 == print {
                    chosen = place
                    break
                }
                let age = time &- UInt16(truncatingIfNeeded: slot)
                if age > oldest { (chosen, oldest) = (place, age) }
            }
            slots[chosen] = print | UInt32(time)
        }
    }

    /// Whether a hash is among the last `window` notes; it is forgotten then.
    package mutating func take(_ hash: UInt64, window: Int) -> Bool {
        let time = self.time
        let (base, print) = self.find(hash)
        let unit = max(1, window / 64)
        return self.slots.withUnsafeMutableBufferPointer { slots in
            for place in base..<base + 8 where slots[place] != 0 && slots[place] & 0xFFFF_0000 == print {
                let age = time &- UInt16(truncatingIfNeeded: slots[place])
                slots[place] = 0
                return Int(age) &* unit < window
            }
            return false
        }
    }
}
