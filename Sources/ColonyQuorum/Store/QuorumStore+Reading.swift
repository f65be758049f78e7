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
        try self.check(key, level)
        let topology = try self.topology()
        let deadline = self.deadline()
        let routes = topology.routes(for: key)
        var seen = try await self.look(key, routes, until: deadline)
        switch level {
        case .eventual:
            self.repairLater(key, seen, routes)
        case .causal(let session):
            if let floor = try session.context(of: key), !self.covers(seen.merged, floor) {
                seen = try await self.lookFurther(key, floor, seen, routes, until: deadline)
            }
            self.repairLater(key, seen, routes)
            if let merged = seen.merged { session.note(merged.context, of: key) }
        case .strong:
            try await self.settle(key, seen, routes)
        }
        return QuorumRead(
            values: seen.merged?.values ?? [], context: seen.merged?.context ?? QuorumContext(),
            answered: seen.answers.map(\.lane.server), outdated: seen.outdated.map(\.server), failures: seen.failures)
    }

    /// What a quorum holds.
    struct Seen: Sendable {
        var merged: StoredState?
        var answers: [Reading.Answer] = []
        /// What each server that answered holds, in the order of the answers.
        var states: [StoredState?] = []
        var failures: [ReplicaFailure] = []

        /// Servers that hold less than was merged.
        var outdated: [ServerLane] {
            guard let merged else { return [] }
            return self.answers.indices.compactMap { self.states[$0] == merged ? nil : self.answers[$0].lane }
        }

        /// Whether a server is known to hold what was merged.
        func isUpToDate(_ lane: ServerLane) -> Bool {
            guard let index = self.answers.firstIndex(where: { $0.lane === lane }) else { return false }
            return self.states[index] == self.merged
        }

        mutating func take(
            _ answer: Reading.Answer, key: CacheKey, _ retention: TombstoneRetention
        ) throws(QuorumError) {
            var state: StoredState?
            if let held = answer.held {
                // Servers agree as a rule, and the same bytes need not be read twice.
                if let first = self.answers.first, first.held?.value == held.value, let known = self.states[0] {
                    state = known
                } else {
                    let there = retention.withoutPastWriters(try EnvelopeCoding.decode(held.value, key: key))
                    self.merged = try self.merged?.merging(there) ?? there
                    state = there
                }
            }
            self.answers.append(answer)
            self.states.append(state)
        }
    }

    /// What a look must ask for: versions are needed where siblings are merged, and cost some servers much.
    private var question: Reading.Question { self.settings.conflicts == .siblings ? .entry : .value }

    /// Asks a read quorum of every map.
    func look(
        _ key: CacheKey, _ routes: [ServerRoute], until deadline: MonotonicInstant
    ) async throws(QuorumError) -> Seen {
        var seen = Seen()
        for route in routes {
            var failures = seen.failures
            try await self.gather(self.question, key, route, &failures, until: deadline) {
                answer throws(QuorumError) in try seen.take(answer, key: key, self.retention)
            }
            seen.failures = failures
        }
        return seen
    }

    /// Asks until a read quorum has given answers that can be taken.
    func gather(
        _ question: Reading.Question, _ key: CacheKey, _ route: ServerRoute, _ failures: inout [ReplicaFailure],
        until deadline: MonotonicInstant, take: (Reading.Answer) throws(QuorumError) -> Void
    ) async throws(QuorumError) {
        let need = self.settings.readQuorum
        var rest = self.order(route)
        var answered: [NodeID] = []
        while answered.count < need {
            let outcome = await Reading.run(
                question, of: key, from: rest, need: need - answered.count, until: deadline)
            failures += outcome.failures
            for answer in outcome.answers {
                do throws(QuorumError) {
                    try take(answer)
                    answered.append(answer.lane.server)
                } catch {
                    // A damaged entry is no answer: what was there may be what the others lack.
                    failures.append(ReplicaFailure(answer.lane.server, .undecodable, error.message))
                }
            }
            if outcome.isCancelled { throw QuorumError(.cancelled, "the calling task was cancelled") }
            if answered.count >= need { return }
            rest.removeAll { lane in outcome.answers.contains { $0.lane === lane } }
            if !outcome.isEnough || rest.count < need - answered.count {
                throw QuorumError(
                    !failures.isEmpty && failures.allSatisfy { $0.kind == .undecodable } ? .undecodable : .unavailable,
                    "\(answered.count) of \(route.lanes.count) servers of \(NameRules.quoted(key.rawValue)) answered in "
                        + "time, and \(need) are needed",
                    acknowledged: answered, failures: failures)
            }
        }
    }

    /// Whom to ask first: the homes that work, then those that stand in, then the homes that have failed lately.
    func order(_ route: ServerRoute) -> [ServerLane] {
        let now = self.settings.clock.now
        if !route.homes.contains(where: { $0.isSuspected(at: now) }) { return route.lanes }
        let good = route.lanes.filter { !$0.isSuspected(at: now) }
        return good + route.lanes.filter { lane in !good.contains { $0 === lane } }
    }

    // MARK: Sessions

    private func covers(_ state: StoredState?, _ floor: QuorumContext) -> Bool {
        (state?.context ?? QuorumContext()).covers(self.retention.withoutPastWriters(floor)) || self.isForgotten(floor)
    }

    /// Whether all that the session has seen may be gone for good: a delete whose grace is over.
    private func isForgotten(_ floor: QuorumContext) -> Bool {
        guard let stamp = floor.stamp else { return true }
        return self.retention.isOver(.last(stamp, nil))
    }

    /// Asks the servers that were not asked, until what the session has seen is among the answers.
    private func lookFurther(
        _ key: CacheKey, _ floor: QuorumContext, _ first: Seen, _ routes: [ServerRoute],
        until deadline: MonotonicInstant
    ) async throws(QuorumError) -> Seen {
        var seen = first
        var rest: [ServerLane] = []
        for lane in routes.flatMap({ self.order($0) })
        where !rest.contains(where: { $0 === lane }) && !seen.answers.contains(where: { $0.lane === lane }) {
            rest.append(lane)
        }
        while !rest.isEmpty {
            let outcome = await Reading.run(self.question, of: key, from: rest, need: 1, until: deadline)
            seen.failures += outcome.failures
            if outcome.isCancelled { throw QuorumError(.cancelled, "the calling task was cancelled") }
            for answer in outcome.answers {
                rest.removeAll { $0 === answer.lane }
                do throws(QuorumError) {
                    try seen.take(answer, key: key, self.retention)
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
    func repairLater(_ key: CacheKey, _ seen: Seen, _ routes: [ServerRoute]) {
        guard let merged = seen.merged else { return }
        // Who stands in does not get what it was not asked to keep.
        let outdated = seen.outdated.filter { lane in routes.contains { $0.homes.contains { $0 === lane } } }
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
    private func settle(_ key: CacheKey, _ seen: Seen, _ routes: [ServerRoute]) async throws(QuorumError) {
        guard let merged = seen.merged, !self.retention.isOver(merged) else { return }
        for route in routes {
            let need = self.settings.writeQuorum - route.homes.count { seen.isUpToDate($0) }
            if need <= 0 { continue }
            let rest = route.homes.filter { !seen.isUpToDate($0) }
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
