#if Etcd
public import ColonyCoordination
public import ColonyCore

extension EtcdLeaseEngine: PermitEngine {
    /// Takes permits as ``ColonyCoordination/PermitEngine`` says. Two round trips: one to read who holds and who claims, one to write on
    /// the condition that nobody has written since; two more each time that somebody has.
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        do throws(EtcdFailure) {
            return try await self.store.takePermits(request)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        do throws(EtcdFailure) {
            return try await self.store.renewPermits(lease, for: duration)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        do throws(EtcdFailure) {
            return try await self.store.returnPermits(name, owner: owner, token: token)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        do throws(EtcdFailure) {
            return try await self.store.inspectPermits(name)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        do throws(EtcdFailure) {
            return try await self.store.waitForPermits(request, upTo: limit)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }
}
#endif
