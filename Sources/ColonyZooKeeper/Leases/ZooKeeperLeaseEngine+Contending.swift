#if ZooKeeper
public import ColonyCore
import Synchronization

/// Asking for a lock: make a node, see whether it is the first, and otherwise go or wait for the one before it.
extension ZooKeeperLeaseEngine {
    /// What somebody wants.
    struct Ask {
        let name: LeaseName
        let owner: OwnerID
        let duration: Duration
        /// Until when to wait in the queue; `nil` to ask once.
        let limit: MonotonicInstant?
        /// When the ensemble counts as unreachable.
        let deadline: MonotonicInstant
    }

    /// A node of this engine that stands at a lock.
    private struct Entry {
        let guid: String
        let session: ZooKeeperSession
        /// `nil` while it is unknown whether the node was made.
        var path: String?
    }

    func contend(_ ask: Ask) async throws(LeaseError) -> Acquisition {
        var entry: Entry?
        do throws(LeaseError) {
            while true {
                let session = try await self.sessions.connected(until: ask.deadline)
                guard self.clock.now < ask.deadline else { throw self.sessions.unreachable() }
                if let present = entry, present.session !== session {
                    // The node ended with its session, and the place in the queue with it.
                    entry = nil
                }
                var view: View?
                if entry == nil {
                    (entry, view) = try await self.enter(ask, on: session)
                } else {
                    view = try await self.look(ask.name, on: session, until: ask.deadline)
                }
                guard var present = entry, let view else { continue }
                if present.path == nil {
                    guard let path = try await self.findLost(present.guid, in: view, ask, on: session) else {
                        // Not made so far; should it be made late, it is deleted then.
                        self.condemn(present.guid, ask.name, on: session)
                        entry = nil
                        continue
                    }
                    present.path = path
                    entry = present
                }
                let step = try await self.step(ask, present.guid, view, on: session)
                switch step {
                case .answer(let answer): return answer
                case .lookAgain: continue
                case .gone:
                    self.expiriesStop(
                        self.nodes.withLock { nodes in
                            let node = nodes[present.guid]
                            nodes.forget(present.guid)
                            return node
                        })
                    entry = nil
                }
            }
        } catch {
            if let entry { self.abandon(entry.guid, ask.name, on: entry.session) }
            throw error
        }
    }

    private enum Step {
        case answer(Acquisition)
        case lookAgain
        /// The own node is not there any more: broken, run out, or taken over.
        case gone
    }

    private func step(
        _ ask: Ask, _ guid: String, _ view: View, on session: ZooKeeperSession
    ) async throws(LeaseError) -> Step {
        guard let place = view.contenders.firstIndex(where: { $0.guid == guid }) else { return .gone }
        let first = view.contenders[0]
        if place == 0 {
            let duration = self.granted(ask.duration, on: session)
            guard let lease = self.grant(guid, for: duration, from: view.sentAt) else { return .gone }
            return .answer(.granted(lease))
        }
        if first.mayBelong(to: ask.owner) {
            switch try await self.takeOver(first, ask.name, ask.owner, ask.duration, on: session, until: ask.deadline) {
            case .taken(let lease):
                await self.leave(guid, ask.name, on: session)
                return .answer(.granted(lease))
            case .changed: return .lookAgain
            case .others: break
            }
        }
        if let limit = ask.limit, self.clock.now < limit {
            let predecessor = view.contenders[place - 1]
            try await self.wait(
                for: .data(self.path(of: predecessor, ask.name)), on: session, until: limit, ask.name)
            return .lookAgain
        }
        let reply = await session.send(.data(path: self.path(of: first, ask.name))).value()
        guard reply.isDone else {
            if reply.outcome != .noNode {
                try await self.tryAgain(reply.outcome, "look at \(ask.name)", until: ask.deadline)
            }
            return .lookAgain
        }
        await self.leave(guid, ask.name, on: session)
        return .answer(.held(self.holder(first, NodeRecord(reply.bytes, name: first.name), reply.stat)))
    }

    // MARK: Making the node

