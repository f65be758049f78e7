#if Etcd
internal import ColonyCore
internal import FoundationEssentials

extension EtcdStore {
    /// How often a request begins anew when what it found has changed before it could act.
    private static let attempts = 32

    // MARK: Taking a name

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(EtcdFailure) -> Acquisition {
        let folder = self.keys.folder(name)
        let key = self.keys.key(folder, owner)
        for _ in 1...Self.attempts {
            if self.custody.known(key, at: self.clock.now) != nil,
                let lease = try await self.extend(key, name, owner: owner, token: nil, for: duration)
            {
                return .granted(lease)
            }
            let backing = try await self.pool.lease(for: duration)
            let record = self.newRecord(owner, for: duration)
            var request = WireTxnRequest()
            request.compare = [.isEmpty(folder, self.keys.end(folder))]
            request.success = [.put(key, record.data, lease: backing.id)]
            request.failure = [.range(.contenders(folder, self.keys.end(folder), limit: 1))]
            let answer: WireTxnResponse
            do throws(EtcdFailure) {
                answer = try await self.write(request, key, record, on: backing)
            } catch {
                // The lease at the server was gone: the next one is new.
                guard error.kind == .leaseNotFound else { throw error }
                continue
            }
            if answer.succeeded {
                return .granted(self.settle(name, key, record, answer.header.revision))
            }
            self.custody.retract(key)
            var first = answer.responses.first?.responseRange.kvs.first
            if let found = first, !self.keys.isContender(found.key, in: folder) {
                // Deeper names stand where the server looked, so that it cannot decide in one step.
                first = try await self.contenders(folder).keys.first
                if first == nil {
                    let (lease, other) = try await self.enter(name, folder, key, owner, for: duration)
                    if let lease { return .granted(lease) }
                    first = other
                }
            }
            guard let first else { continue }
            if let acquisition = try await self.judge(first, key, name, owner: owner, for: duration) {
                return acquisition
            }
        }
        throw EtcdFailure(.unreachable, "\(name) changed hands too often to be asked for")
    }

    /// What it means that `first` comes first; `nil` if it is over, and one has to look again.
    private func judge(
        _ first: WireKeyValue, _ key: Data, _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(EtcdFailure) -> Acquisition? {
        if first.key == key {
            return try await self.extend(key, name, owner: owner, token: nil, for: duration, present: first)
                .map { .granted($0) }
        }
        if self.isOver(GrantRecord(first.value)) {
            try await self.remove(first)
            return nil
        }
        return .held(await self.holder(first))
    }

    /// Takes a name by entering its queue and looking who comes first, as etcd's own package does, and leaves at once if that
    /// is somebody else.
    ///
    /// - Returns: The lease, or who comes first.
    private func enter(
        _ name: LeaseName, _ folder: Data, _ key: Data, _ owner: OwnerID, for duration: Duration
    ) async throws(EtcdFailure) -> (lease: Lease?, first: WireKeyValue?) {
        let backing = try await self.pool.lease(for: duration)
        let record = self.newRecord(owner, for: duration)
        var request = WireTxnRequest()
        request.compare = [.created(key, 0)]
        request.success = [.put(key, record.data, lease: backing.id)]
        let answer = try await self.write(request, key, record, on: backing)
        let first = try await self.contenders(folder).keys.first
        if answer.succeeded, let first, first.key == key, first.createRevision == answer.header.revision {
            return (self.settle(name, key, record, answer.header.revision), nil)
        }
        if answer.succeeded {
            var leave = WireTxnRequest()
            leave.compare = [.created(key, answer.header.revision)]
            leave.success = [.delete(key)]
            _ = try await self.client.call(.txn, leave)
        }
        self.custody.retract(key)
        return (nil, first?.key == key && answer.succeeded ? nil : first)
    }

    func settle(_ name: LeaseName, _ key: Data, _ record: GrantRecord, _ revision: Int64) -> Lease {
        self.custody.settle(key, record, created: revision, modified: revision)
        return Self.lease(name, record, created: revision)
    }

    // MARK: Renewing

    /// Extends a grant of `owner`.
    ///
    /// - Parameters:
    ///   - token: Which grant; `nil` for whichever stands there, even one whose turn has just come.
    ///   - present: The key as it was last read, if it was.
    /// - Returns: The lease, or `nil` if there is no such grant.
    func extend(
        _ key: Data, _ name: LeaseName, owner: OwnerID, token: Int64?, for duration: Duration,
        present: WireKeyValue? = nil
    ) async throws(EtcdFailure) -> Lease? {
        var present = present
        let deadline = self.clock.now.advanced(by: self.client.options.timeout)
        repeat {
            let state: (record: GrantRecord, created: Int64, modified: Int64)
            if let found = present {
                guard let record = GrantRecord(found.value) else { return nil }
                state = (record, found.createRevision, found.modRevision)
            } else if let known = self.custody.known(key, at: self.clock.now) {
                state = known
            } else {
                present = try await self.client.call(.range, .key(key)).kvs.first
                guard present != nil else { return nil }
                continue
            }
            guard state.record.owner == owner, token == nil || state.created == token, !self.isOver(state.record),
                token == nil || state.record.state == .held
            else { return nil }
            let record = self.renewed(state.record, for: duration)
            do throws(EtcdFailure) {
                let backing = try await self.pool.lease(
                    for: max(duration, self.clock.now.duration(to: record.end.monotonic)))
                var request = WireTxnRequest()
                request.compare = [.modified(key, state.modified)]
                request.success = [.put(key, record.data, lease: backing.id)]
                request.failure = [.get(key)]
                let answer = try await self.write(request, key, record, on: backing)
                if answer.succeeded {
                    self.custody.settle(
                        key, record, created: state.created, modified: answer.header.revision)
                    return Self.lease(name, record, created: state.created)
                }
                self.custody.retract(key)
                self.custody.forget(key, modified: state.modified)
                present = answer.responses.first?.responseRange.kvs.first
                guard present != nil else { return nil }
            } catch {
                guard error.kind == .leaseNotFound else { throw error }
                present = nil
            }
        } while self.clock.now < deadline
        throw EtcdFailure(.unreachable, "\(name) is renewed by too many at once")
    }

    private func renewed(_ record: GrantRecord, for duration: Duration) -> GrantRecord {
        let now = self.now
        var result = self.newRecord(record.owner, for: duration)
        result.permits = record.permits
        if record.state == .held {
            result.since = record.since
            result.renewals = record.renewals + 1
            // The readings of another host's clock mean nothing here; its age is carried over.
            if record.host != self.host {
                let age = record.age(at: now, on: self.host)
                result.since = Moment(
                    wall: record.since.wall, monotonic: now.monotonic.advanced(by: .zero - age))
            } else if record.end.monotonic > result.end.monotonic {
                // An end that is further away stays.
                result.end = record.end
            }
        }
        return result
    }

    // MARK: Giving back

    func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(EtcdFailure) -> Bool {
        let key = self.keys.key(self.keys.folder(name), owner)
        let before = self.now
        var request = WireTxnRequest()
        request.compare = [token.map { .created(key, $0.revision) } ?? .exists(key)]
        request.success = [.delete(key)]
        let answer = try await self.client.call(.txn, request)
        guard answer.succeeded, let former = answer.responses.first?.responseDeleteRange.prevKvs.first else {
            return false
        }
        self.custody.forget(key, created: former.createRevision)
        guard let record = GrantRecord(former.value) else { return false }
        return record.state == .held && !record.isOver(at: before, on: self.host)
    }
}
#endif
