import ColonyCore
import ColonyMemory

/// An engine of leases that has no other power.
final class LeasesAlone: LeaseEngine {
    private let base = MemoryLeaseEngine()

    var guarantee: Guarantee { self.base.guarantee }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try await self.base.tryAcquire(name, owner: owner, for: duration)
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.base.renew(lease, for: duration)
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.base.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.base.inspect(name)
    }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.base.waitForChange(of: name, from: token, upTo: limit)
    }
}
