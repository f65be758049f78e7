#if ZooKeeper
import ColonyCoordination
import ColonyCore
import Synchronization

/// How the nodes of records are read, written, and ended.
extension ZooKeeperLeaseEngine {
    /// No name of a lock becomes a node that begins with a plus, so groups and locks do not meet.
    var registryFolder: String { "\(self.options.root)/+registry" }

    func groupPath(_ group: LeaseName) -> String { "\(self.registryFolder)/\(NodeNaming.node(for: group.rawValue))" }

    func recordPath(_ key: LeaseName, _ group: LeaseName) -> String {
        "\(self.groupPath(group))/\(NodeNaming.node(for: key.rawValue))"
    }

    struct PresentRecord {
        let path: String
        let record: RegistryRecord
        let node: RecordNode
        let stat: NodeStat
        /// Whether this session keeps it.
        let isOwn: Bool
        /// Whether it has run out here and is not deleted yet.
        let isOver: Bool
    }

    /// A record as it was at a moment after its guard was read: a change under the guard holds for both.
    struct RecordState {
        /// `nil` if the guard or the group is missing.
        let guarding: Guard?
        let group: NodeStat
        let present: PresentRecord?
        /// A moment before the request left.
        let sentAt: MonotonicInstant
    }

    // MARK: Reading

