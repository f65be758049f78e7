#if Postgres
public import ColonyCore

extension PostgresLeaseEngine: LeaseAdministration {
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) leases, not \(limit)")
        }
        // No name contains it, and the server's texts cannot either.
        if prefix.utf8.contains(0) { return [] }
        let answer = try await self.query(
            self.statements.page, [prefix, name?.rawValue ?? "", Self.end(ofPrefix: prefix), String(limit)])
        return try await self.reporting { () throws(PostgresFailure) in
            try LeaseRows.records(answer.rows)
        }
    }

    /// The first text in the order of bytes behind all that begin with `prefix`; `nil` if there is none.
    ///
    /// UTF-8 keeps the order of code points, so it is the prefix with its last code point raised by one.
    static func end(ofPrefix prefix: String) -> String? {
        var scalars = Array(prefix.unicodeScalars)
        while let last = scalars.popLast() {
            // Between these two lie the surrogates, which are no code points of a text.
            let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
            guard let raised = Unicode.Scalar(next) else { continue }
            var text = String.UnicodeScalarView(scalars)
            text.append(raised)
            return String(text)
        }
        return nil
    }

    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.query(self.statements.breakLease, [name.rawValue])
        return try await self.reporting { () throws(PostgresFailure) in
            try LeaseRows.records(answer.rows).first
        }
    }

    /// How many names are held; one statement, which reads every row.
    public func heldCount() async throws(LeaseError) -> Int {
        let answer = try await self.query(self.statements.count, [])
        return try await self.reporting { () throws(PostgresFailure) in
            Int(try LeaseRows.number(answer.rows.first ?? [], 0))
        }
    }
}

extension PostgresLeaseEngine: BatchLeaseEngine {
    /// Renews each lease in one statement, which is one transaction. A lease that is in the batch several times is renewed
    /// once, for the longest of its durations.
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch else {
            throw LeaseError(
                .invalidRequest, "at most \(LeaseLimits.batch) leases are renewed at once, not \(leases.count)")
        }
        for lease in leases { try LeaseLimits.check(lease.duration) }
        if leases.isEmpty { return [] }
        let answer = try await self.query(
            self.statements.renewMany,
            [
                PostgresArray.text(leases.map(\.name.rawValue)), PostgresArray.text(leases.map(\.owner.rawValue)),
                PostgresArray.numbers(leases.map { Int64(bitPattern: $0.token.rawValue) }),
                PostgresArray.numbers(leases.map(\.duration.clampedNanoseconds)),
            ])
        struct Grant: Hashable {
            let name: [UInt8]
            let token: String
        }
        // A token belongs to one grant of a name, so the owner need not be compared again.
        var renewed: Set<Grant> = []
        for row in answer.rows {
            guard row.count == 2, let name = row[0], let token = row[1] else { continue }
            renewed.insert(Grant(name: Array(name.utf8), token: token))
        }
        var owners: [Grant: OwnerID] = [:]
        for lease in leases where owners[Self.key(lease, Grant.init)] == nil {
            owners[Self.key(lease, Grant.init)] = lease.owner
        }
        return leases.map { lease in
            let grant = Self.key(lease, Grant.init)
            guard renewed.contains(grant), owners[grant] == lease.owner else { return nil }
            return Self.extended(lease, for: lease.duration, sentAt: answer.sentAt)
        }
    }

    private static func key<Grant>(_ lease: Lease, _ make: ([UInt8], String) -> Grant) -> Grant {
        make(Array(lease.name.rawValue.utf8), String(Int64(bitPattern: lease.token.rawValue)))
    }
}

extension PostgresLeaseEngine: FairLeaseEngine {
    /// Five seconds: an engine with waiters shows every second that it is alive, counts as dead after three, and the next in
    /// the queue notices within one more.
    public var deadWaiterBound: Duration { .seconds(5) }

    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        guard limit > .zero else { return try await self.tryAcquire(name, owner: owner, for: duration) }
        try LeaseLimits.check(duration)
        let start = self.clock.now
        if !self.desk.isAwake {
            // A name that is free needs no queue, and nothing that a queue needs.
            let answer = try await self.tryAcquire(name, owner: owner, for: duration)
            if case .granted = answer { return answer }
        }
        let turn = Turn(name: name, owner: owner, duration: duration, start: start, deadline: start.advanced(by: limit))
        try await self.entering()
        defer { self.desk.leave() }
        let wait = LeaseWait()
        defer { self.desk.remove(wait) }
        do throws(LeaseError) {
            return try await self.waitForTurn(turn, wait)
        } catch {
            if error.code == .cancelled, let ticket = wait.ticket {
                // Nobody waits for this; if it fails, the place is given up when its turn comes.
                self.desk.abandon(name, ticket: ticket)
            }
            throw error
        }
    }

    private struct Turn {
        let name: LeaseName
        let owner: OwnerID
        let duration: Duration
        let start: MonotonicInstant
        let deadline: MonotonicInstant
    }

    private func waitForTurn(_ turn: Turn, _ wait: LeaseWait) async throws(LeaseError) -> Acquisition {
        while true {
            // What is announced after this is not missed.
            let signal = wait.rearm()
            let waited = turn.start.duration(to: self.clock.now).clampedNanoseconds / 1_000
            let answer = try await self.query(
                self.statements.acquire,
                [
                    turn.name.rawValue, turn.owner.rawValue, String(turn.duration.clampedNanoseconds),
                    self.desk.identity, wait.ticket.map { String($0) }, String(waited),
                ])
            let acquisition = try await self.reporting { () throws(PostgresFailure) in
                try Self.acquisition(answer, turn.name, turn.owner, turn.duration)
            }
            guard case .held(let holder) = acquisition else {
                self.desk.sweepIfDue()
                return acquisition
            }
            guard let row = answer.rows.first, row.count == 6, let ticket = row[4].flatMap({ Int64($0) }) else {
                throw LeaseError(LeaseRows.malformed, at: self.options.description)
            }
            let isFirst = row[5] == "t"
            self.desk.expect(wait, ticket: ticket, isFirst: isFirst)
            let now = self.clock.now
            if now >= turn.deadline {
                _ = try await self.query(self.statements.leave, [turn.name.rawValue, String(ticket)])
                return acquisition
            }
            // Only the first in the queue has something to do when the lease runs out.
            let look = isFirst ? now.advanced(by: holder.remaining + .milliseconds(1)) : turn.deadline
            try await self.wait(signal, for: turn.name.rawValue, until: min(turn.deadline, look))
        }
    }
}
#endif
