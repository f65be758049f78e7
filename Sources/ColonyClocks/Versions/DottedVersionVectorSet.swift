// Why a vector clock per value goes wrong in a server
//
// A store that keeps concurrent writes side by side labels each value with a version vector. If clients count, there is
// an entry for every client that ever wrote. If the servers count for them, two clients that write through the same server
// with the same old context cannot be told apart: the second write gets {a: 2}, which covers {a: 1}, and the first is
// lost; or the store keeps everything that the writer had not seen, and as each new label covers what it has not replaced,
// siblings that were long resolved come back and multiply: Riak's sibling explosion.
//
// The idea: a version is one event, the dot, and apart from it the context that its writer had read [1]. A write replaces
// what its context covers and nothing else. Kept for a whole set of siblings at once [2], this needs one entry for each
// server: how many writes it has coordinated, and the values of the last few of them that are still there. An entry
//
//     (a, 5, [v5, v4])      stands for the events a:1 to a:5, of which a:4 and a:5 still have their values.
//
// Deviations from the reference implementation (dvvset.erl, R. Gonçalves): no anonymous values, because every value here
// is written through a server; and no `lww`, which keeps one sibling under the event of another, so that two replicas that
// resolve at different times disagree for ever. Who shows one value only picks the greatest when reading, and replaces the
// others with the next write.
//
// [1] N. Preguiça, C. Baquero, P. S. Almeida, V. Fonte, R. Gonçalves, Dotted Version Vectors: Logical Clocks for Optimistic
//     Replication, arXiv:1011.5808, 2010; brief announcement at PODC 2012.
// [2] P. S. Almeida, C. Baquero, R. Gonçalves, N. Preguiça, V. Fonte, Scalable and Accurate Causality Tracking for
//     Eventually Consistent Stores, DAIS 2014, section 5 (the set, and event, update, sync, discard).

public import ColonyCore

/// The concurrent versions of one value in a replicated store, with what is needed to tell which of them a write replaces.
///
/// A client reads ``values`` and ``context``, and sends the context with its write. ``update(_:context:at:)`` replaces the
/// versions that the client had seen and keeps the others as siblings. Replicas exchange whole sets with ``sync(_:)``.
///
/// The size is O(*r* + *v*) in the number of servers that ever wrote and of values that are there; it does not depend on the
/// number of clients or of writes.
///
/// - Important: A node name stands for one sequence of writes. A server that lost its state takes a new name, since its old
///   one would repeat events that others know, and its writes would be taken for those.
/// - SeeAlso: Almeida et al. 2014, section 5.
public struct DottedVersionVectorSet<Value: Sendable>: Sendable {
    struct Entry: Sendable {
        let node: NodeID
        /// How many events of the node are known.
        var count: UInt64
        /// The values of the last events, the newest first: that of event `count` comes first.
        var values: [Value]

        /// The number of the last event whose value is gone.
        var floor: UInt64 { self.count - UInt64(self.values.count) }
    }

    /// Sorted by node name, each node once, each count above zero and not below the number of values.
    private(set) var entries: [Entry]

    /// A value that was never written.
    public init() {
        self.entries = []
    }

    /// The versions that are there: none if nothing was written, one as a rule, several after concurrent writes.
    ///
    /// - Complexity: O(*r* + *v*).
    public var values: [Value] { self.entries.flatMap(\.values) }

    /// How many versions are there.
    ///
    /// - Complexity: O(*r*).
    public var count: Int { self.entries.reduce(0) { $0 + $1.values.count } }

    /// Whether no version is there. Its context may still know of some that were.
    ///
    /// - Complexity: O(*r*).
    public var isEmpty: Bool { self.entries.allSatisfy(\.values.isEmpty) }

    /// What a reader of ``values`` has seen, to be sent with its next write. It knows of every version that is or was there.
    ///
    /// - Complexity: O(*r*).
    /// - SeeAlso: Almeida et al. 2014, section 5, `join`.
    public var context: VectorClock {
        var counts = NodeCounts()
        for entry in self.entries { counts.set(entry.count, for: entry.node) }
        return VectorClock(counts: counts)
    }

