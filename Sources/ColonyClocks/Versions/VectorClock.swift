// Why one number is not enough
//
// A Lamport clock gives a smaller number to a cause than to its effect, but from the numbers nobody can tell whether one
// caused the other. Two replicas that took a write each need just that: if one version knew of the other, it replaces it;
// if not, dropping either loses a write. A vector clock keeps the count of events of each node that an event can have been
// caused by. As a node's events follow one another, the count stands for the whole set of them, and inclusion of the sets
// is comparison of the counts, node by node [1, 2]. Less than one count a node cannot do it [3].
//
// What it costs to prune
//
// The vector grows with the number of nodes that ever took part. Dynamo [4, section 4.4] drops the entry that was least
// recently used when there are more than ten. That is not harmless, and it is not harmless in one direction only: for
//
//     a = {x: 2, y: 1}   and   b = {x: 1, y: 1, z: 1},   which are concurrent,
//
// dropping x from a leaves {y: 1}, which is before b, and a is lost. The entry that was dropped was the only one that told
// a from b's past. `prune` therefore takes the node of the event that the clock stands for, and keeps its entry.
//
//   Premises. Each clock stands for one event e, made by `increment` or `record` at node n(e), which has number c(e)
//   there; a node's events follow one another, and no two of them have the same number. Let V be the full clock of an
//   event, and P what is left of it after pruning, so P ≤ V entry by entry, and P(e)[n(e)] = V(e)[n(e)] = c(e).
//
//   Claim. For two different events e and f, P(e) ≤ P(f) implies that e happened before f.
//   Proof. c(e) = P(e)[n(e)] ≤ P(f)[n(e)] ≤ V(f)[n(e)]. So f's past has c(e) events of n(e) or more, and as they follow one
//   another, e is among them. ∎
//
// So pruning that keeps the event's own entry never makes an order that is not there; `before`, `after`, and `equal` can be
// believed for different events. What it costs is the reverse: if the entry of n(e) is dropped from P(f), the order of e
// and f looks like concurrency, and a sibling is kept that could have gone. Two copies of one event's clock that were pruned
// differently may compare in any way; they stand for the same value, so either may be kept.
//
// The premise that numbers are not repeated breaks if a node's own entry is dropped and the node then calls `increment`,
// which starts at 1 again. A node that prunes counts its events itself, durably, and calls `record`.
//
// [1] C. Fidge, Timestamps in Message-Passing Systems That Preserve the Partial Ordering, 1988, section 3.
// [2] F. Mattern, Virtual Time and Global States of Distributed Systems, 1989, sections 5 and 6.
// [3] B. Charron-Bost, Concerning the Size of Logical Clocks in Distributed Systems, IPL 39(1), 1991.
// [4] G. DeCandia et al., Dynamo: Amazon's Highly Available Key-value Store, SOSP 2007, section 4.4.

public import ColonyCore

/// What an event or a version knows of: for each node, how many of its events.
///
/// Two clocks compare as ``CausalOrder``: `before` if all that the first knows of, the second does too. The order is
/// partial, so the type is not `Comparable`.
///
/// The form is canonical: a node without events has no entry, and equal clocks are equal values with equal encodings. It
/// is encoded as an object, `{"a":3,"b":1}`. The size is O(*n*) in the number of nodes that took part; ``prune(to:keeping:lastUsed:)``
/// bounds it.
///
/// - Important: In a server that writes for its clients, one clock a value is not enough: see ``DottedVersionVectorSet``.
/// - SeeAlso: Fidge 1988, section 3; Mattern 1989, section 5.
public struct VectorClock: Hashable, Sendable, CustomStringConvertible {
    private(set) var counts: NodeCounts

    /// A clock that knows of no event.
    public init() {
        self.counts = NodeCounts()
    }

    init(counts: NodeCounts) {
        self.counts = counts
    }

    /// A clock with these counts. Counts of zero are left out.
    ///
    /// - Complexity: O(*n*²) at worst, in the number of nodes.
    public init(_ counts: [NodeID: UInt64]) {
        self.init()
        for (node, count) in counts { self.counts.set(count, for: node) }
    }

    /// How many events of `node` are known.
    ///
    /// - Complexity: O(log *n*).
    public subscript(node: NodeID) -> UInt64 { self.counts[node] }

    /// The nodes with their counts, which are above zero, sorted by node name.
    ///
    /// - Complexity: O(*n*).
    public var entries: [(node: NodeID, count: UInt64)] {
        self.counts.entries.map { ($0.node, $0.count) }
    }

    /// How many nodes have an entry.
    ///
    /// - Complexity: O(1).
    public var count: Int { self.counts.entries.count }

    /// Whether no event is known.
    ///
    /// - Complexity: O(1).
    public var isEmpty: Bool { self.counts.entries.isEmpty }

    /// Whether the event is known.
    ///
    /// - Complexity: O(log *n*).
    public func contains(_ event: Dot) -> Bool {
        self.counts[event.node] >= event.number
    }

