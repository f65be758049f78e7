#if ZooKeeper
public import ColonyCoordination
public import ColonyCore
import Synchronization

/// Records: a node for each, below the node of its group.
///
/// ZooKeeper reads one node at a time. So that a group can be read as it was at one moment, and a condition holds when the
/// write is done, every write is a transaction that also writes the group's node, on condition that nobody has done so since
/// the group was read. The number of the latest transaction that changed the group's node or its list of children is the
/// revision.
extension ZooKeeperLeaseEngine: RegistryEngine {
    /// An ephemeral record lives in the session of the engine that wrote it: it also ends, earlier than its duration, when that
    /// session ends.
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let path = self.recordPath(write.key, group)
        var owner: OwnerID?
        if case .ephemeral(let writer, _) = write.lifetime { owner = writer }
        let node = RecordNode(owner: owner, value: write.value)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let (state, present) = try await self.readRecord(write.key, group, on: session, until: deadline)
            else { continue }
            guard write.condition.isMet(by: present?.record) else {
                return .conflict(present?.record)
            }
            guard let state else {
                try await self.makeParents(
                    of: self.groupPath(group), below: "\(self.options.root)/\(Self.registryFolder)", on: session,
                    until: deadline)
                continue
            }
            if present == nil, state.children >= RegistryLimits.records {
                throw LeaseError(
                    .invalidRequest, "the group \(group) has \(state.children) records, which is the most")
            }
            // A new record needs no other protection than its name, so that many may be written at once.
            let isFree = present == nil && write.condition == .always
            var changes: [ZooKeeperRequest.Change] = [
                .set(path: self.groupPath(group), data: [], version: isFree ? -1 : state.version)
            ]
            let isOwn = owner == nil ? present?.stat.session == 0 : present?.stat.session == session.identity
            if present != nil, isOwn {
                changes.append(.set(path: path, data: node.bytes, version: -1))
            } else {
                if present != nil { changes.append(.delete(path: path)) }
                changes.append(.create(path: path, data: node.bytes, kind: owner == nil ? .persistent : .ephemeral))
            }
            let sent = session.send(.transaction(changes))
            let reply = await sent.value()
            switch reply.outcome {
            case .done:
                // One number for the whole transaction: that of the group's node is that of the record as well.
                let version = RegistryRevision(rawValue: UInt64(bitPattern: reply.stat.modification))
                self.keep(write, group, path, version, on: session, from: sent.sentAt)
                return .written(RegistryRecord(key: write.key, value: write.value, version: version, owner: owner))
            case .noNode, .nodeExists, .badVersion: continue
            case .connectionLost where write.condition != .always:
                // A repetition might meet its own work; who asks again compares the value.
                throw LeaseError(reply.outcome, "write \(write.key)", self.options)
            default: try await self.tryAgain(reply.outcome, "write \(write.key)", until: deadline)
            }
        }
    }

    /// A renewal through another engine than the one that wrote the record takes it over into that engine's session, which is a
    /// change of the group.
    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let path = self.recordPath(key, group)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            let start = self.clock.now
            guard let (state, present) = try await self.readRecord(key, group, on: session, until: deadline)
            else { continue }
            guard let state, let present, present.record.owner == owner, present.stat.session != 0 else { return false }
            if present.stat.session == session.identity {
                return self.records.withLock { records in
                    let now = self.clock.now
                    guard var entry = records[path], entry.version == present.record.version, entry.expiry > now
                    else { return false }
                    entry.expiry = max(entry.expiry, start.advanced(by: duration))
                    self.recordEnds.cancel(entry.alarm)
                    entry.alarm = self.recordEnds.set(path, at: entry.expiry)
                    records.put(entry, at: path)
                    return true
                }
            }
            if try await self.takeOver(present, group, state, owner, duration, on: session, until: deadline) {
                return true
            }
        }
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let path = self.recordPath(key, group)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let (state, present) = try await self.readRecord(key, group, on: session, until: deadline)
            else { continue }
            guard let state, let present, condition.isMet(by: present.record) else { return false }
            let reply = await session.send(
                .transaction([
                    .set(path: self.groupPath(group), data: [], version: state.version), .delete(path: path),
                ])
            ).value()
            switch reply.outcome {
            case .done:
                if let entry = self.records.withLock({ $0.remove(path) }) { self.recordEnds.cancel(entry.alarm) }
                return true
            case .noNode, .badVersion: continue
            default: try await self.tryAgain(reply.outcome, "remove \(key)", until: deadline)
            }
        }
    }

    /// Reads the group twice around its records, and again if it changed meanwhile.
    ///
    /// - Complexity: Two round trips without changes; O(*n*) in the records of the group.
    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let parent = self.groupPath(group)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard self.clock.now < deadline else { throw self.sessions.unreachable() }
            let synced = session.send(.sync(path: parent))
            let listed = session.send(.children(path: parent))
            _ = await synced.value()
            let list = await listed.value()
            if list.outcome == .noNode {
                if let revision = try await self.revisionOfNothing(on: session, until: deadline) {
                    return RegistrySnapshot(records: [], revision: revision)
                }
                continue
            }
            guard list.isDone else {
                try await self.tryAgain(list.outcome, "read \(group)", until: deadline)
                continue
            }
            let pending = list.names.map { ($0, session.send(.data(path: "\(parent)/\($0)"))) }
            let again = session.send(.exists(path: parent))
            var records: [RegistryRecord] = []
            for (name, reply) in pending {
                let reply = await reply.value()
                guard reply.isDone, let key = NodeNaming.name(of: name).flatMap({ try? LeaseName($0) }) else {
                    continue
                }
                records.append(Self.record(key, reply))
            }
            let end = await again.value()
            guard end.isDone || end.outcome == .noNode else {
                try await self.tryAgain(end.outcome, "read \(group)", until: deadline)
                continue
            }
            if end.isDone, end.stat.revision == list.stat.revision {
                return RegistrySnapshot(records: records.sorted { $0.key < $1.key }, revision: end.stat.revision)
            }
        }
    }

    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let end = self.clock.now.advanced(by: max(.zero, limit))
        let deadline = end.advanced(by: self.options.timeout)
        let parent = self.groupPath(group)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            // Every write also writes the node of the group; records that end by themselves change its list of children.
            let subjects: [WatchBoard.Subject] = [.data(parent), .children(parent)]
            let synced = session.send(.sync(path: parent))
            let signals = subjects.map { session.board.signal(for: $0, on: session) }
            defer { for (signal, subject) in zip(signals, subjects) { session.board.forget(signal, subject) } }
            _ = await synced.value()
            let reply = await session.send(.exists(path: parent)).value()
            if reply.outcome == .noNode {
                guard let nothing = try await self.revisionOfNothing(on: session, until: deadline) else { continue }
                if nothing != revision { return true }
                if self.clock.now >= end { return false }
                try await self.wait(for: .children(self.registryRoot), on: session, until: end, group)
                continue
            }
            guard reply.isDone else {
                try await self.tryAgain(reply.outcome, "watch \(group)", until: deadline)
                continue
            }
            if reply.stat.revision != revision { return true }
            if self.clock.now >= end { return false }
            try await self.waitForAny(signals, until: end, group)
        }
    }
}