    /// Makes a node and lists the contenders in one round trip.
    ///
    /// - Returns: The entry, without a path if it is unknown whether the node was made, and the list, if it was.
    private func enter(_ ask: Ask, on session: ZooKeeperSession) async throws(LeaseError) -> (Entry?, View?) {
        let guid = Contender.makeGUID(for: ask.owner, random: self.sessions.randomNumber())
        let record = NodeRecord(owner: ask.owner, duration: self.granted(ask.duration, on: session))
        let isLive = self.nodes.withLock { nodes in
            // Under the lock that the end of a session takes: what is entered after it would never be forgotten.
            guard !session.isOver else { return false }
            nodes.enter(
                LocalNodes.Node(
                    guid: guid, name: ask.name, owner: ask.owner, session: ObjectIdentifier(session), record: record))
            return true
        }
        guard isLive else { return (nil, nil) }
        let parent = self.path(of: ask.name)
        let created = session.send(
            .create(
                path: "\(parent)/\(Contender.prefix(guid: guid))", data: record.bytes, kind: .ephemeralSequential))
        let listed = session.send(.children(path: parent))
        let reply = await created.value()
        switch reply.outcome {
        case .done:
            self.nodes.withLock { $0.made(guid, path: reply.text, token: record.token(reply.stat)) }
            let list = await listed.value()
            let entry = Entry(guid: guid, session: session, path: reply.text)
            guard list.isDone else { return (entry, nil) }
            return (entry, View(contenders: Contender.sorted(list.names), sentAt: created.sentAt))
        case .noNode:
            self.nodes.withLock { $0.forget(guid) }
            try await self.makeParents(of: parent, on: session, until: ask.deadline)
            return (nil, nil)
        case .connectionLost:
            return (Entry(guid: guid, session: session, path: nil), nil)
        case .timedOut, .cancelled:
            self.condemn(guid, ask.name, on: session)
            throw LeaseError(reply.outcome, "take \(ask.name)", self.options)
        default:
            self.nodes.withLock { $0.forget(guid) }
            try await self.tryAgain(reply.outcome, "take \(ask.name)", until: ask.deadline)
            return (nil, nil)
        }
    }

    /// Looks for a node whose making went unanswered.
    private func findLost(
        _ guid: String, in view: View, _ ask: Ask, on session: ZooKeeperSession
    ) async throws(LeaseError) -> String? {
        guard let found = view.contenders.first(where: { $0.guid == guid }) else { return nil }
        let path = self.path(of: found, ask.name)
        let reply = await session.send(.exists(path: path)).value()
        guard reply.isDone else {
            if reply.outcome != .noNode {
                try await self.tryAgain(reply.outcome, "take \(ask.name)", until: ask.deadline)
            }
            return nil
        }
        self.nodes.withLock {
            $0.made(guid, path: path, token: FencingToken(rawValue: UInt64(bitPattern: reply.stat.creation)))
        }
        return path
    }

    /// Makes the node of a lock, and the root above it where that is missing.
    ///
    /// The node of a lock is a container, which the ensemble deletes when it has been empty for a while.
    ///
    /// - Parameter folder: What stands between the root and the node; it stays.
    func makeParents(
        of parent: String, below folder: String? = nil, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) {
        let usesContainers = !self.lacksContainers.load(ordering: .relaxed)
        let reply = await session.send(
            .create(path: parent, data: [], kind: usesContainers ? .container : .persistent)
        ).value()
        switch reply.outcome {
        case .done, .nodeExists: return
        case .unimplemented where usesContainers:
            self.lacksContainers.store(true, ordering: .relaxed)
            return
        case .noNode: break
        default: return try await self.tryAgain(reply.outcome, "make the node \(parent)", until: deadline)
        }
        var path = ""
        for part in (folder ?? self.options.root).dropFirst().split(separator: "/") {
            path += "/\(part)"
            let reply = await session.send(.create(path: path, data: [], kind: .persistent)).value()
            if reply.isDone || reply.outcome == .nodeExists { continue }
            return try await self.tryAgain(reply.outcome, "make the node \(path)", until: deadline)
        }
    }

    // MARK: Becoming the holder

    /// Makes a node of this engine the holder from `start` on, and sees to its end.
    func grant(
        _ guid: String, for duration: Duration, from start: MonotonicInstant, atLeast minimum: Duration = .zero
    ) -> Lease? {
        self.nodes.withLock { nodes in
            let lease = nodes.grant(guid, for: duration, from: start, atLeast: minimum, at: self.clock.now)
            self.arm(guid, in: &nodes)
            return lease
        }
    }

    /// Sets the alarm of a grant to its present end.
    func arm(_ guid: String, in nodes: inout LocalNodes) {
        guard let grant = nodes[guid]?.grant else { return }
        if grant.alarm != 0 { self.expiries.cancel(grant.alarm) }
        nodes.setAlarm(self.expiries.set(guid, at: grant.expiry), of: guid)
    }

    enum TakeOver {
        case taken(Lease)
        /// The node went, or was one that has to go; look again.
        case changed
        /// The node is another owner's, or that of another grant.
        case others
    }

