#if ZooKeeper
public import ColonyCoordination
public import ColonyCore
import Synchronization

/// Permits: the lock recipe with a sum in place of the first place. What a claim waits for is written into its node.
extension ZooKeeperLeaseEngine: PermitEngine {
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        var made: (guid: String, session: ZooKeeperSession)?
        do throws(LeaseError) {
            while true {
                let session = try await self.sessions.connected(until: deadline)
                guard self.clock.now < deadline else { throw self.sessions.unreachable() }
                guard let view = try await self.permitView(request.name, on: session, until: deadline) else { continue }
                let verdict = view.verdict(on: request)
                guard let own = view.own(request.owner) else {
                    // Whoever is refused and has no claim need not leave a node.
                    if request.claim == nil, case .refused(let available) = verdict {
                        return .refused(view.refusal(available, before: view.stands.count, self))
                    }
                    // The making of an earlier node may have been lost on the way, or be late.
                    if let made { self.condemn(made.guid, view.parent, on: made.session) }
                    made = nil
                    if let guid = try await self.enterPermits(request, on: session, until: deadline) {
                        made = (guid, session)
                    }
                    continue
                }
                let stand = view.stands[own]
                if stand.permits.standing != .claims, stand.permits.count != request.permits {
                    if made?.guid == stand.contender.guid { continue }
                    throw LeaseError(
                        .invalidRequest,
                        "\(request.owner) holds \(stand.permits.count) permits of \(request.name) and cannot ask for "
                            + "\(request.permits)")
                }
                switch verdict {
                case .granted:
                    if let lease = try await self.takeStand(stand, request, view.sentAt, on: session, until: deadline) {
                        // A node of another engine of the same owner may have been the one that was granted.
                        if let made { await self.leave(made.guid, view.parent, on: made.session) }
                        return .granted(lease)
                    }
                case .undecided(let place):
                    try await self.wait(for: .data(view.stands[place].path), on: session, until: deadline, request.name)
                case .refused(let available):
                    let refusal = view.refusal(available, before: own, self)
                    guard let claim = request.claim else {
                        if stand.permits.standing == .claims { return .refused(refusal) }
                        guard let made, made.guid == stand.contender.guid else {
                            // The node of a request that is under way elsewhere.
                            try await self.wait(for: .data(stand.path), on: session, until: deadline, request.name)
                            continue
                        }
                        await self.leave(made.guid, view.parent, on: session)
                        return .refused(refusal)
                    }
                    if try await self.claim(stand, request, claim, on: session, until: deadline) {
                        if let made { await self.leave(made.guid, view.parent, on: made.session) }
                        return .refused(refusal)
                    }
                }
            }
        } catch {
            if let made { self.abandon(made.guid, self.permitParent(of: request.name), on: made.session) }
            throw error
        }
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let holding = self.permitHolding(lease.name, lease.owner)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            let node = self.nodes.withLock { $0.holder(of: holding, at: self.clock.now) }
            if let node, node.token == lease.token, node.session == ObjectIdentifier(session) {
                switch try await self.extend(node, duration, on: session, until: deadline) {
                case .extended(let lease): return lease
                case .again: continue
                case .gone: break
                }
            }
            guard let view = try await self.permitView(lease.name, on: session, until: deadline) else { continue }
            guard let own = view.own(lease.owner), view.stands[own].permits.standing != .claims,
                view.stands[own].record.token(view.stands[own].stat) == lease.token
            else {
                if let node, node.token == lease.token { self.forget(node) }
                return nil
            }
            switch try await self.takeOver(
                view.stands[own].contender, holding, lease.name, lease.owner, duration, token: lease.token,
                on: session, until: deadline)
            {
            case .taken(let lease): return lease
            case .changed: continue
            case .others: return nil
            }
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
                let holding = self.permitHolding(name, owner)
                return .success(
                    try await self.giveBack(name, owner, token, holding) { _, record in
                        record.permits?.standing != .claims
                    })
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
            if let view = try await self.permitView(name, on: session, until: deadline) {
                return view.record(name, self)
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
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let view = try await self.permitView(request.name, on: session, until: deadline) else { continue }
            let own = view.own(request.owner)
            if let own, view.stands[own].permits.standing == .granted { return true }
            var subject = WatchBoard.Subject.children(view.parent)
            switch view.verdict(on: request) {
            case .granted: return true
            case .undecided(let place): subject = .data(view.stands[place].path)
            case .refused:
                if let claim = view.stands[..<(own ?? view.stands.count)].last(where: { $0.permits.standing == .claims }
                ) {
                    subject = .data(claim.path)
                }
            }
            if self.clock.now >= end { return false }
            try await self.wait(for: subject, on: session, until: end, request.name)
        }
    }
}

