/// Which identifier follows which: the decisions of a Snowflake generator, as a value without clock and without state.
///
/// The textbook generator keeps a last time and a sequence under a lock, resets the sequence when the time differs, and
/// throws when it is smaller. Three mistakes hide in that: the sequence is reset before the step back is noticed; the
/// loop that waits for the next tick never ends if the clock steps back meanwhile; and two fields under one lock make
/// every caller queue. Here the whole state is the identifier issued last, in one word. Time, worker, and sequence are
/// read from it, its successor is computed, and one compare-and-swap makes it the last one. No identifier is ever
/// smaller than the one before it, whatever the clock does.
///
/// - A clock that is ahead of the last identifier begins a new tick.
/// - A clock that is behind by no more than the tolerance is taken for jitter: the last tick goes on.
/// - A clock that is further behind, or a tick whose numbers are used up, issues nothing; the caller waits or is told.
struct SnowflakeSequencing: Sendable {
    enum Decision: Equatable {
        /// The next `count` identifiers start here; the last of them is the new state.
        case issue(first: UInt64, last: UInt64, beginsTick: Bool)
        /// The last tick has no number left.
        case exhausted
        /// The clock is this many ticks behind the last identifier.
        case behind(ticks: UInt64)
        /// The clock is past the last tick that was reserved for this worker.
        case beyondReservation
        /// The clock is past the last tick of the layout.
        case over
    }

    let fields: SnowflakeFields
    /// By how many ticks the clock may be behind.
    let toleratedTicks: UInt64
    /// The largest number that a tick may start with; one less than a power of two.
    let scatterMask: UInt64

    /// - Parameters:
    ///   - word: The identifier issued last.
    ///   - tick: What the clock shows.
    ///   - ceiling: The last tick that may be used.
    ///   - count: How many identifiers are wanted, at least 1; those that the tick still has are given.
    func next(after word: UInt64, at tick: UInt64, upTo ceiling: UInt64, count: UInt64 = 1) -> Decision {
        let last = self.fields.tick(of: word)
        let first: UInt64
        if tick > last {
            if tick > ceiling { return tick > self.fields.lastTick ? .over : .beyondReservation }
            let start = self.start(of: tick, after: word)
            first = self.fields.word(tick: tick, node: self.fields.node(of: word), sequence: start)
        } else {
            if last &- tick > self.toleratedTicks { return .behind(ticks: last - tick) }
            if self.fields.sequence(of: word) == self.fields.sequenceMask { return .exhausted }
            first = word &+ (1 &<< self.fields.sequenceShift)
        }
        let free = self.fields.sequenceMask &- self.fields.sequence(of: first)
        return .issue(
            first: first, last: first &+ min(count &- 1, free) &<< self.fields.sequenceShift, beginsTick: tick > last)
    }

    /// The number that a tick starts with.
    ///
    /// A node that issues less than one identifier a tick would give out zeros only, and whoever shards by the remainder
    /// of the identifier would put everything into one shard. So the start is scattered, by Fibonacci hashing of the
    /// tick. After a tick that was used well the start is zero, so that nothing is taken from the limit under load.
    private func start(of tick: UInt64, after word: UInt64) -> UInt64 {
        guard self.scatterMask > 0 else { return 0 }
        if tick == self.fields.tick(of: word) &+ 1,
            self.fields.sequence(of: word) > self.fields.sequenceMask &>> 2
        {
            return 0
        }
        return (tick &* 0x9E37_79B9_7F4A_7C15) &>> 40 & self.scatterMask
    }

    /// The state from which the first identifier comes in a tick after `tick`.
    func exhausted(_ tick: UInt64, node: UInt64) -> UInt64 {
        self.fields.word(tick: tick, node: node, sequence: self.fields.sequenceMask)
    }
}
