// Why neither clock is enough
//
// A wall clock gives times that people and other systems understand, but it steps, and differs from host to host, so an
// effect can be stamped before its cause. A Lamport clock never does that, but its numbers say nothing about when, and it
// runs as fast as its busiest peer. The hybrid clock [1] keeps the greatest wall clock reading l that it has seen, its own
// or one in a message, and a counter c for events during which l did not move:
//
//     l' = max(l, l of the message, wall clock)
//     c' = one more than the greatest c among those whose l equals l', or 0 if only the wall clock does
//
// With l in the upper and c in the lower bits of one word, both lines, for local events as well as for messages, are
//
//     word' = max(word + 1, word of the message + 1, wall clock << 16)
//
// because adding 1 to the greater word adds 1 to its counter. The word is replaced by compare-and-exchange, so the clock
// has no lock.
//
// What the paper leaves to the implementation, and how it is here:
//
// - *The counter runs over.* Adding 1 carries into the milliseconds: l moves one ahead of the wall clock, and order is
//   kept. It takes more than 65,536 events within a millisecond, every millisecond, to get further ahead; the drift bound
//   below ends it. The paper bounds the counter (corollary 2) under the assumption that a node's wall clock ticks between
//   any two of its events, which a millisecond clock does not do.
// - *Drift.* The paper proves |l - wall clock| ≤ ε if wall clocks are within ε of one another. That is not known, so it is
//   enforced, as the paper suggests in section 4 (resilience): a message whose l lies further ahead of this host's
//   wall clock than the bound is refused, with nothing changed. One node with a clock in the next year cannot take the
//   cluster there.
// - *The wall clock steps back.* The clock keeps counting on the old l. If that would take it further ahead than the bound,
//   it refuses too, until the wall clock has caught up: every timestamp that is given out keeps l within the bound.
// - *Order of reading.* The word is read before the wall clock. A thread that is held up in between sees a wall clock that is
//   at least as late as the one behind the word; the other way round it could take another thread's progress for drift.
//
// [1] S. S. Kulkarni, M. Demirbas, D. Madappa, B. Avva, M. Leone, Logical Physical Clocks (and Consistent Snapshots in
//     Globally Distributed Databases), OPODIS 2014, section 3, figure 5 (the algorithm), theorems 1 to 3.

public import ColonyCore
import Synchronization

/// Gives out times that keep cause before effect and stay within a bound of the wall clock.
///
/// - If event *e* can have caused event *f*, in this process or by a message whose timestamp was handed to
///   ``receive(_:)``, the timestamp of *e* is smaller (theorem 1).
/// - Each timestamp is greater than all that this clock gave out before, on whatever thread, also when the wall clock
///   steps back.
/// - No timestamp lies further ahead of the wall clock than ``maximumDrift``, and none behind the reading it was made with
///   (theorems 2 and 3).
///
/// The state is one atomic word, O(1) in the number of nodes and threads. It is lock-free: a thread that is stopped in the
/// middle of a call holds up nobody.
///
/// - Important: After a restart the clock knows nothing of what it gave out before. Start it after the last timestamp that
///   was stored, or a wall clock that stepped back meanwhile makes it repeat some.
/// - SeeAlso: Kulkarni et al., *Logical Physical Clocks*, OPODIS 2014, section 3 and figure 5.
public final class HybridLogicalClock: Sendable {
    /// How far ahead of the wall clock a timestamp may lie, in whole milliseconds.
    public let maximumDrift: Duration
    private let boundMilliseconds: Int64
    private let wallClock: any WallClock
    private let word: Atomic<UInt64>

    /// The bound that is used unless another is given: 500 milliseconds.
    ///
    /// Hosts that are synchronised by NTP are a few milliseconds apart, and tens of them over bad links, so a host that is
    /// half a second off is broken, and had better be noticed. CockroachDB and YugabyteDB use the same bound.
    public static let defaultMaximumDrift: Duration = .milliseconds(500)

    /// Starts a clock. It does no I/O, and does not read the wall clock.
    ///
    /// - Parameters:
    ///   - wallClock: Civil time.
    ///   - maximumDrift: How far ahead of the wall clock a timestamp may lie: from 1 millisecond up. All nodes need a bound
    ///     above the greatest difference between their wall clocks, or they refuse each other's messages.
    ///   - latest: The last timestamp that this node may have given out before; `nil`, the default, for a new node.
    public init(
        wallClock: any WallClock = SystemWallClock(),
        maximumDrift: Duration = HybridLogicalClock.defaultMaximumDrift,
        after latest: HybridTimestamp? = nil
    ) {
        precondition(
            maximumDrift >= .milliseconds(1), "a hybrid clock needs a drift bound of 1 ms or more, not \(maximumDrift)")
        let whole = maximumDrift.clampedMilliseconds
        self.maximumDrift = .milliseconds(whole)
        self.boundMilliseconds = whole
        self.wallClock = wallClock
        self.word = Atomic(latest?.rawValue ?? 0)
    }

