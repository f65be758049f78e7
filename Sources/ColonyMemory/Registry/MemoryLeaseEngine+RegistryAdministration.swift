public import ColonyCoordination
public import ColonyCore
import Synchronization

extension MemoryLeaseEngine: RegistryAdministration {
    /// Groups that have records now, page by page in byte order.
    public func groups(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [RegistryGroupSummary] {
        try Self.check(page: limit)
        let (now, groups) = self.state.withLock { (self.clock.now, $0.groups) }
        var summaries: [RegistryGroupSummary] = []
        for key in Self.page(of: groups.keys, withPrefix: prefix, after: name) where summaries.count < limit {
            let live = groups[key]?.entries.values.count { entry in entry.expiry.map { $0 > now } ?? true } ?? 0
            if live > 0 { summaries.append(RegistryGroupSummary(name: key, records: live)) }
        }
        return summaries
    }

    /// The records of a group, and what is left of those that run out.
    public func standing(of group: LeaseName) async throws(LeaseError) -> RegistryStanding {
        self.change(group) { records, now, _ in
            RegistryStanding(
                snapshot: Self.snapshot(of: records),
                remaining: records.entries.compactMapValues { entry in entry.expiry.map { now.duration(to: $0) } })
        }
    }
}
