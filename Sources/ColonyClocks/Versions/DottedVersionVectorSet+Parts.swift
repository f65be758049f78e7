package import ColonyCore

/// For stores that have a wire format of their own.
extension DottedVersionVectorSet {
    /// The nodes that wrote, in the order of their names, with the number of their writes and the values that are left of
    /// the last of them, the newest first.
    package var parts: [(node: NodeID, count: UInt64, values: [Value])] {
        self.entries.map { ($0.node, $0.count, $0.values) }
    }

    /// Puts a set together again.
    ///
    /// - Throws: ``ClockError`` with `malformedValue` for parts that no set has.
    package init(parts: [(node: NodeID, count: UInt64, values: [Value])]) throws(ClockError) {
        var last: NodeID?
        for part in parts {
            guard part.count > 0, part.count >= UInt64(part.values.count) else {
                throw ClockError(
                    .malformedValue, "node \(part.node) has \(part.values.count) versions of \(part.count) writes")
            }
            if let last, !last.precedes(part.node) {
                throw ClockError(.malformedValue, "node \(part.node) follows \(last), and nodes stand in their order")
            }
            last = part.node
        }
        self.init(entries: parts.map { Entry(node: $0.node, count: $0.count, values: $0.values) })
    }
}