    /// The last timestamp that was given out or, before the first, the one the clock was started after. Another thread may
    /// have moved on meanwhile. Store it before a restart.
    ///
    /// - Complexity: O(1).
    public var latest: HybridTimestamp { HybridTimestamp(rawValue: self.word.load(ordering: .acquiring)) }

    /// The time of a local event, or of the sending of a message.
    ///
    /// - Returns: A timestamp above all that this clock gave out before.
    /// - Throws: ``ClockError``; nothing was given out. `clockMovedBack` if the wall clock stands further back than the
    ///   bound allows, with the time until it has caught up; `wallClockOutOfRange`.
    /// - Complexity: O(1), and one more attempt for each call that another thread finished meanwhile.
    /// - SeeAlso: Kulkarni et al. 2014, figure 5, "send or local event".
    public func next() throws(ClockError) -> HybridTimestamp {
        var latest = self.word.load(ordering: .acquiring)
        while true {
            let wall = self.wallClock.now
            let next = try self.time(after: latest, at: wall)
            let (exchanged, original) = self.word.weakCompareExchange(
                expected: latest, desired: next, ordering: .acquiringAndReleasing)
            if exchanged { return HybridTimestamp(rawValue: next) }
            latest = original
        }
    }

    /// The time of the receipt of a message.
    ///
    /// - Parameter remote: The timestamp that came with the message.
    /// - Returns: A timestamp above `remote` and above all that this clock gave out before.
    /// - Throws: ``ClockError``; the message's time was not taken in. `remoteAhead` if it lies further ahead of the wall
    ///   clock than the bound allows; otherwise as ``next()``.
    /// - Complexity: O(1), and one more attempt for each call that another thread finished meanwhile.
    /// - SeeAlso: Kulkarni et al. 2014, figure 5, "receive event".
    @discardableResult
    public func receive(_ remote: HybridTimestamp) throws(ClockError) -> HybridTimestamp {
        var latest = self.word.load(ordering: .acquiring)
        while true {
            let wall = self.wallClock.now
            let ahead = Int64(remote.milliseconds).subtractingReportingOverflow(wall.millisecondsSince1970)
            if ahead.overflow || ahead.partialValue > self.boundMilliseconds {
                throw ClockError(
                    .remoteAhead,
                    "the received timestamp \(remote) stands at \(remote.milliseconds) ms since 1970, this host's wall clock "
                        + "at \(wall): more than \(self.boundMilliseconds) ms apart")
            }
            let next = try self.time(after: max(latest, remote.rawValue), at: wall)
            let (exchanged, original) = self.word.weakCompareExchange(
                expected: latest, desired: next, ordering: .acquiringAndReleasing)
            if exchanged { return HybridTimestamp(rawValue: next) }
            latest = original
        }
    }

    /// The decision: the least time above `floor` that is not behind the wall clock.
    private func time(after floor: UInt64, at wall: WallTime) throws(ClockError) -> UInt64 {
        let reading = wall.millisecondsSince1970
        guard reading >= 0, reading <= HybridTimestamp.maximumMilliseconds else {
            throw ClockError(
                .wallClockOutOfRange,
                "the wall clock stands at \(wall), and a hybrid timestamp holds 0 to \(HybridTimestamp.maximumMilliseconds)"
            )
        }
        let physical = UInt64(reading) << 16
        if floor < physical { return physical }
        let (next, overflow) = floor.addingReportingOverflow(1)
        guard !overflow else {
            throw ClockError(.exhausted, "no hybrid timestamp follows \(HybridTimestamp(rawValue: floor))")
        }
        let ahead = Int64(next >> 16) - reading
        guard ahead <= self.boundMilliseconds else {
            throw ClockError(
                .clockMovedBack,
                "the wall clock stands at \(wall), and the next timestamp at \(next >> 16) ms: \(ahead) ms ahead, where "
                    + "\(self.boundMilliseconds) ms are allowed",
                retryAfter: .milliseconds(ahead - self.boundMilliseconds))
        }
        return next
    }
}
