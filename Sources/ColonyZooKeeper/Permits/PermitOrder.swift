#if ZooKeeper
/// Who is granted permits, decided from the order of nodes alone, as a value.
///
/// Each request is a node, and the ensemble numbers the nodes. A request is granted if all permits of the nodes before it,
/// whatever became of them, leave room for its own, and if no claim stands before it. As nodes are only ever added behind,
/// that once true stays true, and two who look at different moments cannot both be granted too much. A node that does not
/// say so is granted if it fits by the same rule, so a grant at once need not be written down.
package enum PermitOrder {
    package enum Verdict: Equatable {
        case granted
        /// The node at this place is being decided and does not fit: it will go, or claim, or turn out to fit after all.
        case undecided(Int)
        case refused(available: Int)
    }

    /// What is known of a node that stands before.
    package typealias Node = NodeRecord.Permits

    package static func verdict(on request: Node, behind nodes: [Node]) -> Verdict {
        let (held, undecided) = Self.holders(nodes)
        let total = nodes.reduce(0) { $0 + $1.count }
        let hasClaim = nodes.contains { $0.standing == .claims }
        if !hasClaim, total + request.count <= request.limit { return .granted }
        if let undecided { return .undecided(undecided) }
        let sum = held.reduce(0) { $0 + nodes[$1].count }
        return .refused(available: max(0, request.limit - sum))
    }

    /// The places of those who hold, and the first that is undecided.
    package static func holders(_ nodes: [Node]) -> (held: [Int], undecided: Int?) {
        var held: [Int] = []
        var undecided: Int?
        var sum = 0
        var hasClaim = false
        for (place, node) in nodes.enumerated() {
            switch node.standing {
            case .claims:
                hasClaim = true
            case .granted:
                held.append(place)
                sum += node.count
            case .asked where !hasClaim && undecided == nil && sum + node.count <= node.limit:
                held.append(place)
                sum += node.count
            case .asked:
                if undecided == nil { undecided = place }
            }
        }
        return (held, undecided)
    }
}
#endif
