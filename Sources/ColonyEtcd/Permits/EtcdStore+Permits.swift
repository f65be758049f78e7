#if Etcd
internal import ColonyCoordination
internal import ColonyCore
internal import FoundationEssentials

/// Permits: every hold and every claim is a key of its own, and a decision stands if none was written since it was taken.
///
/// All keys of a name are read, the book decides, and one transaction writes what follows, on the condition that nobody has written
/// any of these keys meanwhile. What is deleted meanwhile only makes room. A claim keeps the revision of its creation while it is
/// repeated, which is its place; a grant is a key of its own, so that its revision of creation is a token of its own.
extension EtcdStore {
    private struct View {
        var book: PermitBook
        /// All of the name as it was read, by key.
        var keys: [Data: WireKeyValue]
        /// Of these, those that are over and not deleted yet.
        var over: Set<Data>
        let revision: Int64
    }

    private func permits(_ name: LeaseName) async throws(EtcdFailure) -> View {
        let folder = self.keys.permitFolder(name)
        let answer = try await self.client.call(.range, .contenders(folder, self.keys.end(folder), limit: 0))
        let now = self.now
        var holders: [PermitBook.Holder] = []
        var claims: [PermitBook.Claim] = []
        var view = View(book: PermitBook(), keys: [:], over: [], revision: answer.header.revision)
        for present in answer.kvs {
            guard let record = GrantRecord(present.value) else { continue }
            view.keys[present.key] = present
            if record.isOver(at: now, on: self.host) {
                view.over.insert(present.key)
                continue
            }
            let since = now.monotonic.advanced(by: .zero - record.age(at: now, on: self.host))
            let end = now.monotonic.advanced(by: record.remaining(at: now, on: self.host))
            if record.state == .claimed {
                claims.append(
                    PermitBook.Claim(owner: record.owner, permits: record.permits, since: since, expiry: end))
            } else {
                holders.append(
                    PermitBook.Holder(
                        owner: record.owner, permits: record.permits, token: FencingToken(present.createRevision),
                        granted: since, duration: record.duration, expiry: end))
            }
        }
        view.book = PermitBook(holders: holders, claims: claims)
        return view
    }

    // MARK: Taking

    func takePermits(_ request: PermitRequest) async throws(EtcdFailure) -> PermitAcquisition {
        let folder = self.keys.permitFolder(request.name)
        let hold = self.keys.holdKey(folder, request.owner)
        let claim = self.keys.claimKey(folder, request.owner)
        let deadline = self.clock.now.advanced(by: self.client.options.timeout)
        var conflicts = 0
        repeat {
            let view = try await self.permits(request.name)
            // A key that is written again keeps its revision of creation, which must be that of the new grant or claim.
            if let stale = [hold, claim].first(where: { view.over.contains($0) }).flatMap({ view.keys[$0] }) {
                try await self.remove(stale)
                continue
            }
            if let present = try self.present(request, in: view.book) {
                let lease = try await self.extend(
                    hold, request.name, owner: request.owner, token: present.token.revision, for: request.duration)
                if let lease { return .granted(lease) }
                continue
            }
            if let refusal = view.book.obstacle(to: request, at: self.clock.now) {
                if try await self.claim(request, folder, claim, view) { return .refused(refusal) }
            } else if let lease = try await self.grant(request, folder, hold, claim, view) {
                return .granted(lease)
            }
            conflicts += 1
            try await self.giveWay(conflicts)
        } while self.clock.now < deadline
        throw EtcdFailure(.unreachable, "the permits of \(request.name) change too often to be asked for")
    }

    private func present(_ request: PermitRequest, in book: PermitBook) throws(EtcdFailure) -> PermitBook.Holder? {
        do throws(LeaseError) {
            return try book.present(request)
        } catch {
            throw EtcdFailure(.invalid, error.message, cause: error)
        }
    }

    /// Lets those go first who were faster, so that a crowd does not keep itself from getting anywhere.
    private func giveWay(_ conflicts: Int) async throws(EtcdFailure) {
        var generator = SystemRandomNumberGenerator()
        let pause = Backoff(initial: .milliseconds(1), maximum: .milliseconds(50))
            .delay(after: conflicts, using: &generator)
        do {
            try await self.clock.sleep(for: pause)
        } catch {
            throw EtcdFailure(.cancelled, "the call was cancelled", cause: error)
        }
    }

