#if ZooKeeper
import ColonyCore
import Synchronization

/// How the nodes of permits are read, made, extended, and ended.
extension ZooKeeperLeaseEngine {
    /// No name of a lock becomes a node that begins with a plus, so permits and locks do not meet.
    var permitFolder: String { "\(self.options.root)/+permits" }

    func permitParent(of name: LeaseName) -> String {
        "\(self.permitFolder)/\(NodeNaming.node(for: name.rawValue))"
    }

    /// A path that no node had before.
    func newPermitPath(_ node: PermitNode, _ name: LeaseName) -> String {
        let guid = Contender.makeGUID(for: node.owner, random: self.sessions.randomNumber())
        return "\(self.permitParent(of: name))/\(node.kind.rawValue)-\(guid)"
    }

    // MARK: Reading

    /// All who hold or claim permits of a name, behind a `sync`.
    ///
    /// - Returns: `nil` if the connection broke, or a node went while it was read and may have been moved.
    func permitView(
        _ name: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> PermitView? {
        guard self.clock.now < deadline else { throw self.sessions.unreachable() }
        let parent = self.permitParent(of: name)
        let guardPath = self.guardPath(of: name, in: self.permitFolder)
        let synced = session.send(.sync(path: guardPath))
        let guarding = session.send(.exists(path: guardPath))
        let listed = session.send(.children(path: parent))
        for reply in [await synced.value(), await guarding.value(), await listed.value()] {
            if reply.isDone || reply.outcome == .noNode { continue }
            try await self.tryAgain(reply.outcome, "look at the permits of \(name)", until: deadline)
            return nil
        }
        let (first, list) = (await guarding.value(), await listed.value())
        let paths = list.names.map { "\(parent)/\($0)" }
        let pending = paths.map { session.send(.data(path: $0)) }
        let again = paths.isEmpty ? nil : session.send(.exists(path: guardPath))
        var nodes: [(path: String, node: PermitNode, stat: NodeStat)] = []
        var hasMissed = false
        for (path, reply) in zip(paths, pending) {
            let reply = await reply.value()
            if reply.outcome == .noNode {
                hasMissed = true
                continue
            }
            guard reply.isDone else {
                try await self.tryAgain(reply.outcome, "look at the permits of \(name)", until: deadline)
                return nil
            }
            // What it stands for is unknown, and beside a holder who is not counted too much would be granted.
            guard let node = PermitNode(reply.bytes) else {
                throw LeaseError(
                    .storageFailed, "the node \(path) among the permits of \(name) is none that this version can read")
            }
            nodes.append((path, node, reply.stat))
        }
        // Who went while the guard stayed as it was has ended. Otherwise it may stand elsewhere, and a look that lacks it would
        // tell people of fewer holders than there are.
        if hasMissed, let again {
            let second = await again.value()
            guard second.isDone, first.isDone, second.stat.version == first.stat.version else { return nil }
        }
        return self.permitView(
            nodes, first.isDone && list.isDone ? Guard(path: guardPath, version: first.stat.version) : nil,
            on: session, from: synced.sentAt)
    }

    private func permitView(
        _ nodes: [(path: String, node: PermitNode, stat: NodeStat)], _ guarding: Guard?,
        on session: ZooKeeperSession, from sentAt: MonotonicInstant
    ) -> PermitView {
        let now = self.clock.now
        let time = self.wallClock.now.millisecondsSince1970
        var stands: [PermitView.Stand] = []
        var over: [String] = []
        let entries = self.permits.withLock { permits in nodes.map { permits[$0.path] } }
        for ((path, node, stat), entry) in zip(nodes, entries) {
            let isOwn = stat.session == session.identity
            // One of this session that nobody here knows was made after it had been given up.
            if isOwn, entry?.isAlive(at: now) != true {
                over.append(path)
                continue
            }
            let age = Duration.milliseconds(max(0, time - (node.since ?? stat.createdAt)))
            // Renewals by another session are not written down, so a node whose time seems over has all of it again.
            let elapsed = Duration.milliseconds(max(0, time - stat.modifiedAt))
            let estimate = elapsed < node.duration ? node.duration - elapsed : node.duration
            let remaining = isOwn ? entry?.end.map { now.duration(to: $0) } ?? node.duration : estimate
            stands.append(
                PermitView.Stand(
                    path: path, node: node, stat: stat, remaining: max(.nanoseconds(1), remaining), age: age,
                    isOwn: isOwn))
        }
        stands.sort { $0.token < $1.token }
        return PermitView(guarding: guarding, stands: stands, over: over, now: now, sentAt: sentAt)
    }

    // MARK: Making

    enum Commit {
        case done(NodeStat, sentAt: MonotonicInstant)
        /// Somebody was faster, or the connection broke; look again.
        case lookAgain
    }

    /// Makes a node under the guard.
    ///
    /// - Parameter replacing: The node of another session that it replaces, which is counted on there.
    func commit(
        _ changes: [ZooKeeperRequest.Change], making node: PermitNode, _ name: LeaseName, at path: String,
        replacing stand: PermitView.Stand? = nil, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Commit {
        let isLive = self.permits.withLock { permits in
            // Under the lock that the end of a session takes: what is entered after it would never be forgotten.
            guard !session.isOver else { return false }
            permits.enter(LocalPermits.Entry(name: name, session: ObjectIdentifier(session), node: node), at: path)
            return true
        }
        guard isLive else { return .lookAgain }
        let sent = session.send(.transaction(changes))
        let reply = await sent.value()
        switch reply.outcome {
        case .done:
            return .done(reply.stat, sentAt: sent.sentAt)
        case .badVersion, .noNode, .nodeExists:
            self.forgetPermit(path)
            return .lookAgain
        case .connectionLost, .timedOut, .cancelled:
            if let stand {
                // It may have been made, and the other session counts on what it stands for.
                self.keep(path, like: stand)
            } else if reply.outcome == .connectionLost, try await self.findLost(path, on: session) {
                return .lookAgain
            } else {
                self.condemnPermit(path, on: session)
            }
        default:
            self.forgetPermit(path)
        }
        try await self.lookAgain(reply.outcome, "take permits of \(name)", until: deadline)
        return .lookAgain
    }

    /// Whether a node whose making went unanswered is there.
    private func findLost(_ path: String, on session: ZooKeeperSession) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        while let present = self.sessions.present, present === session, self.clock.now < deadline {
            let synced = session.send(.sync(path: path))
            let found = session.send(.exists(path: path))
            let outcomes = [await synced.value().outcome, await found.value().outcome]
            if outcomes.contains(.cancelled) { return false }
            if outcomes[1] == .done { return true }
            if outcomes[1] == .noNode { return false }
            if self.clock.now >= deadline || session.isOver { return false }
            try await self.sessions.sleep(until: self.clock.now.advanced(by: .milliseconds(5)))
        }
        return false
    }

    /// Keeps a node that may have been made in place of another session's.
    private func keep(_ path: String, like stand: PermitView.Stand) {
        let now = self.clock.now
        let end = now.advanced(by: stand.node.duration)
        self.permits.withLock { permits in
            switch stand.node.kind {
            case .hold:
                _ = permits.hold(path, stand.token, for: .zero, from: now, atLeastUntil: end, at: now)
            case .claim: _ = permits.claim(path, until: end, at: now)
            }
            permits.setUncertain(true, at: path)
            self.armPermit(path, in: &permits)
        }
    }

    /// Returns where looking again may help, and throws after everything else.
    func lookAgain(
        _ outcome: ZooKeeperReply.Outcome, _ what: String, until deadline: MonotonicInstant
    ) async throws(LeaseError) {
        switch outcome {
        case .badVersion, .noNode, .nodeExists: return
        default: try await self.tryAgain(outcome, what, until: deadline)
        }
    }

    // MARK: Standing

    /// Makes a node of this engine a hold, or extends it.
    func hold(
        _ path: String, _ token: FencingToken, for duration: Duration, from start: MonotonicInstant,
        former: Duration = .zero, atLeastUntil end: MonotonicInstant? = nil
    ) -> Lease? {
        self.permits.withLock { permits in
            let now = self.clock.now
            if former > duration {
                _ = permits.hold(path, token, for: former, from: start, at: now)
            }
            let lease = permits.hold(path, token, for: duration, from: start, atLeastUntil: end, at: now)
            self.armPermit(path, in: &permits)
            return lease
        }
    }

    func keepClaim(_ path: String, until end: MonotonicInstant) -> Bool {
        self.permits.withLock { permits in
            let isKept = permits.claim(path, until: end, at: self.clock.now)
            self.armPermit(path, in: &permits)
            return isKept
        }
    }

    private func armPermit(_ path: String, in permits: inout LocalPermits) {
        guard let entry = permits[path], let end = entry.end else { return }
        if entry.alarm != 0 { self.permitEnds.cancel(entry.alarm) }
        permits.setAlarm(self.permitEnds.set(path, at: end), at: path)
    }

    enum HoldExtension {
        case extended(Lease)
        /// The node is not there, or is over; what has to follow from that is done.
        case gone
        /// The connection broke; begin again.
        case again
    }

    /// One round trip: a `sync` and a look, or a write where the duration is longer than the node says.
    func extendHold(
        _ path: String, _ token: FencingToken, _ duration: Duration, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> HoldExtension {
        // Sent under the lock, so that of two renewals at once the one that writes the longer duration is the later one.
        let sent = self.permits.withLock { permits -> (node: PermitNode, reply: PendingReply)? in
            guard let node = permits.lengthen(path, to: duration) else { return nil }
            return (node, session.send(.set(path: path, data: node.bytes, version: -1)))
        }
        let reply: ZooKeeperReply
        let start: MonotonicInstant
        if let sent {
            reply = await sent.reply.value()
            start = sent.reply.sentAt
            if reply.isDone { self.permits.withLock { $0.wrote(sent.node, at: path) } }
        } else {
            let synced = session.send(.sync(path: path))
            let found = session.send(.exists(path: path))
            let sync = await synced.value()
            reply = sync.isDone || sync.outcome == .noNode ? await found.value() : sync
            start = synced.sentAt
        }
        guard reply.isDone else {
            if reply.outcome == .noNode {
                if !self.permits.withLock({ $0.miss(path) }) { self.forgetPermit(path) }
                return .gone
            }
            try await self.tryAgain(reply.outcome, "renew permits", until: deadline)
            return .again
        }
        self.permits.withLock { $0.setUncertain(false, at: path) }
        if let lease = self.hold(path, token, for: duration, from: start) { return .extended(lease) }
        // The node is there and its time is over: its alarm may come later than this, as when the process was stopped.
        self.permitRanOut(path)
        return .gone
    }

    // MARK: Ending

    func forgetPermit(_ path: String) {
        let alarm = self.permits.withLock { $0.forget(path) }
        if alarm != 0 { self.permitEnds.cancel(alarm) }
    }

    /// Deletes a node that is over, or that its owner gives up.
    ///
    /// - Returns: Whether it was there; `nil` if that is to be found out by another look.
    func deletePermit(
        _ path: String, _ name: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool? {
        let reply = await session.send(.delete(path: path)).value()
        guard reply.isDone || reply.outcome == .noNode else {
            try await self.tryAgain(reply.outcome, "return permits of \(name)", until: deadline)
            return nil
        }
        self.forgetPermit(path)
        return reply.isDone
    }

    /// Ends what an owner holds, and without a token also what it claims.
    func giveBackPermits(
        _ name: LeaseName, _ owner: OwnerID, _ token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        /// The nodes whose deletion went unanswered, and whether grants with time left were in them.
        var unanswered: [String: Bool] = [:]
        do throws(LeaseError) {
            if let token, let (path, _, grant) = self.permits.withLock({ $0.hold(name, owner) }), grant.token == token {
                let isAlive = self.endPermit(path)
                unanswered[path] = isAlive
                let session = try await self.sessions.connected(until: deadline)
                if let wasThere = try await self.deletePermit(path, name, on: session, until: deadline) {
                    if wasThere { return isAlive }
                    // Another engine has taken it over, or it ended.
                    unanswered[path] = nil
                }
            }
            while true {
                let session = try await self.sessions.connected(until: deadline)
                guard let view = try await self.permitView(name, on: session, until: deadline) else { continue }
                // What is gone after a deletion that went unanswered was deleted by it.
                var hasEnded = unanswered.contains { path, wasAlive in
                    wasAlive && !view.over.contains(path) && !view.stands.contains { $0.path == path }
                }
                var mustLookAgain = false
                for path in view.over where unanswered[path] != nil {
                    switch try await self.deletePermit(path, name, on: session, until: deadline) {
                    case true?, false?: if unanswered.removeValue(forKey: path) == true { hasEnded = true }
                    case nil: mustLookAgain = true
                    }
                }
                for stand in view.stands where stand.node.owner == owner {
                    let isHold = stand.node.kind == .hold
                    guard token == nil || (isHold && token == stand.token) else { continue }
                    let isAlive = self.endPermit(stand.path) || !stand.isOwn
                    if unanswered[stand.path] == nil { unanswered[stand.path] = isHold && isAlive }
                    switch try await self.deletePermit(stand.path, name, on: session, until: deadline) {
                    case true?:
                        if unanswered.removeValue(forKey: stand.path) == true { hasEnded = true }
                    case false?:
                        // It ended, or was moved away from under this call.
                        unanswered[stand.path] = nil
                        mustLookAgain = true
                    case nil:
                        mustLookAgain = true
                    }
                }
                if hasEnded || !mustLookAgain { return hasEnded }
            }
        } catch {
            if let session = self.sessions.present {
                for path in unanswered.keys where self.permits.withLock({ $0[path] }) != nil {
                    self.condemnPermit(path, on: session)
                }
            }
            throw error
        }
    }

    /// - Returns: Whether it had time left.
    private func endPermit(_ path: String) -> Bool {
        self.permits.withLock { permits in
            let isAlive = permits[path]?.isAlive(at: self.clock.now) ?? false
            permits.end(path)
            return isAlive
        }
    }

    /// Sees to it that a node ends which could not be deleted at once, or of which it is unknown whether it was made.
    ///
    /// A request that the library gave up may still reach a server from the old connection, so a node that is not there is
    /// looked for again until the session's timeout is over: no server keeps a request longer.
    func condemnPermit(_ path: String, on session: ZooKeeperSession) {
        self.permits.withLock { $0.end(path) }
        Task(executorPreference: ZooKeeperThread.executor) { [weak self] in
            var looks = 0
            var failures = 0
            while !session.isOver, looks < 3, let engine = self {
                let reply = await session.send(.delete(path: path)).value()
                if reply.isDone { break }
                if reply.outcome == .noNode { looks += 1 } else { failures += 1 }
                let pause = looks > 0 ? engine.options.sessionTimeout / 2 : .milliseconds(50) * min(failures, 20)
                try? await engine.clock.sleep(until: engine.clock.now.advanced(by: pause), tolerance: nil)
            }
            self?.forgetPermit(path)
        }
    }

    /// The time of a node is over: it is deleted.
    func permitRanOut(_ path: String) {
        let ended = self.permits.withLock { permits -> LocalPermits.Entry? in
            // A renewal that came in between has set another alarm.
            guard let entry = permits[path], let end = entry.end, self.clock.now >= end else { return nil }
            permits.end(path)
            return entry
        }
        guard let ended else { return }
        guard let present = self.sessions.present, ObjectIdentifier(present) == ended.session else {
            return self.forgetPermit(path)
        }
        present.submit(.delete(path: path)) { [weak self] reply in
            guard let self else { return }
            let isGone = reply.outcome == .noNode && !ended.isUncertain
            if reply.isDone || isGone || reply.outcome == .sessionOver {
                self.forgetPermit(path)
            } else {
                self.condemnPermit(path, on: present)
            }
        }
    }
}
#endif
