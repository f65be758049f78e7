public import ColonyCaches
import ColonyClocks
import ColonyCore

extension QuorumStore {
    /// Writes a key.
    ///
    /// Where the last write wins, this one comes after everything that a quorum holds. Where siblings are kept, it
    /// replaces what `context` has seen, and stands beside the rest.
    ///
    /// - Parameters:
    ///   - context: What the writer has read of the key; nothing by default.
    ///   - level: What it must come after; see ``ConsistencyLevel``.
    /// - Returns: Which servers hold it, and the context for the next write.
    /// - Throws: ``QuorumError``. After `unknown` and `cancelled` the write may be there, or come to be there; after
    ///   all others it is not. ``QuorumError/acknowledged`` says who holds it.
    /// - Complexity: Two round trips, and one more for each other writer of the key that comes in between.
    @discardableResult
    public func write(
        _ value: [UInt8], to key: CacheKey, context: QuorumContext = QuorumContext(),
        at level: ConsistencyLevel = .eventual
    ) async throws(QuorumError) -> QuorumWrite {
        try await self.change(key, to: value, context, level)
    }

    /// Deletes a key, which leaves the memory of the delete for ``QuorumSettings/tombstoneGrace``.
    ///
    /// Where siblings are kept, what `context` has seen is deleted; without a context, what a quorum holds now.
    ///
    /// - Throws: As ``write(_:to:context:at:)``.
    @discardableResult
    public func delete(
        _ key: CacheKey, context: QuorumContext? = nil, at level: ConsistencyLevel = .eventual
    ) async throws(QuorumError) -> QuorumWrite {
        try await self.change(key, to: nil, context, level)
    }

    private func change(
        _ key: CacheKey, to value: [UInt8]?, _ context: QuorumContext?, _ level: ConsistencyLevel
    ) async throws(QuorumError) -> QuorumWrite {
        try self.check(level)
        let topology = try self.topology()
        var floor = context ?? QuorumContext()
        if case .causal(let session) = level, let seen = try session.context(of: key) {
            // Siblings are replaced only by who says so; the stamp of a session orders its writes.
            floor.merge(QuorumContext(stamp: seen.stamp))
        }
        if let value { try self.checkSize(value.count, key, topology) }
        let seen = try await self.look(key, topology, until: self.deadline())
        let state = try self.state(of: key, value, context, floor, seen)
        let context = Self.context(after: state, floor, isDelete: value == nil)
        let write = try await self.store(state, of: key, seen, topology, context: context)
        if case .causal(let session) = level { session.note(state.context, of: key) }
        return write
    }

    private func checkSize(_ count: Int, _ key: CacheKey, _ topology: Topology) throws(QuorumError) {
        for lane in topology.maps.flatMap({ $0.homes(of: key) }) where count > lane.tier.limits.valueBytes - 512 {
            throw QuorumError(
                .invalidRequest,
                "the value of \(NameRules.quoted(key.rawValue)) has \(count) bytes, and \(lane.server) takes "
                    + "\(lane.tier.limits.valueBytes) with the 512 that its envelope may need")
        }
    }

    /// What the writer knows to have seen when its write is done.
    private static func context(after state: StoredState, _ floor: QuorumContext, isDelete: Bool) -> QuorumContext {
        guard case .siblings(let stamp, let set) = state else { return QuorumContext(stamp: state.stamp) }
        // The events of this process have one count. Where it stands for a sibling that this writer has not seen, the
        // writer gets no count, and its next write stands beside its own: one sibling too many instead of one too few.
        let isAlone = isDelete ? set.isEmpty : set.count == 1
        return QuorumContext(stamp: stamp, events: isAlone ? set.context : floor.events)
    }

    /// What is sent to the servers.
    private func state(
        of key: CacheKey, _ value: [UInt8]?, _ context: QuorumContext?, _ floor: QuorumContext, _ seen: Seen
    ) throws(QuorumError) -> StoredState {
        var least = floor.stamp
        if let stamp = seen.merged?.stamp { least = least.map { max($0, stamp) } ?? stamp }
        let stamp: WriteStamp
        do throws(ClockError) {
            let time = if let least { try self.clock.receive(least.time) } else { try self.clock.next() }
            stamp = WriteStamp(time: time, node: self.node)
        } catch {
            throw QuorumError(.clock, error.message, cause: error)
        }
        switch self.settings.conflicts {
        case .lastWriteWins:
            if case .siblings = seen.merged { throw Self.mixed(key) }
            return .last(stamp, value)
        case .siblings:
            var siblings = 0
            if case .last = seen.merged { throw Self.mixed(key) }
            if case .siblings(_, var set) = seen.merged {
                set.discard(floor.events)
                siblings = set.count
            }
            guard let value else {
                // Without a context, what is there is what is meant.
                let events = context?.events ?? seen.merged?.context.events ?? VectorClock()
                return try self.writers.delete(key, context: events, stamp: stamp)
            }
            guard siblings < self.settings.maximumSiblings else {
                throw QuorumError(
                    .tooManySiblings,
                    "\(NameRules.quoted(key.rawValue)) has \(siblings) siblings that the context has not seen, and "
                        + "\(self.settings.maximumSiblings) are the most")
            }
            return try self.writers.write(value, to: key, context: floor.events, stamp: stamp)
        }
    }

    private static func mixed(_ key: CacheKey) -> QuorumError {
        QuorumError(
            .undecodable,
            "\(NameRules.quoted(key.rawValue)) was written by a store that treats concurrent writes in the other way")
    }

    /// Brings a state to a write quorum of every map.
    private func store(
        _ state: StoredState, of key: CacheKey, _ seen: Seen, _ topology: Topology, context: QuorumContext
    ) async throws(QuorumError) -> QuorumWrite {
        var acknowledged: [NodeID] = []
        var owed: [NodeID: NodeID?] = [:]
        var failures = seen.failures
        for map in topology.maps {
            let preference = map.preference(for: key)
            let homes = Array(0..<map.replicas)
            let now = self.settings.clock.now
            let skipped: [Int] =
                map.standIns > 0 ? homes.filter { preference[$0].isSuspected(at: now) } : []
            let standIns = Array(map.replicas..<preference.count)
            let good = standIns.filter { !preference[$0].isSuspected(at: now) }
            let round = WriteRound(
                homes: homes, standIns: good + standIns.filter { !good.contains($0) }, need: self.settings.writeQuorum)
            let storing = Storing(
                state, of: key, to: preference, round: round, known: seen.answers, until: self.deadline(),
                retention: self.retention, onLateDebt: { self.keepLate($0, state, key) })
            storing.start(skipping: Set(skipped))
            let outcome = await storing.outcome()
            failures += outcome.failures
            if !outcome.isAcknowledged {
                let isKnown = outcome.stored.isEmpty && !outcome.isUncertain && acknowledged.isEmpty
                throw QuorumError(
                    outcome.isCancelled ? .cancelled : isKnown ? .unavailable : .unknown,
                    "\(outcome.stored.count) servers hold the write of \(NameRules.quoted(key.rawValue)), and "
                        + "\(self.settings.writeQuorum) are needed",
                    acknowledged: acknowledged + outcome.stored, failures: failures)
            }
            acknowledged += outcome.stored.filter { !acknowledged.contains($0) }
            for debt in outcome.debts { owed[debt.home.server] = .some(debt.standIn?.server) }
            // Before the caller hears of it, so that what was acknowledged on a stand-in is not forgotten there.
            await self.keep(outcome.debts, state, key)
        }
        return QuorumWrite(context: context, acknowledged: acknowledged, owed: owed, failures: failures)
    }
}
