#if ZooKeeper
import ColonyCore
import Synchronization

/// How nodes go: released, refused, given up, run out, and with their session.
extension ZooKeeperLeaseEngine {
    /// Ends what the owner holds, and without a token also where it waits.
    func giveBack(
        _ name: LeaseName, _ owner: OwnerID, _ token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        if let token {
            let now = self.clock.now
            let node = self.nodes.withLock { nodes -> LocalNodes.Node? in
                guard let node = nodes.present(of: name), node.owner == owner, node.token == token else { return nil }
                return nodes.end(node.guid)
            }
            if let node, let path = node.path {
                self.expiriesStop(node)
                let wasAlive = node.grant.map { now < $0.expiry } ?? false
                if try await self.delete(path, node.guid, name, until: deadline) { return wasAlive }
            }
        }
        return try await self.giveBackElsewhere(name, owner, token, until: deadline)
    }

    /// Deletes a node that is over.
    ///
    /// - Returns: `false` if it was not there.
    private func delete(
        _ path: String, _ guid: String, _ name: LeaseName, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        var isRepeated = false
        do throws(LeaseError) {
            while true {
                let session = try await self.sessions.connected(until: deadline)
                let reply = await session.send(.delete(path: path)).value()
                if reply.isDone || reply.outcome == .noNode {
                    self.nodes.withLock { $0.forget(guid) }
                    self.deleteIfEmpty(self.path(of: name), on: session)
                    // A repetition that finds nothing follows one that was done and went unanswered.
                    return reply.isDone || isRepeated
                }
                isRepeated = true
                try await self.tryAgain(reply.outcome, "release \(name)", until: deadline)
            }
        } catch {
            if let session = self.sessions.present { self.condemn(guid, name, on: session) }
            throw error
        }
    }

