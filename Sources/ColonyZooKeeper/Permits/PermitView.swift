#if ZooKeeper
import ColonyCoordination
import ColonyCore

/// Those who stand at a name that several may hold, in their order, as they were at one moment.
struct PermitView {
    /// One node.
    struct Stand {
        let contender: Contender
        let path: String
        let record: NodeRecord
        let permits: NodeRecord.Permits
        let stat: NodeStat
    }

    let parent: String
    let stands: [Stand]
    /// A moment before the request left.
    let sentAt: MonotonicInstant

    /// The place of an owner's node.
    func own(_ owner: OwnerID) -> Int? { self.stands.firstIndex { $0.record.owner == owner } }

    /// What becomes of a request, at the place of its owner or else behind all others.
    func verdict(on request: PermitRequest) -> PermitOrder.Verdict {
        let place = self.own(request.owner) ?? self.stands.count
        // Who holds already holds by the limit that it brought then.
        if place < self.stands.count, PermitOrder.holders(self.stands.map(\.permits)).held.contains(place) {
            return .granted
        }
        return PermitOrder.verdict(
            on: NodeRecord.Permits(count: request.permits, limit: request.limit),
            behind: self.stands[..<place].map(\.permits))
    }

    /// What stands in the way of a request at a place: the first claim before it, or the holder that is expected to end first.
    func refusal(_ available: Int, before place: Int, _ engine: ZooKeeperLeaseEngine) -> PermitRefusal {
        let before = self.stands[..<place]
        if let claim = before.first(where: { $0.permits.standing == .claims }) {
            let holder = engine.holder(claim.contender, claim.record, claim.stat)
            return PermitRefusal(
                available: available,
                holder: LeaseHolder(
                    owner: holder.owner, token: FencingToken(rawValue: 0), remaining: holder.remaining))
        }
        let holders = before.map { engine.holder($0.contender, $0.record, $0.stat) }
        let next =
            holders.min { $0.remaining < $1.remaining }
            ?? LeaseHolder(owner: "nobody", token: FencingToken(rawValue: 0), remaining: .nanoseconds(1))
        return PermitRefusal(available: available, holder: next)
    }

    func record(_ name: LeaseName, _ engine: ZooKeeperLeaseEngine) -> PermitRecord {
        let now = engine.wallClock.now
        let held = Set(PermitOrder.holders(self.stands.map(\.permits)).held)
        var holders: [PermitHolder] = []
        var claims: [PermitClaim] = []
        for (place, stand) in self.stands.enumerated() {
            let age = stand.record.age(stand.stat, at: now)
            if stand.permits.standing == .claims {
                claims.append(PermitClaim(owner: stand.record.owner, permits: stand.permits.count, age: age))
            } else if held.contains(place) {
                let holder = engine.holder(stand.contender, stand.record, stand.stat)
                holders.append(
                    PermitHolder(
                        owner: holder.owner, permits: stand.permits.count, token: holder.token,
                        remaining: holder.remaining, age: age))
            }
        }
        return PermitRecord(name: name, holders: holders.sorted { $0.token < $1.token }, claims: claims)
    }
}
#endif
