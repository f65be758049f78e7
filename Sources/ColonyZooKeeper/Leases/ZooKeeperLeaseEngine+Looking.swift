#if ZooKeeper
import ColonyCore
import Synchronization

/// What is at a lock, and what is to be done when it could not be found out.
extension ZooKeeperLeaseEngine {
    /// Those who stand at a lock, as of a moment not before the request.
    struct View {
        let contenders: [Contender]
        /// A moment before the request left.
        let sentAt: MonotonicInstant
    }

    /// The node of a lock.
    func path(of name: LeaseName) -> String { "\(self.options.root)/\(NodeNaming.node(for: name.rawValue))" }

    func path(of contender: Contender, _ name: LeaseName) -> String { "\(self.path(of: name))/\(contender.name)" }

    /// How long a grant of this session lasts at the most.
    func granted(_ duration: Duration, on session: ZooKeeperSession) -> Duration { min(duration, session.certainty) }

    /// Lists who stands at a lock, behind a `sync`.
    ///
    /// - Returns: `nil` if the connection broke and the caller has to begin again.
    func look(
        _ name: LeaseName, on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> View? {
        let path = self.path(of: name)
        let synced = session.send(.sync(path: path))
        let listed = session.send(.children(path: path))
        for outcome in [await synced.value().outcome, await listed.value().outcome] {
            if outcome == .done || outcome == .noNode { continue }
            try await self.tryAgain(outcome, "look at \(name)", until: deadline)
            return nil
        }
        return View(contenders: Contender.sorted(await listed.value().names), sentAt: synced.sentAt)
    }

    /// Returns after what a repetition may mend, and throws after everything else.
    func tryAgain(
        _ outcome: ZooKeeperReply.Outcome, _ what: String, until deadline: MonotonicInstant
    ) async throws(LeaseError) {
        let isPassing = outcome == .connectionLost || outcome == .sessionOver
        guard isPassing, self.clock.now < deadline else { throw LeaseError(outcome, what, self.options) }
        // The library reconnects by itself; a server without a majority answers like a broken connection, at once.
        try await self.sessions.sleep(until: self.clock.now.advanced(by: .milliseconds(5)))
    }

    /// Waits for a signal of the board, not beyond `end`.
    func wait(
        for subject: WatchBoard.Subject, on session: ZooKeeperSession, until end: MonotonicInstant, _ name: LeaseName
    ) async throws(LeaseError) {
        let signal = session.board.signal(for: subject, on: session)
        defer { session.board.forget(signal, subject) }
        do {
            _ = try await signal.wait(until: end, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
        }
    }

    // MARK: Records

    enum Finding {
        case record(LeaseRecord?)
        /// The holder went while it was looked at.
        case changed
    }

    /// The longest queue that a record shows.
    static let shownWaiters = 1_000

    func record(
        of name: LeaseName, _ contenders: [Contender], on session: ZooKeeperSession, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Finding {
        guard let first = contenders.first else { return .record(nil) }
        let pending = contenders.prefix(1 + Self.shownWaiters).map { contender in
            session.send(.data(path: self.path(of: contender, name)))
        }
        var holder: (record: NodeRecord, stat: NodeStat)?
        var waiters: [LeaseWaiter] = []
        for (contender, reply) in zip(contenders, pending) {
            let reply = await reply.value()
            if reply.outcome == .noNode {
                if contender == first { return .changed }
                continue
            }
            guard reply.isDone else {
                try await self.tryAgain(reply.outcome, "look at \(name)", until: deadline)
                return .changed
            }
            let record = NodeRecord(reply.bytes, name: contender.name)
            if holder == nil {
                holder = (record, reply.stat)
            } else {
                waiters.append(
                    LeaseWaiter(owner: record.owner, age: record.age(reply.stat, at: self.wallClock.now)))
            }
        }
        guard let holder else { return .changed }
        return .record(self.record(of: name, first, holder.record, holder.stat, waiters))
    }

    private func record(
        of name: LeaseName, _ first: Contender, _ record: NodeRecord, _ stat: NodeStat, _ waiters: [LeaseWaiter]
    ) -> LeaseRecord? {
        let now = self.clock.now
        let token = record.token(stat)
        let (own, held) = self.nodes.withLock { ($0[first.guid], $0.present(of: name)) }
        if let own, let grant = own.grant {
            guard now < grant.expiry else { return nil }
            return LeaseRecord(
                name: name, owner: record.owner, token: token, duration: grant.duration,
                remaining: now.duration(to: grant.expiry),
                age: max(grant.began.duration(to: now), record.since == nil ? .zero : self.age(record, stat)),
                renewals: grant.recorded + grant.silent, waiters: waiters)
        }
        let age = self.age(record, stat)
        let duration = record.duration ?? self.options.sessionTimeout
        return LeaseRecord(
            name: name, owner: record.owner, token: token, duration: duration,
            remaining: self.remaining(record, stat), age: age,
            // Renewals that this engine made before another session took the node over are known here only.
            renewals: record.renewals + (held?.token == token ? held?.grant?.silent ?? 0 : 0), waiters: waiters)
    }

    private func age(_ record: NodeRecord, _ stat: NodeStat) -> Duration { record.age(stat, at: self.wallClock.now) }

    /// What remains of another session's grant: counted from the last writing of its node, and the whole duration if that is
    /// over, because renewals by the session that holds are not written down.
    func remaining(_ record: NodeRecord, _ stat: NodeStat) -> Duration {
        let duration = record.duration ?? self.options.sessionTimeout
        let elapsed = Duration.milliseconds(max(0, self.wallClock.now.millisecondsSince1970 - stat.modifiedAt))
        return elapsed < duration ? duration - elapsed : duration
    }

    func holder(_ contender: Contender, _ record: NodeRecord, _ stat: NodeStat) -> LeaseHolder {
        let now = self.clock.now
        let grant = self.nodes.withLock { $0[contender.guid]?.grant }
        let remaining = grant.map { now.duration(to: $0.expiry) } ?? self.remaining(record, stat)
        return LeaseHolder(
            owner: record.owner, token: record.token(stat), remaining: max(.nanoseconds(1), remaining))
    }
}
#endif
