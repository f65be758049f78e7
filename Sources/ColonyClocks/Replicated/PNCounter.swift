// Why two counters
//
// With one signed number per replica, "the greater is the newer" is no longer true, and a merge would undo decrements. So
// increments and decrements are counted apart, each in a counter that only grows, and subtracted when the value is read.
//
// [1] Shapiro et al., A comprehensive study of Convergent and Commutative Replicated Data Types, INRIA RR-7506, 2011,
//     section 3.1.3, specification 7.

public import ColonyCore

/// A counter that goes up and down, on many replicas at once, and loses no change.
///
/// It has no lower limit: two replicas that each see 1 and each take 1 arrive at −1. What must not fall below zero needs
/// a lock, or a store that decides in one place.
///
/// The size is O(*r*) in the number of replicas that ever counted. It is encoded as `{"up":{"a":3},"down":{"b":1}}`.
///
/// - SeeAlso: Shapiro et al. 2011, specification 7.
public struct PNCounter: Replicated, Hashable, CustomStringConvertible, Codable {
    /// A part of a replica that arrives later includes its earlier ones.
    public static let deltaDelivery = DeltaDelivery.laterRepairsEarlier

    private var up: GCounter
    private var down: GCounter

    /// A counter at zero.
    public init() {
        self.up = GCounter()
        self.down = GCounter()
    }

    /// The sum of all changes that this replica has seen. It cannot overflow: each replica's parts have 64 bits.
    ///
    /// - Complexity: O(*r*).
    public var value: Int128 {
        Int128(self.up.value) - Int128(self.down.value)
    }

    /// Counts up at `node`, or down if `amount` is negative.
    ///
    /// - Parameters:
    ///   - amount: How much. Zero changes nothing.
    ///   - node: The replica that counts. Only this replica may use it, with its latest state.
    /// - Returns: The delta: the new part of `node`. Repeating the call counts again; merging the delta again does not.
    /// - Throws: ``ClockError`` with code `exhausted` if `node` would have counted more than 2⁶⁴ − 1 in that direction;
    ///   nothing was changed.
    /// - Complexity: O(log *r*), or O(*r*) for a replica's first change.
    /// - SeeAlso: Shapiro et al. 2011, specification 7, `increment` and `decrement`.
    @discardableResult
    public mutating func add(_ amount: Int, at node: NodeID) throws(ClockError) -> PNCounter {
        var delta = PNCounter()
        if amount >= 0 {
            delta.up = try self.up.add(UInt64(amount.magnitude), at: node)
        } else {
            delta.down = try self.down.add(UInt64(amount.magnitude), at: node)
        }
        return delta
    }

    /// Takes in the changes that `other` has seen.
    ///
    /// - Complexity: O(*r*).
    /// - SeeAlso: Shapiro et al. 2011, specification 7, `merge`.
    public mutating func merge(_ other: PNCounter) {
        self.up.merge(other.up)
        self.down.merge(other.down)
    }

    public var description: String { String(self.value) }
}