    /// Counts an event of `node`: something happened there, or it sent or received a message.
    ///
    /// To receive a message, merge its clock first.
    ///
    /// - Returns: The event. Repeating the call counts another.
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1 events.
    /// - Complexity: O(log *n*), or O(*n*) for a node's first event.
    /// - SeeAlso: Fidge 1988, section 3; Mattern 1989, section 5.
    @discardableResult
    public mutating func increment(_ node: NodeID) throws(ClockError) -> Dot {
        let count = self.counts[node]
        guard count < .max else {
            throw ClockError(.exhausted, "node \(node) has counted \(count) events, and cannot count another")
        }
        self.counts.set(count + 1, for: node)
        return Dot(node, count + 1)
    }

    /// Takes in an event that its node has numbered, and with it the node's earlier ones.
    ///
    /// For nodes that keep the number of their events themselves, as they must if clocks are pruned. Repeating the call
    /// changes nothing.
    ///
    /// - Complexity: O(log *n*), or O(*n*) for a node's first event.
    public mutating func record(_ event: Dot) {
        self.counts.raise(event.node, to: event.number)
    }

    /// Takes in all that `other` knows of.
    ///
    /// Commutative, associative, and idempotent: the result is the least clock that is at least both.
    ///
    /// - Complexity: O(*n* + *m*) in the numbers of entries.
    /// - SeeAlso: Fidge 1988, section 3; Mattern 1989, section 5.
    public mutating func merge(_ other: VectorClock) {
        self.counts.formMaximum(other.counts)
    }

    /// The least clock that is at least both. See ``merge(_:)``.
    ///
    /// - Complexity: O(*n* + *m*) in the numbers of entries.
    public func merging(_ other: VectorClock) -> VectorClock {
        var result = self
        result.merge(other)
        return result
    }

    /// How this clock relates to `other`. The order is partial: reflexive, antisymmetric, and transitive.
    ///
    /// - Complexity: O(*n* + *m*) in the numbers of entries, and less if they are concurrent.
    /// - SeeAlso: Mattern 1989, section 6, theorem 10.
    public func compare(to other: VectorClock) -> CausalOrder {
        self.counts.order(to: other.counts)
    }

    /// `{a: 3, b: 1}`, sorted by node name.
    public var description: String {
        "{" + self.counts.entries.map { "\($0.node): \($0.count)" }.joined(separator: ", ") + "}"
    }
}

extension VectorClock {
    /// Drops the entries that were not used for longest, so that at most `limit` are left.
    ///
    /// As long as each clock keeps the entry of its own event, pruned clocks of different events never compare as
    /// `before`, `after`, or `equal` unless the events are ordered that way. Orders that are there may look like
    /// `concurrent`, so a store keeps siblings that it could have dropped. The essay at the top of the file has the proof,
    /// and an example of what goes wrong without the entry.
    ///
    /// - Important: A node whose own entry is dropped would count from 1 again, and repeat events. Number events outside
    ///   of the clock, and take them in with ``record(_:)``.
    /// - Parameters:
    ///   - limit: How many entries may be left; at least 1. Dynamo uses 10, and Riak 50.
    ///   - event: The event that the clock stands for, the last one that was counted in it. Its entry stays.
    ///   - lastUsed: When the entry of a node last changed; `nil`, for not known, is older than all others. Between equal
    ///     times the node whose name sorts first goes first. Wall time is enough, because no choice of entries is unsafe.
    /// - Returns: The entries that were dropped, as the last event known of each node.
    /// - Throws: ``ClockError`` with code `invalidRequest` if `limit` is below 1 or the clock does not hold `event` as the
    ///   last of its node.
    /// - Complexity: O(*n* log *n*).
    /// - SeeAlso: DeCandia et al., *Dynamo*, 2007, section 4.4.
    @discardableResult
    public mutating func prune(
        to limit: Int, keeping event: Dot, lastUsed: (NodeID) -> WallTime?
    ) throws(ClockError) -> [Dot] {
        guard limit >= 1 else {
            throw ClockError(.invalidRequest, "a vector clock keeps at least 1 entry, and the limit is \(limit)")
        }
        guard self.counts[event.node] == event.number else {
            throw ClockError(
                .invalidRequest, "\(event) is not the event that \(self) stands for, so its entry would not protect it")
        }
        let excess = self.count - limit
        guard excess > 0 else { return [] }
        // The entries come sorted by name, and the sort is stable, so equal ages keep that order.
        let byAge = self.counts.entries
            .filter { $0.node != event.node }
            .map { (dot: Dot($0.node, $0.count), age: lastUsed($0.node)?.millisecondsSince1970 ?? .min) }
            .sorted { $0.age < $1.age }
        let dropped = byAge.prefix(excess).map(\.dot)
        let nodes = Set(dropped.map(\.node))
        self.counts.filter { !nodes.contains($0.node) }
        return dropped
    }
}

extension VectorClock: Codable {
    public init(from decoder: any Decoder) throws {
        self.counts = try NodeCounts(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        try self.counts.encode(to: encoder)
    }
}
