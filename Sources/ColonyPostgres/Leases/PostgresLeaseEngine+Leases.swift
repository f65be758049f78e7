#if Postgres
public import ColonyCore

extension PostgresLeaseEngine {
    /// Grants `name` to `owner` if it is free and nobody else stands in its queue; one statement, one transaction.
    ///
    /// A name that is free but whose turn is another waiter's is reported as held by that waiter; its ``LeaseHolder/token`` is
    /// then the number of its place in the queue, for the end of which `waitForChange` can wait as for that of a grant. An
    /// answer `held` by a lease changes nothing and waits for no disk.
    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let answer = try await self.ask(name, owner: owner, for: duration)
        if case .granted = answer { self.desk.sweepIfDue() }
        return answer
    }

    func ask(_ name: LeaseName, owner: OwnerID, for duration: Duration) async throws(LeaseError) -> Acquisition {
        let answer = try await self.query(
            self.statements.acquire,
            [name.rawValue, owner.rawValue, String(duration.clampedNanoseconds), nil, nil, nil])
        return try await self.reporting { () throws(PostgresFailure) in
            try Self.acquisition(answer, name, owner, duration)
        }
    }

    static func acquisition(
        _ answer: PostgresAnswer, _ name: LeaseName, _ owner: OwnerID, _ duration: Duration
    ) throws(PostgresFailure) -> Acquisition {
        guard let row = answer.rows.first else { throw LeaseRows.malformed }
        let token = try LeaseRows.token(row, 2)
        if row[0] == "t" {
            return .granted(
                Lease(
                    name: name, owner: owner, token: token, duration: duration,
                    expiry: answer.sentAt.advanced(by: duration)))
        }
        return .held(
            LeaseHolder(
                owner: try LeaseRows.owner(row, 1), token: token, remaining: try LeaseRows.microseconds(row, 3)))
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let answer = try await self.query(
            self.statements.renew,
            [
                lease.name.rawValue, lease.owner.rawValue, String(Int64(bitPattern: lease.token.rawValue)),
                String(duration.clampedNanoseconds),
            ])
        return answer.rows.isEmpty ? nil : Self.extended(lease, for: duration, sentAt: answer.sentAt)
    }

    static func extended(_ lease: Lease, for duration: Duration, sentAt: MonotonicInstant) -> Lease {
        Lease(
            name: lease.name, owner: lease.owner, token: lease.token, duration: duration,
            expiry: max(lease.expiry, sentAt.advanced(by: duration)))
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let number = token.map { String(Int64(bitPattern: $0.rawValue)) }
        let answer = try await self.query(self.statements.release, [name.rawValue, owner.rawValue, number])
        return answer.rows.first?.first == "t"
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.query(self.statements.inspect, [name.rawValue])
        return try await self.reporting { () throws(PostgresFailure) in
            try LeaseRows.records(answer.rows).first
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: limit)
        let first = try await self.query(self.statements.present, [name.rawValue])
        guard Self.isPresent(token, first) else { return true }
        guard limit > .zero else { return false }
        let wait = LeaseWait(watching: token)
        let key = "=\(name.rawValue)"
        try await self.entering()
        self.desk.watch(key, wait)
        defer {
            self.desk.leaveWatch(key, wait, end: (self.statements.unwatch, [name.rawValue, self.desk.identity]))
        }
        while true {
            let signal = wait.rearm()
            let answer = try await self.query(self.statements.watch, [name.rawValue, self.desk.identity])
            guard Self.isPresent(token, answer) else { return true }
            let now = self.clock.now
            if now >= deadline { return false }
            let remaining = Duration.microseconds(answer.rows.first?[1].flatMap { Int64($0) } ?? 0)
            let look = now.advanced(by: remaining + .milliseconds(1))
            try await self.wait(signal, for: name.rawValue, until: min(deadline, look))
        }
    }

    private static func isPresent(_ token: FencingToken, _ answer: PostgresAnswer) -> Bool {
        answer.rows.first?.first == String(Int64(bitPattern: token.rawValue))
    }

    /// Begins to wait for notifications.
    func entering() async throws(LeaseError) {
        try await self.reporting { () throws(PostgresFailure) in
            try await self.gate.pass()
            try await self.desk.enter()
        }
    }

    /// Waits until something may have changed.
    func wait(_ signal: OneShotSignal, for what: String, until moment: MonotonicInstant) async throws(LeaseError) {
        do {
            _ = try await signal.wait(until: moment, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(what) was cancelled", cause: error)
        }
    }
}
#endif
