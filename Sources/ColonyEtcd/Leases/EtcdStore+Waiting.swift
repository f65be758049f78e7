#if Etcd
internal import ColonyCore
internal import FoundationEssentials

/// Waiting for the end of a grant, and for a turn in the queue of a name.
extension EtcdStore {
    private static let longestWatch = Duration.seconds(15)

    // MARK: For a change

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(EtcdFailure) -> Bool {
        let folder = self.keys.folder(name)
        let deadline = self.clock.now.advanced(by: limit)
        while true {
            if Task.isCancelled { throw EtcdFailure(.cancelled, "the wait for \(name) was cancelled") }
            var request = WireRangeRequest()
            request.key = folder
            request.rangeEnd = self.keys.end(folder)
            request.minCreateRevision = token.revision
            request.maxCreateRevision = token.revision
            let answer = try await self.client.call(.range, request)
            guard let present = answer.kvs.first(where: { self.keys.isContender($0.key, in: folder) }) else {
                return true
            }
            if self.isOver(GrantRecord(present.value)) { return true }
            if self.clock.now >= deadline { return false }
            try await self.waitForEnd(of: present, after: answer.header.revision, until: deadline, nil)
        }
    }

    /// Waits until a key may be gone, or its grant over, or `deadline` has come, or `waiter` is lost.
    private func waitForEnd(
        of present: WireKeyValue, after revision: Int64, until deadline: MonotonicInstant, _ waiter: ServerLease?
    ) async throws(EtcdFailure) {
        let signal = OneShotSignal()
        self.watches.watch(present.key, after: revision, signal)
        waiter?.signalLoss(signal)
        defer {
            waiter?.signalLoss(nil)
            self.watches.leave(present.key, signal)
        }
        // A watch may die without a sign, so the key is looked at once in a while.
        var limit = min(deadline, self.clock.now.advanced(by: Self.longestWatch))
        if let record = GrantRecord(present.value), record.state == .held, record.host == self.host {
            // Renewals are not watched. Who looks again at the end that was last known finds out. Whoever answers for the
            // grant gets a moment to end it first.
            limit = min(limit, max(record.end.monotonic, self.clock.now).advanced(by: .milliseconds(20)))
        }
        do {
            _ = try await signal.wait(until: limit, on: self.clock)
        } catch {
            throw EtcdFailure(.cancelled, "the wait was cancelled", cause: error)
        }
    }

    // MARK: In turn

    func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(EtcdFailure) -> Acquisition {
        let deadline = self.clock.now.advanced(by: limit)
        var failures = 0
        while self.clock.now < deadline {
            do throws(EtcdFailure) {
                if let lease = try await self.queue(name, owner: owner, for: duration, until: deadline) {
                    return .granted(lease)
                }
                // The place was lost. What takes it again and again must not keep the server busy.
                failures += 1
                guard try await self.pause(failures, until: deadline) else { break }
            } catch {
                failures += 1
                guard error.kind == .unreachable, try await self.pause(failures, until: deadline) else { throw error }
            }
        }
        // The place in the queue is given up. Only if nobody is there at all is there still something to be had.
        return try await self.tryAcquire(name, owner: owner, for: duration)
    }

    /// - Returns: Whether there is time for another attempt.
    private func pause(_ failures: Int, until deadline: MonotonicInstant) async throws(EtcdFailure) -> Bool {
        let resumption = self.clock.now.advanced(
            by: self.client.delay(self.client.options.backoff, after: failures))
        guard resumption < deadline else { return false }
        do {
            try await self.clock.sleep(until: resumption, tolerance: nil)
        } catch {
            throw EtcdFailure(.cancelled, "the wait was cancelled", cause: error)
        }
        return true
    }

    /// Enters the queue, waits for the turn, and takes the name.
    ///
    /// - Returns: The lease, or `nil` if the deadline came or the place was lost, and nothing is left in the queue.
    private func queue(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, until deadline: MonotonicInstant
    ) async throws(EtcdFailure) -> Lease? {
        let key = self.keys.key(self.keys.folder(name), owner)
        if self.custody.known(key, at: self.clock.now) != nil,
            let lease = try await self.extend(key, name, owner: owner, token: nil, for: duration)
        {
            return lease
        }
        let waiter = try await self.pool.waiter()
        // Ending the waiter's lease takes its key out of the queue, whatever became of the requests about it.
        var isClean = false
        defer {
            if isClean { self.pool.giveBack(waiter) } else { self.pool.abandon(waiter) }
        }
        switch try await self.enterQueue(name, key, owner, for: duration, waiter) {
        case .granted(let lease):
            isClean = true
            return lease
        case .lost:
            isClean = true
            return nil
        case .waiting(let created):
            var failures = 0
            while true {
                do throws(EtcdFailure) {
                    switch try await self.takeTurn(name, key, owner, for: duration, created, waiter, until: deadline) {
                    case .granted(let lease):
                        isClean = true
                        return lease
                    case .lost:
                        return nil
                    case .waiting:
                        failures = 0
                        if self.clock.now >= deadline {
                            isClean = try await self.leaveQueue(key, created)
                            return nil
                        }
                    }
                } catch {
                    // The place is kept for as long as the server keeps the waiter's lease.
                    failures += 1
                    guard error.kind == .unreachable, !waiter.isRetired,
                        try await self.pause(failures, until: deadline)
                    else { throw error }
                }
            }
        }
    }

