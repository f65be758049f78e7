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
    /// - Complexity: Two round trips. One where the last write wins on servers that compare ranks and the level is not
    ///   strong, and one more for each other writer with a later clock.
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
        try self.check(key, level)
        let routes = try self.topology().routes(for: key)
        var floor = context ?? QuorumContext()
        if case .causal(let session) = level, let seen = try session.context(of: key) {
            // Siblings are replaced only by who says so; the stamp of a session orders its writes.
            floor.merge(QuorumContext(stamp: seen.stamp))
        }
        if let value { try self.checkSize(value.count, key, routes) }
        let write: QuorumWrite
        let written: QuorumContext
        switch self.settings.conflicts {
        case .lastWriteWins:
            write = try await self.writeLast(value, to: key, after: floor.stamp?.time, level, routes)
            written = write.context
        case .siblings:
            let seen = try await self.look(key, routes, until: self.deadline())
            let state = try self.state(of: key, value, context, floor, seen)
            let stored = await self.store(
                state, of: key, routes, known: seen.answers, failures: seen.failures, until: self.deadline(),
                context: Self.context(after: state, floor, isDelete: value == nil))
            write = try stored.get()
            written = state.context
        }
        if case .causal(let session) = level { session.note(written, of: key) }
        return write
    }

    private func checkSize(_ count: Int, _ key: CacheKey, _ routes: [ServerRoute]) throws(QuorumError) {
        for route in routes {
            for lane in route.homes where count > lane.tier.limits.valueBytes - 512 {
                throw QuorumError(
                    .invalidRequest,
                    "the value of \(NameRules.quoted(key.rawValue)) has \(count) bytes, and \(lane.server) takes "
                        + "\(lane.tier.limits.valueBytes) with the 512 that its envelope may need")
            }
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

    /// The state with siblings that is sent to the servers.
    private func state(
        of key: CacheKey, _ value: [UInt8]?, _ context: QuorumContext?, _ floor: QuorumContext, _ seen: Seen
    ) throws(QuorumError) -> StoredState {
        let least = [floor.stamp?.time, seen.merged?.stamp.time].compactMap { $0 }.max()
        let stamp = try self.stamp(after: least)
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

    /// A stamp of this process after a time, and after all that it gave out before.
    func stamp(after least: HybridTimestamp?) throws(QuorumError) -> WriteStamp {
        do throws(ClockError) {
            let time = if let least { try self.clock.receive(least) } else { try self.clock.next() }
            return WriteStamp(time: time, node: self.node)
        } catch {
            throw QuorumError(.clock, error.message, cause: error)
        }
    }

    static func mixed(_ key: CacheKey) -> QuorumError {
        QuorumError(
            .undecodable,
            "\(NameRules.quoted(key.rawValue)) was written by a store that treats concurrent writes in the other way")
    }

    /// What became of a state that was to be brought to a write quorum.
    enum Stored {
        case acknowledged(QuorumWrite)
        /// Servers hold a later state, of this stamp, and did not take this one.
        case surpassed(by: WriteStamp, QuorumError)
        case failed(QuorumError)

        func get() throws(QuorumError) -> QuorumWrite {
            switch self {
            case .acknowledged(let write): return write
            case .surpassed(_, let error), .failed(let error): throw error
            }
        }
    }

    /// Brings a state to a write quorum of every map.
    func store(
        _ state: StoredState, of key: CacheKey, _ routes: [ServerRoute], known: [Reading.Answer] = [],
        failures: [ReplicaFailure] = [], later: LaterStates = .count, until deadline: MonotonicInstant,
        context: QuorumContext
    ) async -> Stored {
        var acknowledged: [NodeID] = []
        var owed: [NodeID: NodeID?] = [:]
        var failures = failures
        for route in routes {
            let (skipped, standIns) = self.helpers(route)
            let storing = Storing(
                state, of: key, to: route.lanes,
                round: WriteRound(
                    homes: Array(0..<route.replicas), standIns: standIns, need: self.settings.writeQuorum),
                known: known,
                later: later, until: deadline, retention: self.retention,
                onLateDebt: { self.keepLate($0, state, key) })
            storing.start(skipping: skipped)
            let outcome = await storing.outcome()
            failures += outcome.failures
            if !outcome.isAcknowledged {
                let isKnown = outcome.stored.isEmpty && !outcome.isUncertain && acknowledged.isEmpty
                let isForeign = !failures.isEmpty && failures.allSatisfy { $0.kind == .undecodable }
                let error = QuorumError(
                    outcome.isCancelled ? .cancelled : !isKnown ? .unknown : isForeign ? .undecodable : .unavailable,
                    "\(outcome.stored.count) servers hold the write of \(NameRules.quoted(key.rawValue)), and "
                        + "\(self.settings.writeQuorum) are needed",
                    acknowledged: acknowledged + outcome.stored, failures: failures)
                if let latest = outcome.latest, !outcome.isCancelled { return .surpassed(by: latest, error) }
                return .failed(error)
            }
            for server in outcome.stored where !acknowledged.contains(server) { acknowledged.append(server) }
            for debt in outcome.debts { owed[debt.home.server] = .some(debt.standIn?.server) }
            // Before the caller hears of it, so that what was acknowledged on a stand-in is not forgotten there.
            await self.keep(outcome.debts, state, key)
        }
        return .acknowledged(
            QuorumWrite(context: context, acknowledged: acknowledged, owed: owed, failures: failures))
    }

    /// The homes that have failed lately and are not to be tried first, and those that may stand in, the best first.
    private func helpers(_ route: ServerRoute) -> (skipped: Set<Int>, standIns: [Int]) {
        if route.standIns.isEmpty { return ([], []) }
        let now = self.settings.clock.now
        guard route.lanes.contains(where: { $0.isSuspected(at: now) }) else { return ([], Array(route.standIns)) }
        let skipped = Set((0..<route.replicas).filter { route.lanes[$0].isSuspected(at: now) })
        let good = route.standIns.filter { !route.lanes[$0].isSuspected(at: now) }
        return (skipped, good + route.standIns.filter { !good.contains($0) })
    }
}
