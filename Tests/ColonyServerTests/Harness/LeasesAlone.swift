import ColonyCoordination
import ColonyCore
import ColonyMemory

/// An engine over memory that has only the powers that its type says.
protocol MemoryBacked: LeaseEngine {
    var base: MemoryLeaseEngine { get }
}

/// An engine of leases that has no other power.
final class LeasesAlone: MemoryBacked {
    let base = MemoryLeaseEngine()
}

extension MemoryBacked {
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

/// An engine of permits that cannot list them.
final class PermitsAlone: MemoryBacked, PermitEngine {
    let base = MemoryLeaseEngine()

    func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try await self.base.takePermits(request)
    }

    func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.base.renewPermits(lease, for: duration)
    }

    func returnPermits(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.base.returnPermits(name, owner: owner, token: token)
    }

    func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        try await self.base.inspectPermits(name)
    }

    func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try await self.base.waitForPermits(request, upTo: limit)
    }
}
