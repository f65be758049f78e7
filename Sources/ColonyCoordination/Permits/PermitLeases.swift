import ColonyCore

/// One owner's request for permits, seen as a lease engine.
///
/// What is held of permits is a lease like any other. So turns within the process, renewal, detection of loss, and giving back
/// under every circumstance are those of locks, written once: the waiting room and the keeper talk to this, and do not know
/// the difference.
final class PermitLeases: LeaseEngine {
    private let base: any PermitEngine
    private let request: PermitRequest

    init(_ base: any PermitEngine, _ request: PermitRequest) {
        self.base = base
        self.request = request
    }

    var guarantee: Guarantee { self.base.guarantee }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        switch try await self.base.takePermits(self.request) {
        case .granted(let lease): .granted(lease)
        case .refused(let refusal): .held(refusal.holder)
        }
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.base.renewPermits(lease, for: duration)
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.base.returnPermits(name, owner: owner, token: token)
    }

    /// What this owner holds of the permits. The engine does not count the renewals of permits.
    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let record = try await self.base.inspectPermits(name)
        guard let holder = record.holders.first(where: { $0.owner == self.request.owner }) else { return nil }
        return LeaseRecord(
            name: name, owner: holder.owner, token: holder.token, duration: self.request.duration,
            remaining: holder.remaining, age: holder.age, renewals: 0)
    }

    /// Several hold permits, so it is not one grant whose end is waited for, but room for this request.
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.base.waitForPermits(self.request, upTo: limit)
    }
}