    /// - Returns: `nil` if the connection broke.
    func readRecord(
        _ key: LeaseName, _ group: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> RecordState? {
        guard self.clock.now < deadline else { throw self.sessions.unreachable() }
        let guardPath = self.guardPath(of: group, in: self.registryFolder)
        let synced = session.send(.sync(path: guardPath))
        let guarding = session.send(.exists(path: guardPath))
        let listed = session.send(.exists(path: self.groupPath(group)))
        let path = self.recordPath(key, group)
        let data = session.send(.data(path: path))
        for reply in [await synced.value(), await guarding.value(), await listed.value(), await data.value()] {
            if reply.isDone || reply.outcome == .noNode { continue }
            try await self.tryAgain(reply.outcome, "read \(key)", until: deadline)
            return nil
        }
        let (first, state, record) = (await guarding.value(), await listed.value(), await data.value())
        return RecordState(
            guarding: first.isDone && state.isDone ? Guard(path: guardPath, version: first.stat.version) : nil,
            group: state.stat, present: record.isDone ? self.present(key, path, record, on: session) : nil,
            sentAt: synced.sentAt)
    }

    private func present(
        _ key: LeaseName, _ path: String, _ reply: ZooKeeperReply, on session: ZooKeeperSession
    ) -> PresentRecord {
        let node = RecordNode(reply.bytes)
        let version = RegistryRevision(
            rawValue: node.version > 0 ? node.version : UInt64(bitPattern: reply.stat.modification))
        let record = RegistryRecord(
            key: key, value: node.value, version: version, owner: reply.stat.session == 0 ? nil : node.owner)
        let isOwn = reply.stat.session == session.identity
        let keeps = self.records.withLock { $0[path]?.keeps(version, at: self.clock.now) } ?? false
        return PresentRecord(
            path: path, record: record, node: node, stat: reply.stat, isOwn: isOwn, isOver: isOwn && !keeps)
    }

    /// - Returns: `nil` if the group changed meanwhile, or the connection broke.
    func readGroup(
        _ group: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> RegistrySnapshot? {
        let parent = self.groupPath(group)
        let synced = session.send(.sync(path: parent))
        let before = session.send(.exists(path: self.registryFolder))
        let listed = session.send(.children(path: parent))
        let after = session.send(.exists(path: self.registryFolder))
        let sync = await synced.value()
        let list = await listed.value()
        if list.outcome == .noNode {
            let revision = try await self.revisionOfNothing(
                await before.value(), await after.value(), on: session, until: deadline)
            return revision.map { RegistrySnapshot(records: [], revision: $0) }
        }
        guard list.isDone, sync.isDone || sync.outcome == .noNode else {
            try await self.tryAgain(list.isDone ? sync.outcome : list.outcome, "read \(group)", until: deadline)
            return nil
        }
        let pending = list.names.map { ($0, session.send(.data(path: "\(parent)/\($0)"))) }
        let again = session.send(.exists(path: parent))
        var records: [RegistryRecord] = []
        var over: [LeaseName] = []
        for (name, reply) in pending {
            let reply = await reply.value()
            guard reply.isDone else {
                if reply.outcome == .noNode { continue }
                try await self.tryAgain(reply.outcome, "read \(group)", until: deadline)
                return nil
            }
            guard let key = NodeNaming.name(of: name).flatMap({ try? LeaseName($0) }) else { continue }
            let present = self.present(key, "\(parent)/\(name)", reply, on: session)
            if present.isOver { over.append(key) } else { records.append(present.record) }
        }
        let end = await again.value()
        guard end.isDone else {
            if end.outcome != .noNode { try await self.tryAgain(end.outcome, "read \(group)", until: deadline) }
            return nil
        }
        guard end.stat.revision == list.stat.revision else { return nil }
        if !over.isEmpty {
            // Their end is a change of the group, which comes before the answer.
            for key in over { try await self.removeRunOut(key, from: group, until: deadline) }
            return nil
        }
        return RegistrySnapshot(records: records.sorted { $0.key < $1.key }, revision: end.stat.revision)
    }

    /// What stands for a group that is not there: the number of the transaction that last made or deleted a group.
    ///
    /// The look that did not find the group has to stand between two that found the same number: a number of before is less than
    /// those of a group that was deleted meanwhile, and one of after may be greater than that of a group that was made.
    ///
    /// - Returns: `nil` if they did not, or the folder is missing, or the connection broke.
    func revisionOfNothing(
        _ before: ZooKeeperReply, _ after: ZooKeeperReply, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> RegistryRevision? {
        for reply in [before, after] where !reply.isDone {
            if reply.outcome == .noNode {
                // Without it there is nothing to watch.
                try await self.makeParents(
                    of: "\(self.registryFolder)/+", below: self.registryFolder, on: session, until: deadline)
            } else {
                try await self.tryAgain(reply.outcome, "read the registry", until: deadline)
            }
            return nil
        }
        return before.stat.revision == after.stat.revision ? after.stat.revision : nil
    }

    // MARK: Writing

    /// - Returns: `nil` if it is to be tried again.
    func put(
        _ write: RegistryWrite, in group: LeaseName, _ state: RecordState, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> RegistryAnswer? {
        if let present = state.present, present.isOver {
            _ = try await self.remove(present, from: group, state, on: session, until: deadline)
            return nil
        }
        guard write.condition.isMet(by: state.present?.record) else { return .conflict(state.present?.record) }
        guard let guarding = state.guarding else {
            try await self.makeGuarded(
                self.groupPath(group), guard: self.guardPath(of: group, in: self.registryFolder),
                in: self.registryFolder, on: session, until: deadline)
            return nil
        }
        if state.present == nil, state.group.children >= RegistryLimits.records {
            throw LeaseError(
                .invalidRequest, "the group \(group) has \(state.group.children) records, which is the most")
        }
        var owner: OwnerID?
        var duration = Duration.zero
        if case .ephemeral(let writer, let time) = write.lifetime { (owner, duration) = (writer, time) }
        let node = RecordNode(owner: owner, duration: duration, value: write.value)
        let path = self.recordPath(write.key, group)
        // A new record needs no other protection than its name while there is room, so that many may be written at once.
        let isFree = state.present == nil && write.condition == .always && state.group.children < Self.freeRecords
        var changes: [ZooKeeperRequest.Change] = [
            isFree ? .set(path: guarding.path, data: [], version: -1) : guarding.change,
            .set(path: self.groupPath(group), data: [], version: -1),
        ]
        if let present = state.present, owner == nil ? present.stat.session == 0 : present.isOwn {
            changes.append(.set(path: path, data: node.bytes, version: -1))
        } else {
            if state.present != nil { changes.append(.delete(path: path, version: -1)) }
            changes.append(.create(path: path, data: node.bytes, kind: owner == nil ? .persistent : .ephemeral))
        }
        let sent = session.send(.transaction(changes))
        let reply = await sent.value()
        switch reply.outcome {
        case .done:
            // One number for the whole transaction: that of the guard is that of the record as well.
            let version = RegistryRevision(rawValue: UInt64(bitPattern: reply.stat.modification))
            self.keep(path, write.key, group, version, write.lifetime, on: session, from: sent.sentAt)
            return .written(RegistryRecord(key: write.key, value: write.value, version: version, owner: owner))
        case .noNode, .nodeExists, .badVersion: return nil
        case .connectionLost, .timedOut, .cancelled:
            self.keep(path, write.key, group, nil, write.lifetime, on: session, from: sent.sentAt)
            // A repetition might meet its own work; who asks again compares the value.
            if write.condition != .always { throw LeaseError(reply.outcome, "write \(write.key)", self.options) }
        default: break
        }
        try await self.tryAgain(reply.outcome, "write \(write.key)", until: deadline)
        return nil
    }

    /// Up to how many records of a group others are not looked at before one more is made. Whoever makes one at this moment in
    /// another engine is counted at the next look, so that the limit holds.
    private static let freeRecords = Int32(RegistryLimits.records / 2)

    /// Extends a record, which another engine may have written: then its node is replaced by one of this session, with the same
    /// version.
    ///
    /// - Returns: `false` if it was changed meanwhile.
    func extend(
        _ present: PresentRecord, in group: LeaseName, _ state: RecordState, for duration: Duration,
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        guard let guarding = state.guarding, let owner = present.record.owner else { return false }
        let record = present.record
        let lifetime = RegistryWrite.Lifetime.ephemeral(owner: owner, duration: duration)
        var node = present.node
        node.version = record.version.rawValue
        // Never shorter than what somebody may count on: the next engine that takes it over knows only what is written.
        node.duration = max(duration, present.node.duration)
        if present.isOwn {
            if duration > present.node.duration {
                // Another session that takes it over has to know. Under the guard, for the version alone does not do: a node that
                // another engine has made anew meanwhile counts from zero again, and may have the version that was read.
                let reply = await session.send(
                    .transaction([
                        guarding.change,
                        .set(path: present.path, data: node.bytes, version: present.stat.version),
                    ])
                ).value()
                guard reply.isDone else {
                    try await self.lookAgain(reply.outcome, "renew \(record.key)", until: deadline)
                    return false
                }
            }
            self.keep(
                present.path, record.key, group, record.version, lifetime, on: session, from: state.sentAt,
                extending: true)
            return true
        }
        let sent = session.send(
            .transaction([
                guarding.change, .set(path: self.groupPath(group), data: [], version: -1),
                .delete(path: present.path, version: present.stat.version),
                .create(path: present.path, data: node.bytes, kind: .ephemeral),
            ]))
        let reply = await sent.value()
        switch reply.outcome {
        case .done, .connectionLost, .timedOut, .cancelled:
            // Also when it went unanswered: it may be of this session now, and has to end at some time. It stays for at least as
            // long as the other engine would have kept it.
            let rest = sent.sentAt.duration(to: self.clock.now) + present.node.duration
            self.keep(
                present.path, record.key, group, reply.isDone ? record.version : nil,
                .ephemeral(owner: owner, duration: max(duration, rest)), on: session, from: sent.sentAt)
            if reply.isDone { return true }
        default: break
        }
        try await self.lookAgain(reply.outcome, "renew \(record.key)", until: deadline)
        return false
    }

    enum Removal {
        case done, lookAgain, unanswered
    }

    func remove(
        _ present: PresentRecord, from group: LeaseName, _ state: RecordState, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Removal {
        guard let guarding = state.guarding else { return .lookAgain }
        let reply = await session.send(
            .transaction([
                guarding.change, .set(path: self.groupPath(group), data: [], version: -1),
                .delete(path: present.path, version: -1),
            ])
        ).value()
        if reply.isDone {
            self.forgetRecord(present.path)
            return .done
        }
        try await self.lookAgain(reply.outcome, "remove \(present.record.key)", until: deadline)
        return reply.outcome == .connectionLost ? .unanswered : .lookAgain
    }

    // MARK: Ending

    /// Sees to the end of a record, and forgets the end of what was there before.
    ///
    /// - Parameters:
    ///   - version: `nil` if it is unknown whether it was written. A permanent one then leaves the end of what was there.
    ///   - extending: Whether an end that is further away stays.
    private func keep(
        _ path: String, _ key: LeaseName, _ group: LeaseName, _ version: RegistryRevision?,
        _ lifetime: RegistryWrite.Lifetime, on session: ZooKeeperSession, from start: MonotonicInstant,
        extending: Bool = false
    ) {
        self.records.withLock { records in
            let former = records[path]
            guard case .ephemeral(_, let duration) = lifetime, !session.isOver else {
                if version != nil, records.forget(path) != 0, let former { self.recordEnds.cancel(former.alarm) }
                return
            }
            var end = start.advanced(by: duration)
            if let former {
                self.recordEnds.cancel(former.alarm)
                if extending || version == nil { end = max(end, former.expiry) }
            }
            records.put(
                LocalRecords.Entry(
                    group: group, key: key, version: version, session: ObjectIdentifier(session), expiry: end,
                    alarm: self.recordEnds.set(path, at: end)), at: path)
        }
    }

    private func forgetRecord(_ path: String) {
        let alarm = self.records.withLock { $0.forget(path) }
        if alarm != 0 { self.recordEnds.cancel(alarm) }
    }

    /// Removes a record that has run out here, unless another engine has taken it over or somebody has written it anew: what is
    /// removed is what this session kept, in the version that it kept, under the guard.
    private func removeRunOut(
        _ key: LeaseName, from group: LeaseName, until deadline: MonotonicInstant
    ) async throws(LeaseError) {
        let path = self.recordPath(key, group)
        try await self.beginTurn(path, until: deadline)
        defer { self.turns.end(path) }
        var conflicts = 0
        while true {
            let session = try await self.sessions.connected(until: deadline)
            if let state = try await self.readRecord(key, group, on: session, until: deadline) {
                guard let present = state.present, present.isOver else {
                    // Written anew, it has another alarm.
                    let isOver = self.records.withLock { $0[path].map { $0.expiry <= self.clock.now } ?? false }
                    if isOver { self.forgetRecord(path) }
                    return
                }
                if case .done = try await self.remove(present, from: group, state, on: session, until: deadline) {
                    return
                }
            }
            conflicts += 1
            try await self.giveWay(conflicts, until: deadline)
        }
    }

    /// The time of a record is over.
    func recordRanOut(_ path: String) {
        // A renewal that came in between has set another alarm.
        guard let entry = self.records.withLock({ $0[path] }), self.clock.now >= entry.expiry else { return }
        Task(executorPreference: ZooKeeperThread.executor) { [weak self] in
            var failures = 0
            // Until it is done, or the session, and with it the record, has ended.
            while let engine = self, let session = engine.sessions.present, ObjectIdentifier(session) == entry.session {
                let deadline = engine.clock.now.advanced(by: engine.options.timeout)
                do {
                    return try await engine.removeRunOut(entry.key, from: entry.group, until: deadline)
                } catch {
                    failures += 1
                    let pause = Duration.milliseconds(50) * min(failures, 20)
                    try? await engine.clock.sleep(until: engine.clock.now.advanced(by: pause), tolerance: nil)
                }
            }
        }
    }
}

extension NodeStat {
    /// The latest change of a group: of its node, which every write writes, or of its list of records.
    var revision: RegistryRevision {
        RegistryRevision(rawValue: UInt64(bitPattern: max(self.modification, self.childModification)))
    }
}
#endif