// MARK: Nodes

extension ZooKeeperLeaseEngine {
    /// No name of a lock becomes a node that begins with a plus, so permits and locks do not meet.
    static let permitFolder = "+permits"

    func permitParent(of name: LeaseName) -> String {
        "\(self.options.root)/\(Self.permitFolder)/\(NodeNaming.node(for: name.rawValue))"
    }

    func permitHolding(_ name: LeaseName, _ owner: OwnerID) -> LocalNodes.Holding {
        LocalNodes.Holding(parent: self.permitParent(of: name), owner: owner)
    }

    /// All who hold, claim, or ask for permits of a name; `nil` if the connection broke.
    func permitView(
        _ name: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> PermitView? {
        let parent = self.permitParent(of: name)
        guard let view = try await self.look(name, at: parent, on: session, until: deadline) else { return nil }
        let pending = view.contenders.map { session.send(.data(path: "\(parent)/\($0.name)")) }
        var stands: [PermitView.Stand] = []
        for (contender, reply) in zip(view.contenders, pending) {
            let reply = await reply.value()
            // One that went meanwhile is left out, which makes room; what was granted by then stays granted.
            if reply.outcome == .noNode { continue }
            guard reply.isDone else {
                try await self.tryAgain(reply.outcome, "look at the permits of \(name)", until: deadline)
                return nil
            }
            let record = NodeRecord(reply.bytes, name: contender.name)
            guard let permits = record.permits else { continue }
            stands.append(
                PermitView.Stand(
                    contender: contender, path: "\(parent)/\(contender.name)", record: record, permits: permits,
                    stat: reply.stat))
        }
        return PermitView(parent: parent, stands: stands, sentAt: view.sentAt)
    }

    /// Makes a node for a request.
    ///
    /// - Returns: Its number, or `nil` if it is to be tried again.
    private func enterPermits(
        _ request: PermitRequest, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> String? {
        let guid = Contender.makeGUID(for: request.owner, random: self.sessions.randomNumber())
        let parent = self.permitParent(of: request.name)
        var record = NodeRecord(owner: request.owner, duration: self.granted(request.duration, on: session))
        record.permits = NodeRecord.Permits(count: request.permits, limit: request.limit)
        let written = record
        let isLive = self.nodes.withLock { nodes in
            guard !session.isOver else { return false }
            nodes.enter(
                LocalNodes.Node(
                    guid: guid, name: request.name, owner: request.owner,
                    holding: self.permitHolding(request.name, request.owner), session: ObjectIdentifier(session),
                    record: written))
            return true
        }
        guard isLive else { return nil }
        let reply = await session.send(
            .create(
                path: "\(parent)/\(Contender.prefix(guid: guid))", data: record.bytes, kind: .ephemeralSequential)
        ).value()
        switch reply.outcome {
        case .done:
            self.nodes.withLock { $0.made(guid, path: reply.text, token: record.token(reply.stat)) }
            return guid
        case .noNode:
            self.nodes.withLock { $0.forget(guid) }
            try await self.makeParents(
                of: parent, below: "\(self.options.root)/\(Self.permitFolder)", on: session, until: deadline)
            return nil
        case .connectionLost:
            // It may have been made, and then is found in the list by its owner.
            return guid
        default:
            self.condemn(guid, parent, on: session)
            try await self.tryAgain(reply.outcome, "take permits of \(request.name)", until: deadline)
            return nil
        }
    }

    /// Makes the owner of a node that fits a holder, wherever the node was made.
    private func takeStand(
        _ stand: PermitView.Stand, _ request: PermitRequest, _ start: MonotonicInstant, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Lease? {
        let holding = self.permitHolding(request.name, request.owner)
        let token = stand.record.token(stand.stat)
        var record = stand.record
        record.duration = self.granted(request.duration, on: session)
        record.permits = NodeRecord.Permits(
            count: request.permits, limit: request.limit, standing: stand.permits.standing == .asked ? .asked : .granted
        )
        guard stand.stat.session == session.identity else {
            let answer = try await self.move(
                stand.contender, record, stand.stat, holding, request.name, request.duration, on: session,
                until: deadline)
            if case .taken(let lease) = answer { return lease }
            return nil
        }
        if stand.permits.standing == .claims {
            let reply = await session.send(.set(path: stand.path, data: record.bytes, version: -1)).value()
            guard reply.isDone else {
                if reply.outcome != .noNode {
                    try await self.tryAgain(reply.outcome, "take permits of \(request.name)", until: deadline)
                }
                return nil
            }
        }
        let written = record
        let lease = self.nodes.withLock { nodes -> Lease? in
            let guid = stand.contender.guid
            nodes.made(guid, path: stand.path, token: token)
            if nodes[guid]?.grant == nil { nodes.wrote(written, into: guid) }
            self.expiriesStop(nodes[guid])
            let lease = nodes.grant(
                guid, for: self.granted(request.duration, on: session), from: start, at: self.clock.now)
            self.arm(guid, in: &nodes)
            return lease
        }
        if lease == nil {
            // Run out or given up, and on its way out.
            let reply = await session.send(.delete(path: stand.path)).value()
            if !reply.isDone, reply.outcome != .noNode {
                try await self.tryAgain(reply.outcome, "take permits of \(request.name)", until: deadline)
            }
        }
        return lease
    }

    /// Lets a refused node keep its place for a while.
    ///
    /// - Returns: `false` if the node went meanwhile.
    private func claim(
        _ stand: PermitView.Stand, _ request: PermitRequest, _ duration: Duration, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        var record = stand.record
        record.permits = NodeRecord.Permits(count: request.permits, limit: request.limit, standing: .claims)
        let end = self.clock.now.advanced(by: duration)
        guard stand.stat.session == session.identity else {
            // Of another engine of the same owner: the place is kept by who asked last.
            _ = try await self.move(
                stand.contender, record, stand.stat, self.permitHolding(request.name, request.owner), request.name,
                duration, on: session, until: deadline)
            return false
        }
        if record != stand.record {
            let reply = await session.send(.set(path: stand.path, data: record.bytes, version: -1)).value()
            guard reply.isDone else {
                if reply.outcome != .noNode {
                    try await self.tryAgain(reply.outcome, "claim permits of \(request.name)", until: deadline)
                }
                return false
            }
        }
        let written = record
        let isKept = self.nodes.withLock { nodes in
            let guid = stand.contender.guid
            guard let node = nodes[guid] else { return false }
            if case .over = node.phase { return false }
            self.expiriesStop(node)
            nodes.made(guid, path: stand.path, token: stand.record.token(stand.stat))
            nodes.wrote(written, into: guid)
            nodes.claim(guid, until: end, alarm: self.expiries.set(guid, at: end))
            return true
        }
        // Otherwise it had run out, and is on its way out.
        if !isKept { _ = await session.send(.delete(path: stand.path)).value() }
        return isKept
    }
}
#endif
