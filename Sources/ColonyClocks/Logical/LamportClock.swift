// Why wall clocks do not order events
//
// Two hosts' clocks differ, so a message may carry a later time than the one at which it is received, and the effect
// would sort before its cause. Lamport's clock orders by cause instead: a number that rises with every event of a node,
// and that jumps above the number of every message the node receives. If one event can have caused another, its number
// is smaller. The reverse does not hold: of two events with different numbers, neither need have caused the other. Who
// has to tell "before" from "concurrent" needs a `VectorClock`.
//
// [1] L. Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, CACM 21(7), 1978: the clock
//     condition and rules IR1 and IR2 in "Logical Clocks", the total order in "Ordering the Events Totally".

public import ColonyCore
import Synchronization

/// The time of one event on a node's ``LamportClock``, with the node's name to break ties.
///
/// The order is total: by number, then by node name. It is consistent with cause and effect, and arbitrary between
/// concurrent events, in the same way on every node.
///
/// - SeeAlso: Lamport 1978, "Ordering the Events Totally".
public struct LamportTimestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number of the event; 1 is the first.
    public let time: UInt64
    /// The node where the event happened.
    public let node: NodeID

    /// Makes a timestamp, such as one that was received.
    public init(time: UInt64, node: NodeID) {
        self.time = time
        self.node = node
    }

    private enum Key: String, CodingKey { case time, node }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.time = try container.decode(Count.self, forKey: .time).value
        self.node = try container.decode(NodeID.self, forKey: .node)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Count(value: self.time), forKey: .time)
        try container.encode(self.node, forKey: .node)
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.time == second.time ? first.node.precedes(second.node) : first.time < second.time
    }

    public var description: String { "\(self.time)@\(self.node)" }
}

/// Numbers the events of one node so that causes come before effects.
///
/// If event *e* can have caused event *f*, the timestamp of *e* is smaller. The state is one number, so it is O(1) in the
/// number of nodes.
///
/// - Important: A node that restarts without its clock repeats timestamps. Keep ``time``, or a number above it, in
///   durable storage and start with it.
/// - SeeAlso: Lamport 1978, rules IR1 and IR2. ``SharedLamportClock`` for use from several threads.
public struct LamportClock: Sendable {
    /// The node whose events are numbered.
    public let node: NodeID
    /// The number of the latest event, or 0 before the first.
    public private(set) var time: UInt64

    /// Starts a clock.
    ///
    /// - Parameters:
    ///   - node: The node whose events are numbered. No other clock may use it.
    ///   - time: The number of the node's latest event; 0, the default, for a node that is new.
    public init(node: NodeID, after time: UInt64 = 0) {
        self.node = node
        self.time = time
    }

    /// Numbers a local event, or the sending of a message.
    ///
    /// - Returns: A timestamp above all that this clock has given out or observed.
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1.
    /// - Complexity: O(1).
    /// - SeeAlso: Lamport 1978, rule IR1.
    public mutating func tick() throws(ClockError) -> LamportTimestamp {
        self.time = try Self.successor(of: self.time)
        return LamportTimestamp(time: self.time, node: self.node)
    }

    /// Numbers the receipt of a message.
    ///
    /// - Parameter remote: The timestamp that came with the message.
    /// - Returns: A timestamp above `remote` and above all that this clock has given out or observed.
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1; the message was not observed then.
    /// - Complexity: O(1).
    /// - SeeAlso: Lamport 1978, rule IR2.
    public mutating func observe(_ remote: LamportTimestamp) throws(ClockError) -> LamportTimestamp {
        self.time = try Self.successor(of: max(self.time, remote.time))
        return LamportTimestamp(time: self.time, node: self.node)
    }

    static func successor(of time: UInt64) throws(ClockError) -> UInt64 {
        guard time < .max else {
            throw ClockError(.exhausted, "a Lamport clock that has reached \(time) cannot number another event")
        }
        return time + 1
    }
}

/// A ``LamportClock`` for several threads, on one atomic word.
///
/// Each call is atomic: no two calls get the same timestamp, and a call that begins after another has ended gets a later
/// one. It is lock-free: a thread that is stopped in the middle of a call holds up nobody.
public final class SharedLamportClock: Sendable {
    /// The node whose events are numbered.
    public let node: NodeID
    private let word: Atomic<UInt64>

    /// Starts a clock.
    ///
    /// - Parameters:
    ///   - node: The node whose events are numbered. No other clock may use it.
    ///   - time: The number of the node's latest event; 0, the default, for a node that is new.
    public init(node: NodeID, after time: UInt64 = 0) {
        self.node = node
        self.word = Atomic(time)
    }

    /// The number of the latest event, or 0 before the first. Another thread may have moved on meanwhile.
    ///
    /// - Complexity: O(1).
    public var time: UInt64 { self.word.load(ordering: .acquiring) }

    /// Numbers a local event, or the sending of a message. See ``LamportClock/tick()``.
    ///
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1.
    /// - Complexity: O(1), and one more attempt for each call that another thread finished meanwhile.
    public func tick() throws(ClockError) -> LamportTimestamp {
        try self.advance(above: 0)
    }

    /// Numbers the receipt of a message. See ``LamportClock/observe(_:)``.
    ///
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1; the message was not observed then.
    /// - Complexity: O(1), and one more attempt for each call that another thread finished meanwhile.
    public func observe(_ remote: LamportTimestamp) throws(ClockError) -> LamportTimestamp {
        try self.advance(above: remote.time)
    }

    private func advance(above floor: UInt64) throws(ClockError) -> LamportTimestamp {
        var latest = self.word.load(ordering: .acquiring)
        while true {
            let next = try LamportClock.successor(of: max(latest, floor))
            let (exchanged, original) = self.word.weakCompareExchange(
                expected: latest, desired: next, ordering: .acquiringAndReleasing)
            if exchanged {
                return LamportTimestamp(time: next, node: self.node)
            }
            latest = original
        }
    }
}
