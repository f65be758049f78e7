import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import Synchronization

/// Leases that count as those of a server on the network, and that can be cut off.
final class NetworkLeases: LeaseEngine {
    let base: any LeaseEngine
    private let isDown = Mutex(false)

    init(_ base: any LeaseEngine) {
        self.base = base
    }

    var guarantee: Guarantee { Guarantee(reach: .network, survival: .powerLoss) }

    func cutOff(_ isDown: Bool = true) {
        self.isDown.withLock { $0 = isDown }
    }

    private func check() throws(LeaseError) {
        if self.isDown.withLock({ $0 }) { throw LeaseError(.unavailable, "the network is cut") }
    }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try self.check()
        return try await self.base.tryAcquire(name, owner: owner, for: duration)
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try self.check()
        return try await self.base.renew(lease, for: duration)
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try self.check()
        return try await self.base.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try self.check()
        return try await self.base.inspect(name)
    }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try self.check()
        return try await self.base.waitForChange(of: name, from: token, upTo: limit)
    }
}

/// Moments that can be made to fail, and that say how far they reach.
final class StoredMoments: SegmentEngine {
    let base: MemorySegmentEngine
    let reach: Guarantee.Reach
    private let isDown = Mutex(false)

    init(_ base: MemorySegmentEngine = MemorySegmentEngine(), reach: Guarantee.Reach) {
        self.base = base
        self.reach = reach
    }

    var guarantee: Guarantee { Guarantee(reach: self.reach, survival: .powerLoss) }

    func cutOff(_ isDown: Bool = true) {
        self.isDown.withLock { $0 = isDown }
    }

    func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        if self.isDown.withLock({ $0 }) { throw IdentifierError(.unavailable, "the disk is gone") }
        return try await self.base.takeSegment(request)
    }

    func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        try await self.base.inspect(tag)
    }

    func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try await self.base.records(after: tag, limit: limit)
    }
}
