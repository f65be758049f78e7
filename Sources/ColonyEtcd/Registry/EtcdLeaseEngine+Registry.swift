#if Etcd
public import ColonyCoordination
public import ColonyCore

extension EtcdLeaseEngine: RegistryEngine {
    /// Writes as ``ColonyCoordination/RegistryEngine`` says. Two round trips, and one more for a record that runs out; two more each time
    /// that somebody else has written the same record meanwhile. Of several clients that fill a group at the same moment, a few may
    /// write a record beyond its limit.
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        do throws(EtcdFailure) {
            return try await self.store.put(write, in: group)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    /// Renews as ``ColonyCoordination/RegistryEngine`` says. Three round trips.
    ///
    /// etcd cannot make a lease longer. A record that was put for less than nine seconds can be renewed for up to nine, another for what it
    /// was put for; for more it is written again, which is a change with a new version.
    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        do throws(EtcdFailure) {
            return try await self.store.renewRecord(key, in: group, owner: owner, for: duration)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        do throws(EtcdFailure) {
            return try await self.store.removeRecord(key, from: group, if: condition)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        do throws(EtcdFailure) {
            return try await self.store.snapshot(of: group)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        do throws(EtcdFailure) {
            return try await self.store.waitForChange(in: group, since: revision, upTo: limit)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }
}
#endif
