public import ColonyCore
import Synchronization

extension MemoryLeaseEngine: ImmediateLeaseEngine {}

extension MemoryLeaseEngine: LeaseAdministration {
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(
                .invalidRequest, "a page of \(limit) leases is not possible: from 1 to \(LeaseLimits.batch)")
        }
        let (now, grants) = self.state.withLock { (self.clock.now, $0.grants) }
        return
            grants
            .filter { entry in
                entry.value.expiry > now && entry.key.rawValue.utf8.starts(with: prefix.utf8)
                    && (name.map { entry.key > $0 } ?? true)
            }
            .sorted { $0.key < $1.key }
            .prefix(limit)
            .compactMap { Self.record($0.key, $0.value, at: now) }
    }

    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let broken = self.state.withLock { state -> (record: LeaseRecord?, ended: Ended)? in
            let now = self.clock.now
            guard let present = state.grants[name] else { return nil }
            return (Self.record(name, present, at: now), Self.end(present, of: name, at: now, in: &state))
        }
        _ = broken?.ended.announce()
        return broken?.record
    }

    /// Counts those that have not run out, in O(*n*).
    public func heldCount() async throws(LeaseError) -> Int {
        let now = self.clock.now
        return self.state.withLock { state in state.grants.values.count { $0.expiry > now } }
    }
}

extension MemoryLeaseEngine: BatchLeaseEngine {
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch else {
            throw LeaseError(
                .invalidRequest,
                "\(leases.count) leases are too many to renew at once: \(LeaseLimits.batch) are the most")
        }
        for lease in leases { try LeaseLimits.check(lease.duration) }
        return self.state.withLock { state in
            let now = self.clock.now
            return leases.map { Self.renew($0, for: $0.duration, at: now, in: &state) }
        }
    }
}

extension MemoryLeaseEngine: LeaseObservation {
    public func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let observer = ChangeObserver(continuation)
        let key = ObjectIdentifier(observer)
        self.state.withLock { $0.observers[key] = observer }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.observers[key] = nil }
        }
        return stream
    }
}

/// One reader of ``LeaseObservation/changes()``.
final class ChangeObserver: Sendable {
    private let continuation: AsyncStream<Void>.Continuation

    init(_ continuation: AsyncStream<Void>.Continuation) {
        self.continuation = continuation
    }

    func announce() {
        self.continuation.yield()
    }

    deinit {
        self.continuation.finish()
    }
}