    /// Extends the grant of a node that may belong to the owner, wherever it was made.
    ///
    /// - Parameter token: The grant that is meant, or `nil` for whichever it is.
    func takeOver(
        _ contender: Contender, _ name: LeaseName, _ owner: OwnerID, _ duration: Duration, token: FencingToken? = nil,
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> TakeOver {
        let path = self.path(of: contender, name)
        let pending = session.send(.data(path: path))
        let reply = await pending.value()
        guard reply.isDone else {
            if reply.outcome != .noNode { try await self.tryAgain(reply.outcome, "take \(name)", until: deadline) }
            return .changed
        }
        let record = NodeRecord(reply.bytes, name: contender.name)
        let present = record.token(reply.stat)
        guard record.owner == owner, token == nil || token == present else { return .others }
        if reply.stat.session == session.identity {
            let lease = self.nodes.withLock { nodes -> Lease? in
                nodes.made(contender.guid, path: path, token: present)
                let lease = nodes.grant(
                    contender.guid, for: self.granted(duration, on: session), from: pending.sentAt, at: self.clock.now)
                self.arm(contender.guid, in: &nodes)
                return lease
            }
            if let lease { return .taken(lease) }
            // Run out or given up, and on its way out.
            let reply = await session.send(.delete(path: path)).value()
            if !reply.isDone, reply.outcome != .noNode {
                try await self.tryAgain(reply.outcome, "take \(name)", until: deadline)
            }
            return .changed
        }
        return try await self.move(contender, record, reply.stat, name, duration, on: session, until: deadline)
    }

    /// Takes the place of another session's node in one transaction, and keeps its token.
    private func move(
        _ contender: Contender, _ old: NodeRecord, _ stat: NodeStat, _ name: LeaseName, _ duration: Duration,
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> TakeOver {
        let guid = Contender.makeGUID(for: old.owner, random: self.sessions.randomNumber())
        let granted = self.granted(duration, on: session)
        let token = old.token(stat)
        // The owner may count on what the other engine answered, and the next one to take it over has to know.
        var record = NodeRecord(owner: old.owner, duration: max(granted, old.duration ?? granted))
        record.token = token
        record.since = old.since ?? stat.createdAt
        let target = "\(self.path(of: name))/\(Contender.prefix(guid: guid))\(contender.digits)"
        let former = self.nodes.withLock { nodes -> LocalNodes.Node? in
            guard !session.isOver else { return nil }
            let former = nodes.present(of: name).flatMap { $0.token == token ? $0 : nil }
            record.renewals = old.renewals + 1 + (former?.grant?.silent ?? 0)
            var node = LocalNodes.Node(
                guid: guid, name: name, owner: old.owner, session: ObjectIdentifier(session), record: record)
            node.path = target
            node.token = token
            nodes.enter(node)
            return former
        }
        let pending = session.send(
            .move(from: self.path(of: contender, name), to: target, data: record.bytes))
        let reply = await pending.value()
        switch reply.outcome {
        case .done, .connectionLost, .timedOut, .cancelled:
            // Also when it went unanswered: the other session may count on the node, which therefore must not end
            // before its time. If it was not made, its end is an end of nothing.
            if let former { self.forget(former) }
            let lease = self.grant(
                guid, for: granted, from: pending.sentAt, atLeast: self.granted(old.duration ?? granted, on: session))
            if reply.isDone, let lease { return .taken(lease) }
            if reply.isDone { return .changed }
        default:
            self.nodes.withLock { $0.forget(guid) }
            if reply.outcome == .noNode || reply.outcome == .nodeExists { return .changed }
        }
        try await self.tryAgain(reply.outcome, "take over \(name)", until: deadline)
        return .changed
    }

    func forget(_ node: LocalNodes.Node) {
        self.expiriesStop(
            self.nodes.withLock { nodes in
                let present = nodes[node.guid]
                nodes.forget(node.guid)
                return present
            })
    }

    func expiriesStop(_ node: LocalNodes.Node?) {
        if let alarm = node?.grant?.alarm, alarm != 0 { self.expiries.cancel(alarm) }
    }
}

extension ZooKeeperLeaseEngine: FairLeaseEngine {
    /// A waiter's node ends with its session, so a dead one is passed when its timeout is over: at most half as much again as
    /// ours, because servers look once in a tick, if all clients use the same timeout.
    public var deadWaiterBound: Duration { self.options.sessionTimeout * 3 / 2 }

    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        guard limit > .zero else { return try await self.tryAcquire(name, owner: owner, for: duration) }
        try LeaseLimits.check(duration)
        let end = self.clock.now.advanced(by: limit)
        let deadline = end.advanced(by: self.options.timeout)
        if let lease = try await self.extendHeld(name, owner, duration, until: deadline) { return .granted(lease) }
        return try await self.contend(
            Ask(name: name, owner: owner, duration: duration, limit: end, deadline: deadline))
    }
}
#endif
