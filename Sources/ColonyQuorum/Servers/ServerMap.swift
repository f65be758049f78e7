import ColonyCaches
import ColonyCore
import ColonyHashing

/// Which servers keep a key, in the order in which they are preferred.
struct ServerMap: Sendable {
    let placement: any Placement<NodeID>
    /// In the order of the placement's nodes.
    let lanes: [ServerLane]
    /// *N*.
    let replicas: Int
    /// How many servers may stand in for others.
    let standIns: Int

    /// - Throws: ``QuorumError`` with `invalidConfiguration` if a server has no tier, or the placement has too few.
    init(
        _ placement: any Placement<NodeID>, lanes: [NodeID: ServerLane], replicas: Int, isSloppy: Bool
    ) throws(QuorumError) {
        self.placement = placement
        self.replicas = replicas
        var ordered: [ServerLane] = []
        for node in placement.nodes {
            guard let lane = lanes[node] else {
                throw QuorumError(
                    .invalidConfiguration, "the placement has the server \(node), for which no tier was given")
            }
            ordered.append(lane)
        }
        self.lanes = ordered
        self.standIns = isSloppy ? max(0, min(replicas, ordered.count - replicas)) : 0
        // A node of no weight holds nothing, which only a look-up tells.
        do throws(PlacementError) {
            _ = try placement.indices(forHash: 0, count: replicas + self.standIns)
        } catch {
            throw QuorumError(.invalidConfiguration, error.description, cause: error)
        }
    }

    /// The servers of a key: ``replicas`` homes, then those that may stand in.
    func preference(for key: CacheKey) -> [ServerLane] {
        let hash = self.placement.hash(ofKey: key.rawValue)
        do throws(PlacementError) {
            return try self.placement.indices(forHash: hash, count: self.replicas + self.standIns).map {
                self.lanes[$0]
            }
        } catch {
            preconditionFailure(
                "a placement that had \(self.replicas + self.standIns) servers for one key has not: \(error)")
        }
    }

    func route(for key: CacheKey) -> ServerRoute {
        ServerRoute(lanes: self.preference(for: key), replicas: self.replicas)
    }

    func homes(of key: CacheKey) -> [ServerLane] { Array(self.preference(for: key).prefix(self.replicas)) }

    func isHome(_ server: NodeID, of key: CacheKey) -> Bool { self.homes(of: key).contains { $0.server == server } }
}

/// The servers of one key in one map.
struct ServerRoute: Sendable {
    /// The homes, then those that may stand in.
    let lanes: [ServerLane]
    /// *N*.
    let replicas: Int

    var homes: ArraySlice<ServerLane> { self.lanes.prefix(self.replicas) }
    var standIns: Range<Int> { self.replicas..<self.lanes.count }
}
