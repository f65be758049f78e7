// Why one number per replica
//
// A counter kept as one number cannot be merged: adding two states counts common increments twice, and taking the greater
// loses the increments of the other side. With a number per replica, each replica changes its own only, so of two numbers
// for one replica the greater is the newer, and includes the other.
//
// [1] M. Shapiro, N. Preguiça, C. Baquero, M. Zawirski, A comprehensive study of Convergent and Commutative Replicated
//     Data Types, INRIA RR-7506, 2011, section 3.1.1, specification 6.
// [2] Almeida et al. 2018, section 4.2, figure 2 (its delta is the entry that changed).

public import ColonyCore

/// A counter that grows, on many replicas at once, and loses no increment.
///
/// The size is O(*r*) in the number of replicas that ever counted. It is encoded as an object, `{"a":3,"b":1}`.
///
/// - SeeAlso: Shapiro et al. 2011, *A comprehensive study*, specification 6; Almeida et al. 2018, figure 2.
public struct GCounter: Replicated, Hashable, CustomStringConvertible {
    /// A part of a replica that arrives later includes its earlier ones.
    public static let deltaDelivery = DeltaDelivery.laterRepairsEarlier

    private var counts: NodeCounts

    /// A counter at zero.
    public init() {
        self.counts = NodeCounts()
    }

    private init(counts: NodeCounts) {
        self.counts = counts
    }

    /// The sum of all increments that this replica has seen. It cannot overflow: each replica's part has 64 bits.
    ///
    /// - Complexity: O(*r*).
    public var value: UInt128 {
        self.counts.entries.reduce(0) { $0 + UInt128($1.count) }
    }

    /// What `node` has counted, as far as this replica has seen.
    ///
    /// - Complexity: O(log *r*).
    public subscript(node: NodeID) -> UInt64 { self.counts[node] }

    /// Counts at `node`.
    ///
    /// - Parameters:
    ///   - amount: How much, 0 or more. Zero changes nothing.
    ///   - node: The replica that counts. Only this replica may use it, with its latest state.
    /// - Returns: The delta: the new part of `node`. Repeating the call counts again; merging the delta again does not.
    /// - Throws: ``ClockError``, with nothing changed: `invalidRequest` for a negative amount, which belongs into a
    ///   ``PNCounter``; `exhausted` if the part of `node` would exceed 2⁶⁴ − 1.
    /// - Complexity: O(log *r*), or O(*r*) for a replica's first increment.
    /// - SeeAlso: Almeida et al. 2018, figure 2, `inc`.
    @discardableResult
    public mutating func increment(by amount: Int = 1, at node: NodeID) throws(ClockError) -> GCounter {
        guard amount >= 0 else {
            throw ClockError(.invalidRequest, "a counter that only grows cannot count \(amount) at node \(node)")
        }
        return try self.add(UInt64(amount), at: node)
    }

    mutating func add(_ amount: UInt64, at node: NodeID) throws(ClockError) -> GCounter {
        let part = self.counts[node]
        let (sum, overflow) = part.addingReportingOverflow(amount)
        guard !overflow else {
            throw ClockError(.exhausted, "node \(node) has counted \(part), and \(amount) more do not fit 64 bits")
        }
        self.counts.set(sum, for: node)
        var delta = NodeCounts()
        if amount > 0 { delta.set(sum, for: node) }
        return GCounter(counts: delta)
    }

    /// Takes in the increments that `other` has seen: the greater part of each replica.
    ///
    /// - Complexity: O(*r*).
    /// - SeeAlso: Shapiro et al. 2011, specification 6, `merge`.
    public mutating func merge(_ other: GCounter) {
        self.counts.formMaximum(other.counts)
    }

    public var description: String { String(self.value) }
}

extension GCounter: Codable {
    public init(from decoder: any Decoder) throws {
        self.counts = try NodeCounts(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        try self.counts.encode(to: encoder)
    }
}
