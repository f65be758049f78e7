import Synchronization

/// Entries by the time of their end, so that those whose time is over are found without looking at the others.
///
/// A heap costs O(log *n*) and moves memory at each write. A hierarchical timing wheel (Varghese and Lauck, SOSP 1987,
/// scheme 7) costs O(1): time is cut into ticks of about a millisecond, and each level has 64 buckets, a bucket of one
/// level being as wide as the whole level below. An entry lies in the level of the highest bit in which the tick of its
/// end differs from the present tick; when time comes to a bucket of a higher level, its entries move down. Which
/// buckets hold anything is a word of bits for each level, so that empty time is skipped in one step.
///
/// Links lie in the expiry records of the table; the wheel itself has a fixed size.
struct TimerWheel {
    static let none = UInt16.max
    private static let tickShift: Int64 = 20
    private static let levels = 6
    private static let bitsPerLevel: UInt64 = 6
    /// The farthest that the wheel sees, about a year; later ends are looked at again by then. Half of the widest level, so
    /// that no entry falls into the bucket that is being emptied.
    private static let horizon: UInt64 = 1 << 35

    private var heads = [EntryIndex](repeating: 0, count: levels * 64)
    private var occupied = [UInt64](repeating: 0, count: levels)
    private var elapsed: UInt64
    private(set) var count = 0

    init(now: Int64) {
        self.elapsed = Self.tick(at: now)
    }

    /// The tick that has begun at `time`. Instants may be negative; adding 2^63 keeps their order.
    private static func tick(at time: Int64) -> UInt64 {
        (UInt64(bitPattern: time) &+ (1 << 63)) >> UInt64(tickShift)
    }

    /// The first tick at whose beginning `end` has passed.
    private static func tick(after end: Int64) -> UInt64 {
        let unsigned = UInt64(bitPattern: end) &+ (1 << 63)
        return (unsigned >> UInt64(tickShift)) + (unsigned & (1 << UInt64(tickShift) - 1) == 0 ? 0 : 1)
    }

    private static func time(of tick: UInt64) -> Int64 {
        Int64(bitPattern: (tick << UInt64(tickShift)) &- (1 << 63))
    }

    /// Puts an entry that is in no bucket where its end belongs. An entry without an end stays out.
    mutating func insert(_ entry: EntryIndex, _ expiries: UnsafeMutablePointer<EntryExpiry>) {
        let expiry = expiries + Int(entry)
        let end = expiry.pointee.end.load(ordering: .relaxed)
        if end == EntryExpiry.never {
            expiry.pointee.bucket = Self.none
            return
        }
        let due = min(max(Self.tick(after: end), self.elapsed), self.elapsed + Self.horizon)
        let difference = (due ^ self.elapsed) | 63
        let level = min((63 - UInt64(difference.leadingZeroBitCount)) / Self.bitsPerLevel, UInt64(Self.levels - 1))
        let slot = (due >> (level * Self.bitsPerLevel)) & 63
        let bucket = Int(level * 64 + slot)
        let head = self.heads[bucket]
        expiry.pointee.bucket = UInt16(bucket)
        expiry.pointee.earlier = 0
        expiry.pointee.later = head
        if head != 0 { expiries[Int(head)].earlier = entry }
        self.heads[bucket] = entry
        self.occupied[Int(level)] |= 1 << slot
        self.count += 1
    }

    /// Takes an entry out; one that is in no bucket is left alone.
    mutating func remove(_ entry: EntryIndex, _ expiries: UnsafeMutablePointer<EntryExpiry>) {
        let expiry = expiries + Int(entry)
        let bucket = Int(expiry.pointee.bucket)
        if bucket == Int(Self.none) { return }
        let (earlier, later) = (expiry.pointee.earlier, expiry.pointee.later)
        if later != 0 { expiries[Int(later)].earlier = earlier }
        if earlier != 0 {
            expiries[Int(earlier)].later = later
        } else {
            self.heads[bucket] = later
            if later == 0 { self.occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
        }
        expiry.pointee.bucket = Self.none
        self.count -= 1
    }

    /// The next bucket that holds anything, and the tick at which it begins. The lowest level comes first.
    private func nextBucket() -> (bucket: Int, begins: UInt64)? {
        for level in 0..<Self.levels where self.occupied[level] != 0 {
            let shift = UInt64(level) * Self.bitsPerLevel
            let present = (self.elapsed >> shift) & 63
            let bits = self.occupied[level]
            let rotated = bits >> present | (present == 0 ? 0 : bits << (64 - present))
            let distance = UInt64(rotated.trailingZeroBitCount)
            let slot = (present + distance) & 63
            // A bucket before the present one belongs to the next turn of its level.
            let turn = (self.elapsed >> shift) & ~63
            let begins = (turn + slot + (slot < present ? 64 : 0)) << shift
            return (level * 64 + Int(slot), max(begins, self.elapsed))
        }
        return nil
    }

    /// When ``popExpired(at:_:)`` should be called next; `nil` if nothing has an end.
    var nextWake: Int64? {
        self.nextBucket().map { Self.time(of: $0.begins) }
    }

    /// Takes out one entry whose end has come; `nil` if there is none.
    ///
    /// - Complexity: O(1) on average: an entry moves down at most once for each level.
    mutating func popExpired(at now: Int64, _ expiries: UnsafeMutablePointer<EntryExpiry>) -> EntryIndex? {
        let present = Self.tick(at: now)
        while let (bucket, begins) = self.nextBucket(), begins <= present {
            self.elapsed = begins
            let entry = self.heads[bucket]
            self.remove(entry, expiries)
            if expiries[Int(entry)].end.load(ordering: .relaxed) <= now { return entry }
            // It moves to a lower level, or it was read in the meantime and stays longer.
            self.insert(entry, expiries)
        }
        self.elapsed = max(self.elapsed, present)
        return nil
    }
}
