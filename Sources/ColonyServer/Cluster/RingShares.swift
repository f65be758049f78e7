import ColonyCluster
import ColonyCore
import ColonyHashing
import Synchronization

/// Which share of all keys each member has on the standard ring, computed anew only when others are there.
final class RingShares: Sendable {
    private struct Known {
        var nodes: [String] = []
        var shares: [String: Double] = [:]
    }

    private let known = Mutex(Known())

    /// The shares of those that are there.
    ///
    /// - Complexity: O(*n*); O(*n* log *n*) with a factor of a hundred after a change.
    func of(_ members: [Member]) -> [String: Double] {
        let nodes = members.filter { $0.state == .alive || $0.state == .suspected }.map(\.id.rawValue)
        return self.known.withLock { known in
            guard known.nodes != nodes else { return known.shares }
            known = Known(nodes: nodes)
            if let ring = try? HashRing(nodes.map { PlacementMember($0) }) {
                known.shares = Dictionary(zip(ring.nodes, ring.shares)) { first, _ in first }
            }
            return known.shares
        }
    }
}
