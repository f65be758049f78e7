#if Etcd
public import ColonyCore

extension EtcdLeaseEngine: LeaseAdministration {
    /// Lists as ``LeaseAdministration`` says, as of one revision.
    ///
    /// - Complexity: All keys that begin with the prefix are read, in pages: O(*n*) in their number, one round trip for each
    ///   thousand.
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) leases, not \(limit)")
        }
        do throws(EtcdFailure) {
            return try await self.store.records(withPrefix: prefix, after: name, limit: limit)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    /// Breaks as ``LeaseAdministration`` says, also what another program holds. Two round trips.
    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        do throws(EtcdFailure) {
            return try await self.store.breakLease(name)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    /// Counts by one walk through all keys.
    public func heldCount() async throws(LeaseError) -> Int {
        do throws(EtcdFailure) {
            return try await self.store.heldCount()
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }
}

extension EtcdLeaseEngine: FairLeaseEngine {
    /// Six seconds: a waiter's lease at the server lasts five, and the server looks twice a second for those that have run out. When a
    /// new leader is elected it starts the count again.
    public var deadWaiterBound: Duration { .seconds(LeasePool.waiterSeconds + 1) }

    /// Waits in turn as ``FairLeaseEngine`` says. The queue is kept by etcd, in the order in which requests were committed, and
    /// clients of etcd's own concurrency package stand in the same queue.
    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        guard limit > .zero else { return try await self.tryAcquire(name, owner: owner, for: duration) }
        try LeaseLimits.check(duration)
        do throws(EtcdFailure) {
            return try await self.store.acquire(name, owner: owner, for: duration, upTo: limit)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }
}
#endif
