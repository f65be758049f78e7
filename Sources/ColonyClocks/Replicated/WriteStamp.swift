public import ColonyCore

/// When and where a write was made. Of two writes the one with the greater stamp is the last.
///
/// The order is total: by time, then by node name. With times of a ``HybridLogicalClock`` for each node, no two writes have
/// the same stamp, and a write that knew of another has the greater one.
public struct WriteStamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The time of the write.
    public let time: HybridTimestamp
    /// The replica that made it.
    public let node: NodeID

    /// Makes a stamp.
    ///
    /// - Parameters:
    ///   - time: A fresh time of the replica's own clock.
    ///   - node: The replica.
    public init(time: HybridTimestamp, node: NodeID) {
        self.time = time
        self.node = node
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.time == second.time ? first.node.precedes(second.node) : first.time < second.time
    }

    public var description: String { "\(self.time)@\(self.node)" }
}