    /// Writes `value`, which replaces the versions that `context` knows of. The others stay beside it.
    ///
    /// - Parameters:
    ///   - value: The new version.
    ///   - context: What the writer had read; an empty clock for a writer that had read nothing. A context that knows of
    ///     more than this replica is taken in.
    ///   - node: The server that coordinates the write. It makes its writes one after another, each on its latest state.
    /// - Returns: The event of the write. Repeating the call writes a second version beside the first, since the context
    ///   does not know of it.
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1 writes at `node`; nothing was changed.
    /// - Complexity: O(*r* + *v*).
    /// - SeeAlso: Almeida et al. 2014, section 5, `update` and `event`.
    @discardableResult
    public mutating func update(_ value: Value, context: VectorClock, at node: NodeID) throws(ClockError) -> Dot {
        let known = max(context[node], self.entries.first { $0.node == node }?.count ?? 0)
        guard known < .max else {
            throw ClockError(.exhausted, "node \(node) has counted \(known) writes, and cannot count another")
        }
        self.discard(context)
        self.sync(Self(entries: context.counts.entries.map { Entry(node: $0.node, count: $0.count, values: []) }))
        let index = self.entries.firstIndex { !$0.node.precedes(node) } ?? self.entries.endIndex
        if index < self.entries.endIndex, self.entries[index].node == node {
            self.entries[index].count += 1
            self.entries[index].values.insert(value, at: 0)
        } else {
            self.entries.insert(Entry(node: node, count: 1, values: [value]), at: index)
        }
        return Dot(node, known + 1)
    }

    /// Takes in the state of another replica: all that either has, without what the other knows to be replaced.
    ///
    /// Commutative, associative, and idempotent, as far as a node name stands for one sequence of writes.
    ///
    /// - Complexity: O(*r* + *v*) in the sizes of both.
    /// - SeeAlso: Almeida et al. 2014, section 5, `sync`.
    public mutating func sync(_ other: Self) {
        var result: [Entry] = []
        var i = 0
        var j = 0
        while i < self.entries.count, j < other.entries.count {
            let mine = self.entries[i]
            let theirs = other.entries[j]
            if mine.node == theirs.node {
                result.append(Self.joined(mine, theirs))
                i += 1
                j += 1
            } else if mine.node.precedes(theirs.node) {
                result.append(mine)
                i += 1
            } else {
                result.append(theirs)
                j += 1
            }
        }
        self.entries = result + self.entries[i...] + other.entries[j...]
    }

    /// A version is there if the side that has not got it does not know of it either. As values go oldest first, those are
    /// the ones above both floors.
    private static func joined(_ first: Entry, _ second: Entry) -> Entry {
        var result = first.count >= second.count ? first : second
        let floor = max(first.floor, second.floor)
        result.values = Array(result.values.prefix(Int(result.count - floor)))
        return result
    }

    /// Drops the versions that `context` knows of.
    ///
    /// - Complexity: O(*r* + *v*), and O(log *n*) for each entry.
    /// - SeeAlso: Almeida et al. 2014, section 5, `discard`.
    public mutating func discard(_ context: VectorClock) {
        for index in self.entries.indices {
            let entry = self.entries[index]
            let seen = context[entry.node]
            guard seen > entry.floor else { continue }
            self.entries[index].values = seen >= entry.count ? [] : Array(entry.values.prefix(Int(entry.count - seen)))
        }
    }

    /// How the knowledge of two replicas relates.
    ///
    /// `before` means that a ``sync(_:)`` would leave nothing of this side but what the other has. Replicas that know of the
    /// same events differ only if versions were dropped by ``discard(_:)`` on one side.
    ///
    /// - Complexity: O(*r*).
    public func compare(to other: Self) -> CausalOrder {
        self.context.compare(to: other.context)
    }

    init(entries: [Entry]) {
        self.entries = entries
    }
}

extension DottedVersionVectorSet.Entry: Equatable where Value: Equatable {}
extension DottedVersionVectorSet: Equatable where Value: Equatable {}

extension DottedVersionVectorSet: Codable where Value: Codable {
    private enum Key: String, CodingKey { case node, count, values }

    public init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        self.init()
        while !list.isAtEnd {
            let path = list.codingPath
            let container = try list.nestedContainer(keyedBy: Key.self)
            let node = try container.decode(NodeID.self, forKey: .node)
            let count = try container.decode(Count.self, forKey: .count).value
            let values = try container.decode([Value].self, forKey: .values)
            guard count > 0, count >= values.count else {
                throw ClockError.malformed(
                    "node \(node) has \(values.count) versions of \(count) writes, which need at least 1", at: path)
            }
            if let last = self.entries.last, !last.node.precedes(node) {
                throw ClockError.malformed(
                    "node \(node) follows \(last.node), and each node stands once, in the order of names", at: path)
            }
            self.entries.append(Entry(node: node, count: count, values: values))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        for entry in self.entries {
            var container = list.nestedContainer(keyedBy: Key.self)
            try container.encode(entry.node, forKey: .node)
            try container.encode(Count(value: entry.count), forKey: .count)
            try container.encode(entry.values, forKey: .values)
        }
    }
}