    /// Looks through the names of all who stand there, for nodes of other sessions and of requests that went unanswered.
    private func giveBackElsewhere(
        _ name: LeaseName, _ owner: OwnerID, _ token: FencingToken?, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        var hasEnded = false
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let view = try await self.look(name, on: session, until: deadline) else { continue }
            var isChanged = false
            for (place, contender) in view.contenders.enumerated() where contender.mayBelong(to: owner) {
                let path = self.path(of: contender, name)
                let reply = await session.send(.data(path: path)).value()
                if reply.isDone {
                    let record = NodeRecord(reply.bytes, name: contender.name)
                    guard record.owner == owner, token == nil || token == record.token(reply.stat) else { continue }
                    let now = self.clock.now
                    let known = self.nodes.withLock { $0[contender.guid] }
                    let ended = self.nodes.withLock { $0.end(contender.guid) }
                    self.expiriesStop(ended)
                    let deletion = await session.send(.delete(path: path)).value()
                    if deletion.isDone || deletion.outcome == .noNode {
                        self.nodes.withLock { $0.forget(contender.guid) }
                    } else {
                        if known != nil { self.condemn(contender.guid, name, on: session) }
                        try await self.tryAgain(deletion.outcome, "release \(name)", until: deadline)
                    }
                    if deletion.isDone {
                        let isAlive = known == nil || (ended.map { $0.grant.map { now < $0.expiry } ?? true } ?? false)
                        if place == 0, isAlive { hasEnded = true }
                    } else {
                        isChanged = true
                    }
                } else if reply.outcome == .noNode {
                    // Gone, or taken over by another session at this moment.
                    isChanged = true
                } else {
                    try await self.tryAgain(reply.outcome, "release \(name)", until: deadline)
                    isChanged = true
                }
            }
            if !isChanged {
                if hasEnded { self.deleteIfEmpty(self.path(of: name), on: session) }
                return hasEnded
            }
        }
    }

    // MARK: Refused and given up

    /// Deletes the node of a request that is answered with no; one that was granted meanwhile, for another task of the same
    /// owner, stays.
    func leave(_ guid: String, _ name: LeaseName, on session: ZooKeeperSession) async {
        guard let path = self.endAsking(guid) else { return }
        let reply = await session.send(.delete(path: path)).value()
        if reply.isDone || reply.outcome == .noNode || reply.outcome == .sessionOver {
            self.nodes.withLock { $0.forget(guid) }
        } else {
            self.condemn(guid, name, on: session)
        }
    }

    /// The same without waiting, for requests that end with an error. What follows in the same session finds the node gone.
    func abandon(_ guid: String, _ name: LeaseName, on session: ZooKeeperSession) {
        guard let path = self.endAsking(guid) else {
            let isUnknown = self.nodes.withLock { nodes in nodes[guid].map { $0.path == nil } ?? false }
            if isUnknown { self.condemn(guid, name, on: session) }
            return
        }
        self.deleteLater(path, guid, name, on: session)
    }

    /// - Returns: The path of the node that has to go; `nil` if it was granted, is over, or may not be there.
    private func endAsking(_ guid: String) -> String? {
        self.nodes.withLock { nodes in
            guard case .asking? = nodes[guid]?.phase, let path = nodes[guid]?.path else { return nil }
            _ = nodes.end(guid)
            return path
        }
    }

    private func deleteLater(_ path: String, _ guid: String, _ name: LeaseName, on session: ZooKeeperSession) {
        session.submit(.delete(path: path)) { [weak self] reply in
            guard let self else { return }
            if reply.isDone || reply.outcome == .noNode || reply.outcome == .sessionOver {
                self.nodes.withLock { $0.forget(guid) }
            } else {
                self.condemn(guid, name, on: session)
            }
        }
        self.deleteIfEmpty(self.path(of: name), on: session)
    }

    /// Sees to it that a node ends which could not be deleted at once, or of which it is unknown whether it was made.
    ///
    /// A request that the library gave up may still reach a server from the old connection, so a node that is not there is
    /// looked for again until the session's timeout is over: no server keeps a request longer.
    func condemn(_ guid: String, _ name: LeaseName, on session: ZooKeeperSession) {
        self.nodes.withLock { _ = $0.end(guid) }
        Task(executorPreference: ZooKeeperThread.executor) { [weak self] in
            var looks = 0
            var failures = 0
            while !session.isOver, looks < 3, let engine = self {
                if await engine.deleteCondemned(guid, name, on: session, &looks) { break }
                failures += 1
                let pause = looks > 0 ? engine.options.sessionTimeout / 2 : .milliseconds(50) * min(failures, 20)
                try? await engine.clock.sleep(until: engine.clock.now.advanced(by: pause), tolerance: nil)
            }
            self?.nodes.withLock { $0.forget(guid) }
        }
    }

    /// - Returns: Whether the node was there and is gone.
    private func deleteCondemned(
        _ guid: String, _ name: LeaseName, on session: ZooKeeperSession, _ looks: inout Int
    ) async -> Bool {
        let path = self.nodes.withLock { $0[guid]?.path }
        if let path {
            let reply = await session.send(.delete(path: path)).value()
            return reply.isDone || reply.outcome == .noNode
        }
        let listed = await session.send(.children(path: self.path(of: name))).value()
        guard listed.isDone || listed.outcome == .noNode else { return false }
        guard let found = Contender.sorted(listed.names).first(where: { $0.guid == guid }) else {
            looks += 1
            return false
        }
        return await session.send(.delete(path: self.path(of: found, name))).value().isDone
    }

    /// Where nodes of locks do not end by themselves, they are deleted when nobody stands at them; the ensemble refuses to
    /// delete one that is not empty.
    private func deleteIfEmpty(_ path: String, on session: ZooKeeperSession) {
        if self.lacksContainers.load(ordering: .relaxed) { session.submit(.delete(path: path)) { _ in } }
    }

    // MARK: Run out

    /// The time of a grant is over: its node is deleted.
    func runOut(_ guid: String) {
        let node = self.nodes.withLock { nodes -> LocalNodes.Node? in
            // A renewal that came in between has set another alarm.
            guard let grant = nodes[guid]?.grant, self.clock.now >= grant.expiry else { return nil }
            return nodes.end(guid)
        }
        guard let node, let path = node.path else { return }
        guard let session = self.sessions.present, ObjectIdentifier(session) == node.session else {
            self.nodes.withLock { $0.forget(guid) }
            return
        }
        self.deleteLater(path, guid, node.name, on: session)
    }

    /// The ensemble has ended the session, and every node of it.
    func sessionEnded(_ session: ZooKeeperSession) {
        let alarms = self.nodes.withLock { $0.forgetAll(of: ObjectIdentifier(session)) }
        for alarm in alarms { self.expiries.cancel(alarm) }
        for alarm in self.permits.withLock({ $0.forgetAll(of: ObjectIdentifier(session)) }) {
            self.permitEnds.cancel(alarm)
        }
        for alarm in self.records.withLock({ $0.forgetAll(of: ObjectIdentifier(session)) }) {
            self.recordEnds.cancel(alarm)
        }
    }
}
#endif