    private enum Turn {
        case granted(Lease)
        /// In the queue since the key was created at this revision.
        case waiting(Int64)
        /// Not in the queue any more.
        case lost
    }

    /// Takes the name if it is free and enters its queue if not, in one step.
    private func enterQueue(
        _ name: LeaseName, _ key: Data, _ owner: OwnerID, for duration: Duration, _ waiter: ServerLease
    ) async throws(EtcdFailure) -> Turn {
        let folder = self.keys.folder(name)
        let backing = try await self.pool.lease(for: duration)
        let record = self.newRecord(owner, for: duration)
        let waiting = self.newRecord(owner, for: duration, state: .waiting)
        var entering = WireTxnRequest()
        entering.compare = [.created(key, 0)]
        entering.success = [.put(key, waiting.data, lease: waiter.id)]
        entering.failure = [.get(key)]
        var request = WireTxnRequest()
        request.compare = [.isEmpty(folder, self.keys.end(folder))]
        request.success = [.put(key, record.data, lease: backing.id)]
        request.failure = [.nested(entering)]
        let answer = try await self.write(request, key, record, on: backing)
        if answer.succeeded { return .granted(self.settle(name, key, record, answer.header.revision)) }
        self.custody.retract(key)
        guard let entered = answer.responses.first?.responseTxn else { return .lost }
        if entered.succeeded { return .waiting(answer.header.revision) }
        guard let present = entered.responses.first?.responseRange.kvs.first else { return .lost }
        return try await self.adopt(present, waiting, name, key, owner, for: duration, waiter)
    }

    /// What becomes of a key that this owner has already: a grant is renewed; a place in the queue, left by a request whose answer
    /// was lost, is kept.
    private func adopt(
        _ present: WireKeyValue, _ waiting: GrantRecord, _ name: LeaseName, _ key: Data, _ owner: OwnerID,
        for duration: Duration, _ waiter: ServerLease
    ) async throws(EtcdFailure) -> Turn {
        guard let record = GrantRecord(present.value), record.state == .waiting else {
            if let lease = try await self.extend(key, name, owner: owner, token: nil, for: duration, present: present) {
                return .granted(lease)
            }
            if self.isOver(GrantRecord(present.value)) { try await self.remove(present) }
            return .lost
        }
        var kept = waiting
        kept.since = record.host == self.host ? record.since : waiting.since
        var request = WireTxnRequest()
        request.compare = [.modified(key, present.modRevision)]
        request.success = [.put(key, kept.data, lease: waiter.id)]
        let answer = try await self.client.call(.txn, request)
        return answer.succeeded ? .waiting(present.createRevision) : .lost
    }

    /// Takes the name if nobody stands before the key that was created at `created`, or waits until the one before it is gone.
    ///
    /// The step that takes the name demands that the key is still there. So a waiter whose place was lost while it stood in the
    /// queue never takes anything (etcd-io/etcd#11456).
    private func takeTurn(
        _ name: LeaseName, _ key: Data, _ owner: OwnerID, for duration: Duration, _ created: Int64,
        _ waiter: ServerLease, until deadline: MonotonicInstant
    ) async throws(EtcdFailure) -> Turn {
        let folder = self.keys.folder(name)
        let end = self.keys.end(folder)
        var isCheckedForDeeperNames = false
        while true {
            let backing = try await self.pool.lease(for: duration)
            let record = self.newRecord(owner, for: duration)
            var request = WireTxnRequest()
            request.compare = [.created(key, created)]
            if !isCheckedForDeeperNames { request.compare.append(.noneBefore(created, folder, end)) }
            request.success = [.put(key, record.data, lease: backing.id)]
            request.failure = [
                .get(key), .range(.predecessors(folder, end, upTo: created - 1, limit: 1)),
            ]
            let answer: WireTxnResponse
            do throws(EtcdFailure) {
                answer = try await self.write(request, key, record, on: backing)
            } catch {
                guard error.kind == .leaseNotFound else { throw error }
                continue
            }
            if answer.succeeded {
                self.custody.settle(key, record, created: created, modified: answer.header.revision)
                return .granted(Self.lease(name, record, created: created))
            }
            self.custody.retract(key)
            guard answer.responses.count == 2,
                let own = answer.responses[0].responseRange.kvs.first, own.createRevision == created
            else { return .lost }
            var before = answer.responses[1].responseRange.kvs.first
            var revision = answer.header.revision
            if let found = before, !self.keys.isContender(found.key, in: folder) {
                let (contenders, at) = try await self.contenders(folder)
                before = contenders.last { $0.createRevision < created }
                revision = at
                isCheckedForDeeperNames = before == nil
            }
            guard let before else { continue }
            if self.isOver(GrantRecord(before.value)) {
                try await self.remove(before)
                continue
            }
            if self.clock.now >= deadline { return .waiting(created) }
            try await self.waitForEnd(of: before, after: revision, until: deadline, waiter)
            if self.clock.now >= deadline { return .waiting(created) }
        }
    }

    /// - Returns: Whether nothing is tied to the waiter's lease any more.
    private func leaveQueue(_ key: Data, _ created: Int64) async throws(EtcdFailure) -> Bool {
        var request = WireTxnRequest()
        request.compare = [.created(key, created)]
        request.success = [.delete(key)]
        _ = try await self.client.call(.txn, request)
        return true
    }
}
#endif
