#if ZooKeeper
public import ColonyCore
import Synchronization

/// Renewing: a round trip that sees whether the node is still there.
extension ZooKeeperLeaseEngine {
    private enum Extension {
        case extended(Lease)
        /// The node is not there, or not ours any more.
        case gone
        /// The connection broke; begin again.
        case again
    }

    /// Extends what the owner holds through this engine.
    ///
    /// - Returns: `nil` if it holds nothing here.
    func extendHeld(
        _ name: LeaseName, _ owner: OwnerID, _ duration: Duration, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Lease? {
        while let node = self.nodes.withLock({ $0.holder(of: name, at: self.clock.now) }), node.owner == owner {
            let session = try await self.sessions.connected(until: deadline)
            guard ObjectIdentifier(session) == node.session else { return nil }
            switch try await self.extend(node, duration, on: session, until: deadline) {
            case .extended(let lease): return lease
            case .gone: return nil
            case .again: continue
            }
        }
        return nil
    }

    func renew(
        _ lease: Lease, for duration: Duration, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Lease? {
        while true {
            let session = try await self.sessions.connected(until: deadline)
            let node = self.nodes.withLock { $0.holder(of: lease.name, at: self.clock.now) }
            if let node, node.owner == lease.owner, node.token == lease.token, node.session == ObjectIdentifier(session)
            {
                switch try await self.extend(node, duration, on: session, until: deadline) {
                case .extended(let lease): return lease
                case .again: continue
                case .gone: break
                }
            }
            guard let view = try await self.look(lease.name, on: session, until: deadline) else { continue }
            if let first = view.contenders.first, first.mayBelong(to: lease.owner) {
                switch try await self.takeOver(
                    first, lease.name, lease.owner, duration, token: lease.token, on: session, until: deadline)
                {
                case .taken(let lease): return lease
                case .changed: continue
                case .others: break
                }
            }
            // Over: what this engine still knew of it was wrong.
            if let node, node.token == lease.token { self.forget(node) }
            return nil
        }
    }

    /// One round trip: a `sync` and a look, or a write where the duration is longer than the node says.
    private func extend(
        _ node: LocalNodes.Node, _ duration: Duration, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Extension {
        guard let path = node.path else { return .gone }
        let granted = self.granted(duration, on: session)
        // Sent under the lock, so that of two renewals at once the one that writes the longer duration is the later one.
        let sent = self.nodes.withLock { nodes -> (record: NodeRecord, reply: PendingReply)? in
            guard let record = nodes.lengthen(node.guid, to: granted) else { return nil }
            return (record, session.send(.set(path: path, data: record.bytes, version: -1)))
        }
        guard let sent else {
            let synced = session.send(.sync(path: path))
            let found = session.send(.exists(path: path))
            let sync = await synced.value()
            guard sync.isDone || sync.outcome == .noNode else {
                try await self.tryAgain(sync.outcome, "renew \(node.name)", until: deadline)
                return .again
            }
            return try await self.extended(
                node, granted, await found.value(), from: synced.sentAt, written: nil, on: session, until: deadline)
        }
        return try await self.extended(
            node, granted, await sent.reply.value(), from: sent.reply.sentAt, written: sent.record, on: session,
            until: deadline)
    }

    private func extended(
        _ node: LocalNodes.Node, _ duration: Duration, _ reply: ZooKeeperReply, from start: MonotonicInstant,
        written: NodeRecord?, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Extension {
        guard reply.isDone else {
            if reply.outcome == .noNode { return .gone }
            try await self.tryAgain(reply.outcome, "renew \(node.name)", until: deadline)
            return .again
        }
        guard reply.stat.session == session.identity,
            node.record.token != nil || node.record.token(reply.stat) == node.token
        else { return .gone }
        let lease = self.nodes.withLock { nodes -> Lease? in
            let lease = nodes.extend(node.guid, for: duration, from: start, at: self.clock.now, written: written)
            if lease != nil { self.arm(node.guid, in: &nodes) }
            return lease
        }
        return lease.map { .extended($0) } ?? .gone
    }
}

extension ZooKeeperLeaseEngine: BatchLeaseEngine {
    /// Renews what this engine holds in one round trip: one `sync` and a look at each node, sent together. Leases that
    /// another session holds, and those that are to last longer than before, are renewed one by one, many at a time.
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch else {
            throw LeaseError(
                .invalidRequest,
                "\(leases.count) leases are too many to renew at once: \(LeaseLimits.batch) are the most")
        }
        for lease in leases { try LeaseLimits.check(lease.duration) }
        if leases.isEmpty { return [] }
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let session = try await self.sessions.connected(until: deadline)
        var answers = [Lease?](repeating: nil, count: leases.count)
        var others: [Int] = []
        let synced = session.send(.sync(path: self.options.root.isEmpty ? "/" : self.options.root))
        var looks: [(index: Int, node: LocalNodes.Node, duration: Duration, reply: PendingReply)] = []
        for (index, lease) in leases.enumerated() {
            let node = self.nodes.withLock { $0.holder(of: lease.name, at: self.clock.now) }
            let granted = self.granted(lease.duration, on: session)
            guard
                let node, let path = node.path, node.owner == lease.owner, node.token == lease.token,
                node.session == ObjectIdentifier(session),
                let written = node.record.duration, granted <= written
            else {
                others.append(index)
                continue
            }
            looks.append((index, node, granted, session.send(.exists(path: path))))
        }
        let isSynced = await synced.value().isDone
        for look in looks {
            let reply = await look.reply.value()
            guard isSynced, reply.isDone else {
                others.append(look.index)
                continue
            }
            let answer = try await self.extended(
                look.node, look.duration, reply, from: synced.sentAt, written: nil, on: session, until: deadline)
            if case .extended(let lease) = answer { answers[look.index] = lease } else { others.append(look.index) }
        }
        for chunk in stride(from: 0, to: others.count, by: Self.breadth) {
            let indices = others[chunk..<min(others.count, chunk + Self.breadth)]
            let outcomes = await self.renewEach(indices.map { ($0, leases[$0]) }, until: deadline)
            for (index, outcome) in outcomes { answers[index] = try outcome.get() }
        }
        return answers
    }

    /// How many calls are under way at once where many are needed.
    static let breadth = 64

    private func renewEach(
        _ leases: [(Int, Lease)], until deadline: MonotonicInstant
    ) async -> [(Int, Result<Lease?, LeaseError>)] {
        await withTaskGroup(of: (Int, Result<Lease?, LeaseError>).self) { group in
            for (index, lease) in leases {
                group.addTask {
                    do throws(LeaseError) {
                        return (index, .success(try await self.renew(lease, for: lease.duration, until: deadline)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
#endif
