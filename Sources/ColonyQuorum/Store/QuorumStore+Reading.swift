public import ColonyCaches
import ColonyClocks
import ColonyCore
import Synchronization

extension QuorumStore {
    /// Reads a key.
    ///
    /// - Parameter level: What may be returned. ``ConsistencyLevel/eventual`` by default, because it costs one round
    ///   trip always.
    /// - Throws: ``QuorumError`` with `unavailable`, `notVisible`, `invalidRequest`, `undecodable`, `overloaded`,
    ///   `cancelled`, or `closed`.
    /// - Complexity: One round trip; at the strong level another two if fewer than *W* servers hold what is returned.
    public func read(_ key: CacheKey, at level: ConsistencyLevel = .eventual) async throws(QuorumError) -> QuorumRead {
        try self.check(level)
        let topology = try self.topology()
        let deadline = self.deadline()
        var seen = try await self.look(key, topology, until: deadline)
        switch level {
        case .eventual:
            self.repairLater(key, seen, topology)
        case .causal(let session):
            if let floor = try session.context(of: key), !self.covers(seen.merged, floor) {
                seen = try await self.lookFurther(key, floor, seen, topology, until: deadline)
            }
            self.repairLater(key, seen, topology)
            if let merged = seen.merged { session.note(merged.context, of: key) }
        case .strong:
            try await self.settle(key, seen, topology)
        }
        return QuorumRead(
            values: seen.merged?.values ?? [], context: seen.merged?.context ?? QuorumContext(),
            answered: seen.answers.map(\.lane.server), outdated: seen.outdated.map(\.server), failures: seen.failures)
    }

    /// What a quorum holds.
    struct Seen: Sendable {
        var merged: StoredState?
        var answers: [Reading.Answer] = []
        /// What each server that answered holds, as far as it could be read.
        var states: [ObjectIdentifier: StoredState] = [:]
        var failures: [ReplicaFailure] = []

        /// Servers that hold less than was merged.
        var outdated: [ServerLane] {
            guard let merged else { return [] }
            return self.answers.compactMap { self.states[ObjectIdentifier($0.lane)] == merged ? nil : $0.lane }
        }

        mutating func take(_ answer: Reading.Answer, key: CacheKey) throws(QuorumError) {
            if let held = answer.held {
                let state = try EnvelopeCoding.decode(held.value, key: key)
                self.states[ObjectIdentifier(answer.lane)] = state
                if let merged { self.merged = try merged.merging(state) } else { self.merged = state }
            }
            self.answers.append(answer)
        }
    }

    /// Asks a read quorum of every map.
    func look(
        _ key: CacheKey, _ topology: Topology, until deadline: MonotonicInstant
    ) async throws(QuorumError) -> Seen {
        var seen = Seen()
        for map in topology.maps {
            let order = self.order(map.preference(for: key), homes: map.replicas)
            try await self.gather(key, from: order, need: self.settings.readQuorum, into: &seen, until: deadline)
        }
        return seen
    }

    /// Asks until `need` servers have given an answer that can be read.
    private func gather(
        _ key: CacheKey, from lanes: [ServerLane], need: Int, into seen: inout Seen, until deadline: MonotonicInstant
    ) async throws(QuorumError) {
        var rest = lanes
        var missing = need
        while missing > 0 {
            let outcome = await Reading.run(key, from: rest, need: missing, until: deadline)
            seen.failures += outcome.failures
            for answer in outcome.answers {
                rest.removeAll { $0 === answer.lane }
                do throws(QuorumError) {
                    try seen.take(answer, key: key)
                    missing -= 1
                } catch {
                    // A damaged entry is no answer: what was there may be what the others lack.
                    seen.failures.append(ReplicaFailure(answer.lane.server, .undecodable, error.message))
                }
            }
            if outcome.isCancelled { throw QuorumError(.cancelled, "the calling task was cancelled") }
            if !outcome.isEnough || (missing > 0 && rest.count < missing) {
                throw QuorumError(
                    !seen.failures.isEmpty && seen.failures.allSatisfy { $0.kind == .undecodable }
                        ? .undecodable : .unavailable,
                    "\(need - missing) of \(lanes.count) servers of \(NameRules.quoted(key.rawValue)) answered in time, and "
                        + "\(need) are needed",
                    acknowledged: seen.answers.map(\.lane.server), failures: seen.failures)
            }
        }
    }

    /// Whom to ask first: the homes that work, then those that stand in, then the homes that have failed lately.
    func order(_ preference: [ServerLane], homes: Int) -> [ServerLane] {
        let now = self.settings.clock.now
        if !preference.prefix(homes).contains(where: { $0.isSuspected(at: now) }) { return preference }
        let good = preference.filter { !$0.isSuspected(at: now) }
        return good + preference.filter { lane in !good.contains { $0 === lane } }
    }

