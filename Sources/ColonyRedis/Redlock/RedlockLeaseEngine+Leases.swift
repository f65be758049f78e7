public import ColonyCore
import ColonyRESP

extension RedlockLeaseEngine {
    /// How often a lock is tried that nobody has a majority of, because several asked at once.
    private static let attempts = 12
    private static let lookInterval: Duration = .milliseconds(100)

    /// Grants `name` to `owner` on a majority of the servers, or on none.
    ///
    /// What was granted by a minority is given back before the answer. When several ask at once and none gets a majority, each
    /// tries again after a short random wait.
    ///
    /// - Throws: `LeaseError`; `unavailable` also if the majority took so long that the lease was over.
    /// - Complexity: Two round trips to all servers at once; more where several ask at once.
    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let arguments = [
            owner.rawValue, RedisCommand.milliseconds(duration + self.drift(duration)),
            String(duration.clampedNanoseconds),
        ]
        var ballot = Ballot()
        for attempt in 0..<Self.attempts {
            if attempt > 0 { try await self.pause(attempt, name) }
            let sent = self.clock.now
            let answers = try await self.ask(RedlockScripts.take, on: name, keys: 5, arguments)
            ballot = try self.count(answers)
            if ballot.granted.count >= self.quorum,
                let lease = try await self.confirm(ballot, name, owner, duration, sent)
            {
                return .granted(lease)
            }
            // What this owner holds from before is left alone.
            if ballot.granted.values.allSatisfy(\.isFresh) { try await self.giveBack(name, owner) }
            try self.checkMajority(answers)
            if let holder = ballot.majority(self.quorum) { return .held(holder) }
        }
        guard let holder = ballot.majority(1) else {
            throw LeaseError(
                .unavailable,
                "\(self.place): the servers took longer to grant \(name) than the lease of \(duration) lasts")
        }
        return .held(holder)
    }

    /// What the servers said to one who asks.
    private struct Ballot {
        struct Grant {
            let token: UInt64
            let isFresh: Bool
            let confirmed: UInt64
        }

        /// By the number of the server.
        var granted: [Int: Grant] = [:]
        var holders: [LeaseHolder] = []

        /// Who holds the lock on at least `quorum` servers, on the most of them.
        func majority(_ quorum: Int) -> LeaseHolder? {
            let groups = Dictionary(grouping: self.holders, by: \.owner).values
            guard let group = groups.max(by: { ($0.count, $0[0].token) < ($1.count, $1[0].token) }),
                group.count >= quorum
            else { return nil }
            let ends = group.map(\.remaining).sorted(by: >)
            return LeaseHolder(
                owner: group[0].owner, token: group.map(\.token).max() ?? group[0].token, remaining: ends[quorum - 1])
        }
    }

    private func count(_ answers: [Answer?]) throws(LeaseError) -> Ballot {
        var ballot = Ballot()
        for (index, answer) in answers.enumerated() {
            guard case .success(let value) = answer else { continue }
            if let parts = value.elements, parts.count == 5, parts[0].integer == 1,
                let token = parts[1].integer, let isFresh = parts[3].integer, let confirmed = parts[4].integer,
                token > 0, confirmed >= 0
            {
                ballot.granted[index] = Ballot.Grant(
                    token: UInt64(token), isFresh: isFresh == 1, confirmed: UInt64(confirmed))
            } else if case .held(let holder, _, _, _) = LeaseAnswer.grant(value) {
                // The server keeps the lease for longer than its holder was told.
                let duration = value.elements?.last?.text.flatMap { Int64($0) } ?? 0
                let kept = duration > 0 ? self.drift(.nanoseconds(duration)) : .zero
                ballot.holders.append(
                    LeaseHolder(
                        owner: holder.owner, token: holder.token,
                        remaining: max(.milliseconds(1), holder.remaining - kept)))
            } else {
                throw self.unexpected(value)
            }
        }
        return ballot
    }

    /// Writes the token back to those who granted.
    ///
    /// - Returns: The lease, or `nil` if a majority did not take the token, or not in time.
    private func confirm(
        _ ballot: Ballot, _ name: LeaseName, _ owner: OwnerID, _ duration: Duration, _ sent: MonotonicInstant
    ) async throws(LeaseError) -> Lease? {
        // A token that was told before stays; servers that did not know it learn it.
        let confirmed = ballot.granted.values.map(\.confirmed).max() ?? 0
        let token = confirmed > 0 ? confirmed : ballot.granted.values.map(\.token).max() ?? 0
        let answers = try await self.ask(
            RedlockScripts.confirm, on: name, keys: 3, [owner.rawValue, String(token)], at: Set(ballot.granted.keys))
        // What is left was read after `sent`, so counted from there it ends too early rather than too late; and what `take` has
        // set, it has set after `sent` as well.
        let left = try self.left(answers)
        guard left.count >= self.quorum else { return nil }
        let expiry = sent.advanced(by: max(left[self.quorum - 1] - self.drift(duration), duration))
        guard self.clock.now < expiry else { return nil }
        return Lease(
            name: name, owner: owner, token: FencingToken(rawValue: token), duration: duration, expiry: expiry)
    }

    /// The milliseconds that servers say are left, the longest first.
    private func left(_ answers: [Answer?]) throws(LeaseError) -> [Duration] {
        var left: [Duration] = []
        for case .success(let value) in answers where !value.isNull {
            guard let milliseconds = value.integer else { throw self.unexpected(value) }
            if milliseconds > 0 { left.append(.milliseconds(milliseconds)) }
        }
        return left.sorted(by: >)
    }

    /// Ends what a minority granted, and what an unanswered question may have left.
    private func giveBack(_ name: LeaseName, _ owner: OwnerID) async throws(LeaseError) {
        _ = try await self.ask(
            LeaseScripts.release, on: name, keys: 6, isRepeatable: false, [owner.rawValue, "", self.space.channel])
    }

    /// Extends `lease` on every server that has it.
    ///
    /// - Throws: `LeaseError`; `unavailable` if those that did not answer would make it a majority: the lease may be over or not.
    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let sent = self.clock.now
        let answers = try await self.ask(
            LeaseScripts.renew, on: lease.name, keys: 3,
            [
                lease.owner.rawValue, lease.token.description,
                RedisCommand.milliseconds(duration + self.drift(duration)), String(duration.clampedNanoseconds),
            ])
        let left = try self.left(answers)
        if left.count >= self.quorum {
            let expiry = sent.advanced(by: left[self.quorum - 1] - self.drift(duration))
            return Lease(
                name: lease.name, owner: lease.owner, token: lease.token, duration: duration, expiry: expiry)
        }
        // Over, unless those who did not answer might make it a majority.
        let unknown = answers.count { if case .failure = $0 { true } else { false } }
        if left.count + unknown >= self.quorum { try self.checkMajority(answers) }
        if left.count + unknown >= self.quorum, unknown > 0 {
            throw LeaseError(
                .unavailable,
                "\(self.place): \(left.count) servers renewed \(lease.name), \(unknown) did not answer, and "
                    + "\(self.quorum) are needed")
        }
        return nil
    }

    /// Ends what `owner` holds on every server that can be reached, also where it is no majority.
    ///
    /// - Returns: Whether a majority held it.
    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let answers = try await self.ask(
            LeaseScripts.release, on: name, keys: 6, isRepeatable: false,
            [owner.rawValue, token?.description ?? "", self.space.channel])
        try self.checkMajority(answers)
        var ended = 0
        for case .success(let value) in answers where value.integer == 1 { ended += 1 }
        return ended >= self.quorum
    }

    /// Who holds the name on a majority, or `nil`, also while somebody is just taking it.
    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answers = try await self.ask(LeaseScripts.inspect, on: name, keys: 5, [])
        try self.checkMajority(answers)
        var records: [LeaseRecord] = []
        for case .success(let value) in answers where !value.isNull {
            guard let record = LeaseAnswer.record(value, of: name) else { throw self.unexpected(value) }
            records.append(record)
        }
        let groups = Dictionary(grouping: records, by: \.owner).values
        guard let group = groups.first(where: { $0.count >= self.quorum }),
            let newest = group.max(by: { ($0.token, $0.renewals) < ($1.token, $1.renewals) })
        else { return nil }
        // The servers keep it for longer than was told.
        let kept = group.map(\.remaining).sorted(by: >)[self.quorum - 1]
        let remaining = max(.milliseconds(1), kept - (newest.token.rawValue == 0 ? .zero : self.drift(newest.duration)))
        return LeaseRecord(
            name: name, owner: newest.owner, token: newest.token, duration: newest.duration, remaining: remaining,
            age: newest.age, renewals: newest.renewals)
    }

    /// Looks ten times a second, and when the lease runs out.
    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        guard limit > .zero else { return false }
        let deadline = self.clock.now.advanced(by: limit)
        while true {
            let record = try await self.inspect(name)
            guard let record, record.token == token else { return true }
            let now = self.clock.now
            if now >= deadline { return false }
            try await self.sleep(min(now.duration(to: deadline), Self.lookInterval), name)
        }
    }
}