    /// - Returns: The lease, or `nil` if somebody else has written meanwhile.
    private func grant(
        _ request: PermitRequest, _ folder: Data, _ hold: Data, _ claim: Data, _ view: View
    ) async throws(EtcdFailure) -> Lease? {
        let backing = try await self.pool.lease(for: request.duration)
        var record = self.newRecord(request.owner, for: request.duration)
        record.permits = request.permits
        var transaction = WireTxnRequest()
        transaction.compare = [.noneWritten(after: view.revision, folder, self.keys.end(folder))]
        transaction.success = [.put(hold, record.data, lease: backing.id), .delete(claim)]
        let answer: WireTxnResponse
        do throws(EtcdFailure) {
            answer = try await self.write(transaction, hold, record, on: backing)
        } catch {
            guard error.kind == .leaseNotFound else { throw error }
            return nil
        }
        guard answer.succeeded else {
            self.custody.retract(hold)
            return nil
        }
        if let former = view.keys[claim] { self.custody.forget(claim, created: former.createRevision) }
        return self.settle(request.name, hold, record, answer.header.revision)
    }

    /// Keeps a place, if one is asked for.
    ///
    /// - Returns: `false` if somebody else has written meanwhile.
    private func claim(
        _ request: PermitRequest, _ folder: Data, _ claim: Data, _ view: View
    ) async throws(EtcdFailure) -> Bool {
        guard let duration = request.claim else { return true }
        let backing = try await self.pool.lease(for: duration)
        var record = self.newRecord(request.owner, for: duration, state: .claimed)
        record.permits = request.permits
        if let former = view.keys[claim].flatMap({ GrantRecord($0.value) }), former.host == self.host {
            record.since = former.since
        }
        var transaction = WireTxnRequest()
        transaction.compare = [.noneWritten(after: view.revision, folder, self.keys.end(folder))]
        transaction.success = [.put(claim, record.data, lease: backing.id), .get(claim)]
        let answer: WireTxnResponse
        do throws(EtcdFailure) {
            answer = try await self.write(transaction, claim, record, on: backing)
        } catch {
            guard error.kind == .leaseNotFound else { throw error }
            return false
        }
        guard answer.succeeded, answer.responses.count == 2,
            let written = answer.responses[1].responseRange.kvs.first
        else {
            self.custody.retract(claim)
            return false
        }
        self.custody.settle(claim, record, created: written.createRevision, modified: written.modRevision)
        return true
    }

    // MARK: Renewing and returning

    func renewPermits(_ lease: Lease, for duration: Duration) async throws(EtcdFailure) -> Lease? {
        let hold = self.keys.holdKey(self.keys.permitFolder(lease.name), lease.owner)
        return try await self.extend(
            hold, lease.name, owner: lease.owner, token: lease.token.revision, for: duration)
    }

    func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(EtcdFailure) -> Bool {
        let folder = self.keys.permitFolder(name)
        let hold = self.keys.holdKey(folder, owner)
        let before = self.now
        var transaction = WireTxnRequest()
        transaction.success = [.delete(hold)]
        if let token {
            transaction.compare = [.created(hold, token.revision)]
        } else {
            transaction.success.append(.delete(self.keys.claimKey(folder, owner)))
        }
        let answer = try await self.client.call(.txn, transaction)
        guard answer.succeeded else { return false }
        for former in answer.responses.flatMap(\.responseDeleteRange.prevKvs) {
            self.custody.forget(former.key, created: former.createRevision)
        }
        guard let former = answer.responses.first?.responseDeleteRange.prevKvs.first,
            let record = GrantRecord(former.value)
        else { return false }
        return !record.isOver(at: before, on: self.host)
    }

    func inspectPermits(_ name: LeaseName) async throws(EtcdFailure) -> PermitRecord {
        try await self.permits(name).book.record(name, at: self.clock.now)
    }

    // MARK: Waiting

    func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(EtcdFailure) -> Bool {
        let folder = self.keys.permitFolder(request.name)
        let deadline = self.clock.now.advanced(by: limit)
        while true {
            if Task.isCancelled { throw EtcdFailure(.cancelled, "the wait for \(request.name) was cancelled") }
            let view = try await self.permits(request.name)
            if view.book.allows(request) { return true }
            let now = self.clock.now
            if now >= deadline { return false }
            // What others of this host know to be over frees permits before its key is gone. Elsewhere the end is an estimate, at
            // which it does no harm to look.
            let end = view.book.earliestEnd ?? deadline
            let next = max(end, now.advanced(by: .milliseconds(80))).advanced(by: .milliseconds(20))
            let signal = OneShotSignal()
            self.watches.watch(folder, to: self.keys.end(folder), after: view.revision, signal)
            defer { self.watches.leave(folder, signal) }
            do {
                _ = try await signal.wait(
                    until: min(deadline, next, now.advanced(by: .seconds(15))), on: self.clock)
            } catch {
                throw EtcdFailure(.cancelled, "the wait for \(request.name) was cancelled", cause: error)
            }
        }
    }
}
#endif
