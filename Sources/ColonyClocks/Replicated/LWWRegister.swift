// What "last" means
//
// A register that keeps the last write needs an order of writes that all replicas share. With wall clocks, a replica whose
// clock runs behind writes in vain, though it has read the value that it replaces. Hybrid times repair that: a write that
// knew of another is later. Between writes that did not know of one another the clock decides, the node breaks ties, and
// one of them is dropped without anybody being told. Where that is not good enough, `MVRegister` keeps both.
//
// [1] Shapiro et al., A comprehensive study of Convergent and Commutative Replicated Data Types, INRIA RR-7506, 2011,
//     section 3.2.1, specification 8.

/// A value of which the last write counts.
///
/// The size is that of one value. It is encoded as `{"stamp":{"time":"0199b3c2f4a1-0003","node":"a"},"value":…}`, and as
/// `{}` before the first write.
///
/// - Important: Concurrent writes are dropped but for one, silently.
/// - SeeAlso: Shapiro et al. 2011, specification 8.
public struct LWWRegister<Value: TieBreaking>: Replicated, CustomStringConvertible {
    /// A later write replaces the earlier ones, also those that did not arrive.
    public static var deltaDelivery: DeltaDelivery { .laterRepairsEarlier }

    private var write: (stamp: WriteStamp, value: Value)?

    /// A register that was never written.
    public init() {
        self.write = nil
    }

    /// The value of the last write, or `nil` before the first.
    ///
    /// - Complexity: O(1).
    public var value: Value? { self.write?.value }

    /// When and where the last write was made, or `nil` before the first.
    ///
    /// - Complexity: O(1).
    public var stamp: WriteStamp? { self.write?.stamp }

    /// Writes, if `stamp` is later than that of the last write.
    ///
    /// - Parameters:
    ///   - value: The new value.
    ///   - stamp: A fresh time of this replica's clock and its name. No other write may have the same stamp; if one does,
    ///     the value decides, by ``TieBreaking``.
    /// - Returns: The delta: this write, whether or not it won here. Repeating the call changes nothing.
    /// - Complexity: O(1).
    /// - SeeAlso: Shapiro et al. 2011, specification 8, `assign`.
    @discardableResult
    public mutating func set(_ value: Value, at stamp: WriteStamp) -> LWWRegister {
        var delta = LWWRegister()
        delta.write = (stamp, value)
        self.merge(delta)
        return delta
    }

    /// Keeps the later of two writes.
    ///
    /// - Complexity: O(1).
    /// - SeeAlso: Shapiro et al. 2011, specification 8, `merge`.
    public mutating func merge(_ other: LWWRegister) {
        guard let theirs = other.write else { return }
        if let mine = self.write {
            guard mine.stamp < theirs.stamp || (mine.stamp == theirs.stamp && theirs.value.wins(over: mine.value))
            else {
                return
            }
        }
        self.write = theirs
    }

    public static func == (first: Self, second: Self) -> Bool {
        first.stamp == second.stamp && first.value == second.value
    }

    public var description: String {
        if let write { "\(write.value) of \(write.stamp)" } else { "never written" }
    }
}

extension LWWRegister: Codable where Value: Codable {
    private enum Key: String, CodingKey { case stamp, value }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init()
        guard container.contains(.stamp) else {
            guard !container.contains(.value) else {
                throw ClockError.malformed("the register has a value but no stamp", at: container.codingPath)
            }
            return
        }
        self.write = (
            try container.decode(WriteStamp.self, forKey: .stamp), try container.decode(Value.self, forKey: .value)
        )
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        guard let write else { return }
        try container.encode(write.stamp, forKey: .stamp)
        try container.encode(write.value, forKey: .value)
    }
}
