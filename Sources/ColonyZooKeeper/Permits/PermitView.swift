#if ZooKeeper
import ColonyCoordination
import ColonyCore

/// Those who hold and claim permits of a name.
///
/// Whoever is missing from it ended before it was complete; nobody is in it twice. What was added since its guard was read may
/// be missing as well, which a transaction under the guard finds out.
struct PermitView {
    struct Stand {
        let path: String
        let node: PermitNode
        let stat: NodeStat
        /// How much longer it is expected to stand.
        let remaining: Duration
        /// How long it has stood.
        let age: Duration
        /// Whether this session made it.
        let isOwn: Bool

        var token: FencingToken { self.node.token(self.stat) }
    }

    /// `nil` if the guard or the node of the name is missing.
    let guarding: ZooKeeperLeaseEngine.Guard?
    /// In the order of their tokens and places.
    let stands: [Stand]
    /// Nodes of this session that are over and not deleted yet.
    let over: [String]
    let now: MonotonicInstant
    /// A moment before the request left.
    let sentAt: MonotonicInstant

    func hold(of owner: OwnerID) -> Stand? { self.stands.first { $0.node.kind == .hold && $0.node.owner == owner } }

    func claim(of owner: OwnerID) -> Stand? { self.stands.first { $0.node.kind == .claim && $0.node.owner == owner } }

    var book: PermitBook {
        var holders: [PermitBook.Holder] = []
        var claims: [PermitBook.Claim] = []
        for stand in self.stands {
            let since = self.now.advanced(by: .zero - stand.age)
            let end = self.now.advanced(by: stand.remaining)
            switch stand.node.kind {
            case .hold:
                holders.append(
                    PermitBook.Holder(
                        owner: stand.node.owner, permits: stand.node.permits, token: stand.token, granted: since,
                        duration: stand.node.duration, expiry: end))
            case .claim:
                claims.append(
                    PermitBook.Claim(
                        owner: stand.node.owner, permits: stand.node.permits, since: since, expiry: end))
            }
        }
        return PermitBook(holders: holders, claims: claims)
    }

    /// What to watch for a request that would be refused: the claim just before it, so that each end wakes one who claims; for the
    /// first claim, and for who has none where nobody claims, whatever ends.
    func obstacle(to request: PermitRequest, below parent: String) -> WatchBoard.Subject {
        let claims = self.stands.filter { $0.node.kind == .claim }
        let place = claims.firstIndex { $0.node.owner == request.owner } ?? claims.count
        return place == 0 ? .children(parent) : .data(claims[place - 1].path)
    }
}
#endif
