#if ZooKeeper
public import ColonyCoordination
public import ColonyCore
import Synchronization

/// Permits: an ephemeral node for each who holds and each who claims, below the node of the name.
///
/// The list is read, the book decides, and one transaction writes what follows, under the guard of the name: see `Guard`. A
/// token is the number of the transaction that made the grant.
extension ZooKeeperLeaseEngine: PermitEngine {
    /// Takes permits as ``ColonyCoordination/PermitEngine`` says, and no longer than nine tenths of the session's timeout.
    ///
    /// - Complexity: Three round trips: the list, the nodes in it, and the transaction; three more each time that another engine
    ///   was faster.
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let parent = self.permitParent(of: request.name)
        try await self.beginTurn(parent, until: deadline)
        defer { self.turns.end(parent) }
        do throws(LeaseError) {
            var conflicts = 0
            while true {
                let session = try await self.sessions.connected(until: deadline)
                if let view = try await self.permitView(request.name, on: session, until: deadline) {
                    switch try await self.decide(request, view, on: session, until: deadline) {
                    case .answer(let answer): return answer
                    case .lookAgain: break
                    }
                }
                conflicts += 1
                try await self.giveWay(conflicts, until: deadline)
            }
        } catch {
            // A node that was made for this call, and that nobody was told of.
            if let session = self.sessions.present {
                for path in self.permits.withLock({ $0.asked(request.name, request.owner) }) {
                    self.condemnPermit(path, on: session)
                }
            }
            throw error
        }
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        var conflicts = 0
        while true {
            let session = try await self.sessions.connected(until: deadline)
            let granted = self.granted(duration, on: session)
            let present = self.permits.withLock { $0.hold(lease.name, lease.owner) }
            if let (path, entry, grant) = present, grant.token == lease.token,
                entry.session == ObjectIdentifier(session)
            {
                switch try await self.extendHold(path, grant.token, granted, on: session, until: deadline) {
                case .extended(let lease): return lease
                case .again: continue
                case .gone: break
                }
            }
            if let view = try await self.permitView(lease.name, on: session, until: deadline) {
                if let stand = view.hold(of: lease.owner), stand.token == lease.token {
                    let renewed = try await self.takeOver(
                        stand, lease.name, granted, view, on: session, until: deadline)
                    if let renewed { return renewed }
                } else {
                    // Others count what is over and still there, so it goes before anybody is told that it is over.
                    var areDeleted = true
                    for path in view.over {
                        let answer = try await self.deletePermit(path, lease.name, on: session, until: deadline)
                        if answer == nil { areDeleted = false }
                    }
                    if areDeleted { return nil }
                }
            }
            conflicts += 1
            try await self.giveWay(conflicts, until: deadline)
        }
    }

    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        // In a task of its own: giving back goes on when the caller is cancelled.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let work = Task(executorPreference: executor) { () -> Result<Bool, LeaseError> in
            do throws(LeaseError) {
                return .success(try await self.giveBackPermits(name, owner, token))
            } catch {
                return .failure(error)
            }
        }
        return try await work.value.get()
    }

    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard self.clock.now < deadline else { throw self.sessions.unreachable() }
            if let view = try await self.permitView(name, on: session, until: deadline) {
                return view.book.record(name, at: view.now)
            }
        }
    }

    /// Each claim waits for the one before it, so that a change wakes one; who has no claim waits for the last one, and the
    /// first claim for the end of any holder.
    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        let end = self.clock.now.advanced(by: max(.zero, limit))
        let deadline = end.advanced(by: self.options.timeout)
        let parent = self.permitParent(of: request.name)
        var armed: (subject: WatchBoard.Subject, signal: OneShotSignal, session: ZooKeeperSession)?
        defer { if let armed { armed.session.board.forget(armed.signal, armed.subject) } }
        while true {
            if Task.isCancelled { throw LeaseError(.cancelled, "the wait for \(request.name) was cancelled") }
            let session = try await self.sessions.connected(until: deadline)
            guard let view = try await self.permitView(request.name, on: session, until: deadline) else { continue }
            if view.book.allows(request) { return true }
            if self.clock.now >= end { return false }
            let subject = view.obstacle(to: request, below: parent)
            if let armed, armed.subject == subject, armed.session === session {
                // The view was taken behind the watch, so whatever happens after it fires the signal.
                try await self.wait(for: armed.signal, until: end, request.name)
            }
            if let armed { armed.session.board.forget(armed.signal, armed.subject) }
            armed = (subject, session.board.signal(for: subject, on: session), session)
        }
    }
}

// MARK: Deciding

extension ZooKeeperLeaseEngine {
    private enum Decision {
        case answer(PermitAcquisition)
        case lookAgain
    }