// MARK: Nodes

extension ZooKeeperLeaseEngine {
    /// No name of a lock becomes a node that begins with a plus, so groups and locks do not meet.
    private static let registryFolder = "+registry"

    private var registryRoot: String { "\(self.options.root)/\(Self.registryFolder)" }

    private func groupPath(_ group: LeaseName) -> String {
        "\(self.registryRoot)/\(NodeNaming.node(for: group.rawValue))"
    }

    private func recordPath(_ key: LeaseName, _ group: LeaseName) -> String {
        "\(self.groupPath(group))/\(NodeNaming.node(for: key.rawValue))"
    }

    private struct Present {
        let record: RegistryRecord
        let stat: NodeStat
    }

    private static func record(_ key: LeaseName, _ reply: ZooKeeperReply) -> RegistryRecord {
        let node = RecordNode(reply.bytes)
        return RegistryRecord(
            key: key, value: node.value,
            version: RegistryRevision(
                rawValue: node.version > 0 ? node.version : UInt64(bitPattern: reply.stat.modification)),
            owner: reply.stat.session == 0 ? nil : node.owner)
    }

    /// The state of the group, `nil` if it is not there, and then the record: a write on condition of the state holds for both.
    ///
    /// - Returns: `nil` if the connection broke.
    private func readRecord(
        _ key: LeaseName, _ group: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> (NodeStat?, Present?)? {
        guard self.clock.now < deadline else { throw self.sessions.unreachable() }
        let parent = self.groupPath(group)
        let synced = session.send(.sync(path: parent))
        let state = session.send(.exists(path: parent))
        let data = session.send(.data(path: self.recordPath(key, group)))
        for reply in [await synced.value(), await state.value(), await data.value()] {
            if reply.isDone || reply.outcome == .noNode { continue }
            try await self.tryAgain(reply.outcome, "read \(key)", until: deadline)
            return nil
        }
        let (group, record) = (await state.value(), await data.value())
        return (
            group.isDone ? group.stat : nil,
            record.isDone ? Present(record: Self.record(key, record), stat: record.stat) : nil
        )
    }

    /// Makes a record of another session one of this session, with the same version.
    ///
    /// - Returns: `false` if it was changed meanwhile.
    private func takeOver(
        _ present: Present, _ group: LeaseName, _ state: NodeStat, _ owner: OwnerID, _ duration: Duration,
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        let record = present.record
        let path = self.recordPath(record.key, group)
        let node = RecordNode(owner: owner, value: record.value, version: record.version.rawValue)
        let sent = session.send(
            .transaction([
                .set(path: self.groupPath(group), data: [], version: state.version), .delete(path: path),
                .create(path: path, data: node.bytes, kind: .ephemeral),
            ]))
        let reply = await sent.value()
        if reply.isDone {
            let lifetime = RegistryWrite.Lifetime.ephemeral(owner: owner, duration: duration)
            self.keep(
                RegistryWrite(record.value, for: record.key, lifetime: lifetime), group, path, record.version,
                on: session, from: sent.sentAt)
            return true
        }
        if reply.outcome != .noNode, reply.outcome != .badVersion {
            try await self.tryAgain(reply.outcome, "renew \(record.key)", until: deadline)
        }
        return false
    }

    /// What stands for a group that is not there: the number of the transaction that last made or deleted a group.
    private func revisionOfNothing(
        on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> RegistryRevision? {
        let reply = await session.send(.exists(path: self.registryRoot)).value()
        if reply.isDone { return reply.stat.revision }
        if reply.outcome == .noNode {
            // Without it there is nothing to watch.
            try await self.makeParents(
                of: "\(self.registryRoot)/+", below: self.registryRoot, on: session, until: deadline)
            return nil
        }
        try await self.tryAgain(reply.outcome, "read the registry", until: deadline)
        return nil
    }

    /// Sees to the end of an ephemeral record, and forgets the end of what was there before.
    private func keep(
        _ write: RegistryWrite, _ group: LeaseName, _ path: String, _ version: RegistryRevision,
        on session: ZooKeeperSession, from start: MonotonicInstant
    ) {
        self.records.withLock { records in
            if let former = records.remove(path) { self.recordEnds.cancel(former.alarm) }
            guard case .ephemeral(let owner, let duration) = write.lifetime, !session.isOver else { return }
            let end = start.advanced(by: duration)
            records.put(
                LocalRecords.Entry(
                    group: group, key: write.key, owner: owner, version: version, session: ObjectIdentifier(session),
                    expiry: end, alarm: self.recordEnds.set(path, at: end)), at: path)
        }
    }

    /// The time of a record is over.
    func recordEnded(_ path: String) {
        let entry = self.records.withLock { records -> LocalRecords.Entry? in
            guard let entry = records[path], self.clock.now >= entry.expiry else { return nil }
            return records.remove(path)
        }
        guard let entry else { return }
        Task(executorPreference: ZooKeeperThread.executor) { [weak self] in
            // Until it is done, or the session, and with it the record, has ended.
            while let engine = self, let session = engine.sessions.present, ObjectIdentifier(session) == entry.session {
                let removal = try? await engine.removeRecord(entry.key, from: entry.group, if: .version(entry.version))
                if removal != nil { return }
            }
        }
    }

    private func waitForAny(
        _ signals: [OneShotSignal], until end: MonotonicInstant, _ group: LeaseName
    ) async throws(LeaseError) {
        let clock = self.clock
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for signal in signals { tasks.addTask { try await signal.wait() } }
                tasks.addTask { try await clock.sleep(until: end, tolerance: nil) }
                defer { tasks.cancelAll() }
                try await tasks.next()
            }
        } catch {
            throw LeaseError(.cancelled, "the wait for a change of \(group) was cancelled", cause: error)
        }
    }
}

extension NodeStat {
    /// The latest change of a group: of its node, which every write writes, or of its list of records.
    fileprivate var revision: RegistryRevision {
        RegistryRevision(rawValue: UInt64(bitPattern: max(self.modification, self.childModification)))
    }
}

#endif
