#if ZooKeeper
public import ColonyCoordination
public import ColonyCore
import Synchronization

/// Records: a node for each, below the node of its group.
///
/// Every change is a transaction under the guard of the group, see `Guard`, which also writes the node of the group, so that its
/// watchers hear of it. The number of the latest transaction that changed that node or its list of children is the revision.
extension ZooKeeperLeaseEngine: RegistryEngine {
    /// Writes a record as ``ColonyCoordination/RegistryEngine`` says. An ephemeral record lives in the session of the engine that
    /// wrote it: it also ends, earlier than its duration, when that session ends.
    ///
    /// - Complexity: Two round trips; two more each time that another engine was faster.
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let path = self.recordPath(write.key, group)
        try await self.beginTurn(path, until: deadline)
        defer { self.turns.end(path) }
        var conflicts = 0
        while true {
            let session = try await self.sessions.connected(until: deadline)
            if let state = try await self.readRecord(write.key, group, on: session, until: deadline),
                let answer = try await self.put(write, in: group, state, on: session, until: deadline)
            {
                return answer
            }
            conflicts += 1
            try await self.giveWay(conflicts, until: deadline)
        }
    }

    /// Extends a record as ``ColonyCoordination/RegistryEngine`` says.
    ///
    /// A renewal through another engine than the one that wrote the record takes it over into that engine's session, which
    /// wakes those who wait for the group.
    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let path = self.recordPath(key, group)
        try await self.beginTurn(path, until: deadline)
        defer { self.turns.end(path) }
        var conflicts = 0
        while true {
            let session = try await self.sessions.connected(until: deadline)
            if let state = try await self.readRecord(key, group, on: session, until: deadline) {
                guard let present = state.present, !present.isOver, present.record.owner == owner,
                    present.stat.session != 0
                else { return false }
                if try await self.extend(present, in: group, state, for: duration, on: session, until: deadline) {
                    return true
                }
            }
            conflicts += 1
            try await self.giveWay(conflicts, until: deadline)
        }
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let path = self.recordPath(key, group)
        try await self.beginTurn(path, until: deadline)
        defer { self.turns.end(path) }
        var conflicts = 0
        /// The version whose removal went unanswered.
        var unanswered: RegistryRevision?
        while true {
            let session = try await self.sessions.connected(until: deadline)
            if let state = try await self.readRecord(key, group, on: session, until: deadline) {
                guard let present = state.present, !present.isOver else { return unanswered != nil }
                if let unanswered, unanswered != present.record.version { return true }
                guard condition.isMet(by: present.record) else { return false }
                switch try await self.remove(present, from: group, state, on: session, until: deadline) {
                case .done: return true
                case .lookAgain: break
                case .unanswered: unanswered = present.record.version
                }
            }
            conflicts += 1
            try await self.giveWay(conflicts, until: deadline)
        }
    }

    /// Reads the group twice around its records, and again if it changed meanwhile.
    ///
    /// - Complexity: Two round trips without changes; O(*n*) in the records of the group.
    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        var conflicts = 0
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard self.clock.now < deadline else {
                throw LeaseError(
                    .unavailable,
                    "\(self.options.description) did not answer, or \(group) changed while it was read, each time within "
                        + self.options.timeout.text)
            }
            if let snapshot = try await self.readGroup(group, on: session, until: deadline) { return snapshot }
            conflicts += 1
            // Each try reads all records, so those who keep writing are left some time.
            let pause = self.sessions.pause(after: conflicts)
            try await self.sessions.sleep(until: min(deadline, self.clock.now.advanced(by: pause)))
        }
    }

    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let end = self.clock.now.advanced(by: max(.zero, limit))
        let deadline = end.advanced(by: self.options.timeout)
        let parent = self.groupPath(group)
        var isMissing = false
        while true {
            if Task.isCancelled { throw LeaseError(.cancelled, "the wait for a change of \(group) was cancelled") }
            let session = try await self.sessions.connected(until: deadline)
            guard self.clock.now < deadline else { throw self.sessions.unreachable() }
            // Every write also writes the node of the group; records that end by themselves change its list of children; and where
            // there is no group, one that is made changes the list of groups. The watches are set before the look.
            let subjects: [WatchBoard.Subject] =
                isMissing ? [.children(self.registryFolder)] : [.data(parent), .children(parent)]
            let signal = OneShotSignal()
            let synced = session.send(.sync(path: self.registryFolder))
            for subject in subjects { session.board.watch(subject, signal, on: session) }
            defer { for subject in subjects { session.board.forget(signal, subject) } }
            let before = session.send(.exists(path: self.registryFolder))
            let looked = session.send(.exists(path: parent))
            let after = session.send(.exists(path: self.registryFolder))
            let sync = await synced.value()
            let reply = await looked.value()
            let outcome = sync.isDone || sync.outcome == .noNode ? reply.outcome : sync.outcome
            guard outcome == .done || outcome == .noNode else {
                try await self.tryAgain(outcome, "watch \(group)", until: deadline)
                continue
            }
            if reply.isDone == isMissing {
                // The watches are those of the other case.
                isMissing.toggle()
                continue
            }
            if isMissing {
                let nothing = try await self.revisionOfNothing(
                    await before.value(), await after.value(), on: session, until: deadline)
                guard let nothing else { continue }
                if nothing != revision { return true }
            } else if reply.stat.revision != revision {
                return true
            }
            if self.clock.now >= end { return false }
            try await self.wait(for: signal, until: end, group)
        }
    }
}
#endif