    // MARK: Sessions

    private func covers(_ state: StoredState?, _ floor: QuorumContext) -> Bool {
        (state?.context ?? QuorumContext()).covers(floor) || self.isForgotten(floor)
    }

    /// Whether all that the session has seen may be gone for good: a delete whose grace is over.
    private func isForgotten(_ floor: QuorumContext) -> Bool {
        guard let stamp = floor.stamp else { return true }
        return self.retention.isOver(.last(stamp, nil))
    }

    /// Asks the servers that were not asked, until what the session has seen is among the answers.
    private func lookFurther(
        _ key: CacheKey, _ floor: QuorumContext, _ first: Seen, _ topology: Topology, until deadline: MonotonicInstant
    ) async throws(QuorumError) -> Seen {
        var seen = first
        var rest: [ServerLane] = []
        for lane in topology.maps.flatMap({ self.order($0.preference(for: key), homes: $0.replicas) })
        where !rest.contains(where: { $0 === lane }) && !seen.answers.contains(where: { $0.lane === lane }) {
            rest.append(lane)
        }
        while !rest.isEmpty {
            let outcome = await Reading.run(key, from: rest, need: 1, until: deadline)
            seen.failures += outcome.failures
            if outcome.isCancelled { throw QuorumError(.cancelled, "the calling task was cancelled") }
            for answer in outcome.answers {
                rest.removeAll { $0 === answer.lane }
                do throws(QuorumError) {
                    try seen.take(answer, key: key)
                } catch {
                    seen.failures.append(ReplicaFailure(answer.lane.server, .undecodable, error.message))
                }
            }
            if self.covers(seen.merged, floor) { return seen }
            if !outcome.isEnough { break }
        }
        throw QuorumError(
            .notVisible, "no server that answered has what the session has seen of \(NameRules.quoted(key.rawValue))",
            acknowledged: seen.answers.map(\.lane.server), failures: seen.failures)
    }

    // MARK: Repair

    /// Brings the servers that answered with less up to date, without waiting for it.
    func repairLater(_ key: CacheKey, _ seen: Seen, _ topology: Topology) {
        guard let merged = seen.merged else { return }
        // Who stands in does not get what it was not asked to keep.
        let homes = topology.maps.flatMap { $0.homes(of: key) }
        let outdated = seen.outdated.filter { lane in homes.contains { $0 === lane } }
        if outdated.isEmpty || self.retention.isOver(merged) { return }
        let isAdmitted = self.state.withLock { state in
            if state.repairsUnderWay >= self.settings.maximumRepairs {
                state.statistics.repairsPutOff += outdated.count
                return false
            }
            state.repairsUnderWay += 1
            return true
        }
        guard isAdmitted else { return }
        let storing = Storing(
            merged, of: key, to: outdated,
            round: WriteRound(homes: Array(outdated.indices), need: outdated.count), known: seen.answers,
            until: self.deadline(), retention: self.retention)
        // Bounded by the count above and by its deadline, so nobody has to own it.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        Task(executorPreference: executor) {
            storing.start()
            let outcome = await storing.outcome()
            self.state.withLock { state in
                state.repairsUnderWay -= 1
                state.statistics.repairs += outcome.stored.count
            }
        }
    }

    /// Sees to it that a write quorum of every map holds what was seen, so that no later read can miss it.
    private func settle(_ key: CacheKey, _ seen: Seen, _ topology: Topology) async throws(QuorumError) {
        guard let merged = seen.merged, !self.retention.isOver(merged) else { return }
        for map in topology.maps {
            let homes = map.homes(of: key)
            let rest = homes.filter { seen.states[ObjectIdentifier($0)] != merged }
            let need = self.settings.writeQuorum - (homes.count - rest.count)
            if need <= 0 { continue }
            let storing = Storing(
                merged, of: key, to: rest, round: WriteRound(homes: Array(rest.indices), need: need),
                known: seen.answers,
                until: self.deadline(), retention: self.retention)
            storing.start()
            let outcome = await storing.outcome()
            self.count { $0.repairs += outcome.stored.count }
            if outcome.isCancelled { throw QuorumError(.cancelled, "the calling task was cancelled") }
            if !outcome.isAcknowledged {
                throw QuorumError(
                    .unavailable,
                    "what was read of \(NameRules.quoted(key.rawValue)) is on fewer than \(self.settings.writeQuorum) servers, "
                        + "and could not be brought to more",
                    acknowledged: outcome.stored, failures: outcome.failures)
            }
        }
    }
}
