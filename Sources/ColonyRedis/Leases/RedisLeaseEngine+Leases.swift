public import ColonyCore
import ColonyRESP

extension RedisLeaseEngine {
    /// Grants `name` to `owner` if it is free and nobody else stands in its queue, by one script.
    ///
    /// A name that is free but whose turn is another waiter's is reported as held by that waiter; its ``LeaseHolder/token``
    /// is then its ticket, for the end of which `waitForChange` can wait as for that of a grant. A holder that is none of
    /// Colony's has the token 0; its owner is the value of its key, or `foreign:` and the SHA-1 of that value where it
    /// cannot be an owner.
    ///
    /// - Throws: `LeaseError`: `storageFailed` also if the key holds something else than a string, or Redis refuses the
    ///   user, its password, or the write; `invalidRequest` also for a name that contains `}colony:`.
    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let call = try self.call(
            LeaseScripts.tryAcquire, on: name, keys: 5, [owner.rawValue] + Self.arguments(duration))
        let sent = self.clock.now
        let answer = try await self.run(call)
        switch LeaseAnswer.grant(answer) {
        case .granted(let token, let left):
            return .granted(Self.lease(name, owner, token, duration, left, sent))
        case .held(let holder, _, _, _): return .held(holder)
        case nil: throw self.unexpected(answer)
        }
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let call = try self.renewal(lease, duration)
        let sent = self.clock.now
        return try self.renewed(lease, duration, try await self.run(call), sent)
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let answer = try await self.run(
            try self.call(
                LeaseScripts.release, on: name, keys: 6, isRepeatable: false,
                [owner.rawValue, token?.description ?? "", self.space.channel]))
        guard let ended = answer.integer else { throw self.unexpected(answer) }
        return ended == 1
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.run(try self.call(LeaseScripts.inspect, on: name, keys: 5, []))
        return try self.record(answer, of: name)
    }

    // MARK: The parts

    func renewal(_ lease: Lease, _ duration: Duration) throws(LeaseError) -> RedisScriptCall {
        try self.call(
            LeaseScripts.renew, on: lease.name, keys: 3,
            [lease.owner.rawValue, lease.token.description] + Self.arguments(duration))
    }

    func renewed(
        _ lease: Lease, _ duration: Duration, _ answer: RESPValue, _ sent: MonotonicInstant
    ) throws(LeaseError) -> Lease? {
        if answer.isNull { return nil }
        guard let left = answer.integer, left > 0 else { throw self.unexpected(answer) }
        return Self.lease(lease.name, lease.owner, lease.token, duration, .milliseconds(left), sent)
    }

    func record(_ answer: RESPValue, of name: LeaseName) throws(LeaseError) -> LeaseRecord? {
        if answer.isNull { return nil }
        guard let record = LeaseAnswer.record(answer, of: name) else { throw self.unexpected(answer) }
        return record
    }

    func unexpected(_ answer: RESPValue) -> LeaseError {
        LeaseError(.unavailable, "\(self.place): the server answered with something else than was asked for: \(answer)")
    }

    /// A duration as scripts take it: whole milliseconds for Redis, rounded up, and exactly for the record.
    static func arguments(_ duration: Duration) -> [String] {
        [RedisCommand.milliseconds(duration), String(duration.clampedNanoseconds)]
    }

    /// - Parameters:
    ///   - left: What the server says is left, at the beginning of a millisecond: a key lives to the end of its last one.
    ///   - sent: A moment before the request left.
    static func lease(
        _ name: LeaseName, _ owner: OwnerID, _ token: FencingToken, _ duration: Duration, _ left: Duration,
        _ sent: MonotonicInstant
    ) -> Lease {
        Lease(name: name, owner: owner, token: token, duration: duration, expiry: sent.advanced(by: left))
    }
}