    private func decide(
        _ request: PermitRequest, _ view: PermitView, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Decision {
        guard let guarding = view.guarding else {
            let folder = self.permitFolder
            try await self.makeGuarded(
                self.permitParent(of: request.name), guard: self.guardPath(of: request.name, in: folder), in: folder,
                on: session, until: deadline)
            return .lookAgain
        }
        // Others count what is over and still there; nobody is granted anything beside it.
        if !view.over.isEmpty {
            for path in view.over { _ = try await self.deletePermit(path, request.name, on: session, until: deadline) }
            return .lookAgain
        }
        let book = view.book
        if try book.present(request) != nil, let stand = view.hold(of: request.owner) {
            let granted = self.granted(request.duration, on: session)
            let lease = try await self.takeOver(stand, request.name, granted, view, on: session, until: deadline)
            return lease.map { .answer(.granted($0)) } ?? .lookAgain
        }
        let claim = view.claim(of: request.owner)
        if let refusal = book.obstacle(to: request, at: view.now) {
            guard let duration = request.claim else { return .answer(.refused(refusal)) }
            let isKept =
                if let claim {
                    try await self.keepClaim(
                        claim, request, duration, guarding, on: session, until: deadline)
                } else {
                    try await self.makeClaim(request, duration, guarding, on: session, until: deadline)
                }
            return isKept ? .answer(.refused(refusal)) : .lookAgain
        }
        let lease = try await self.grant(request, instead: claim, guarding, on: session, until: deadline)
        return lease.map { .answer(.granted($0)) } ?? .lookAgain
    }

    private func grant(
        _ request: PermitRequest, instead claim: PermitView.Stand?, _ guarding: Guard, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Lease? {
        let granted = self.granted(request.duration, on: session)
        let node = PermitNode(owner: request.owner, kind: .hold, permits: request.permits, duration: granted)
        let path = self.newPermitPath(node, request.name)
        var changes = [guarding.change, .create(path: path, data: node.bytes, kind: .ephemeral)]
        if let claim { changes.append(.delete(path: claim.path, version: -1)) }
        let commit = try await self.commit(
            changes, making: node, request.name, at: path, on: session, until: deadline)
        guard case .done(let stat, let sentAt) = commit else { return nil }
        if let claim { self.forgetPermit(claim.path) }
        let token = FencingToken(rawValue: UInt64(bitPattern: stat.modification))
        return self.hold(path, token, for: granted, from: sentAt)
    }

    private func makeClaim(
        _ request: PermitRequest, _ duration: Duration, _ guarding: Guard, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        let node = PermitNode(owner: request.owner, kind: .claim, permits: request.permits, duration: duration)
        let path = self.newPermitPath(node, request.name)
        let commit = try await self.commit(
            [guarding.change, .create(path: path, data: node.bytes, kind: .ephemeral)], making: node, request.name,
            at: path, on: session, until: deadline)
        guard case .done = commit else { return false }
        return self.keepClaim(path, until: self.clock.now.advanced(by: duration))
    }

    /// Keeps the place of a claim, which another engine of the owner may have made.
    private func keepClaim(
        _ stand: PermitView.Stand, _ request: PermitRequest, _ duration: Duration, _ guarding: Guard,
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        var node = stand.node
        node.permits = request.permits
        node.duration = duration
        if stand.isOwn {
            if node != stand.node {
                let reply = await session.send(
                    .transaction([guarding.change, .set(path: stand.path, data: node.bytes, version: -1)])
                ).value()
                guard reply.isDone else {
                    try await self.lookAgain(reply.outcome, "claim permits of \(request.name)", until: deadline)
                    return false
                }
                let written = node
                self.permits.withLock { $0.wrote(written, at: stand.path) }
            }
            return self.keepClaim(stand.path, until: self.clock.now.advanced(by: duration))
        }
        node.token = stand.token.rawValue
        node.since = stand.node.since ?? stand.stat.createdAt
        let path = self.newPermitPath(node, request.name)
        let commit = try await self.commit(
            [
                guarding.change, .delete(path: stand.path, version: stand.stat.version),
                .create(path: path, data: node.bytes, kind: .ephemeral),
            ], making: node, request.name, at: path, replacing: stand, on: session, until: deadline)
        guard case .done = commit else { return false }
        return self.keepClaim(path, until: self.clock.now.advanced(by: duration))
    }

    /// Extends a hold, which another engine of the owner may have made: then its node is replaced by one of this session, with
    /// the same token.
    ///
    /// - Returns: `nil` if it went or was changed meanwhile.
    private func takeOver(
        _ stand: PermitView.Stand, _ name: LeaseName, _ granted: Duration, _ view: PermitView,
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Lease? {
        if stand.isOwn {
            let answer = try await self.extendHold(
                stand.path, stand.token, granted, on: session, until: deadline)
            if case .extended(let lease) = answer { return lease }
            return nil
        }
        guard let guarding = view.guarding else { return nil }
        var node = stand.node
        // The owner may count on what the other engine answered, and the next one to take it over has to know.
        node.duration = max(granted, stand.node.duration)
        node.token = stand.token.rawValue
        node.since = stand.node.since ?? stand.stat.createdAt
        let path = self.newPermitPath(node, name)
        // The other engine may have been extending it: what it wrote for that is a change that this has to know of.
        let commit = try await self.commit(
            [
                guarding.change, .delete(path: stand.path, version: stand.stat.version),
                .create(path: path, data: node.bytes, kind: .ephemeral),
            ], making: node, name, at: path, replacing: stand, on: session, until: deadline)
        guard case .done(_, let sentAt) = commit else { return nil }
        return self.hold(
            path, stand.token, for: granted, from: sentAt, former: self.granted(stand.node.duration, on: session),
            atLeastUntil: self.clock.now.advanced(by: stand.node.duration))
    }
}
#endif
