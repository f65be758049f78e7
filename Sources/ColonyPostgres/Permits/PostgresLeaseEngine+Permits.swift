#if Postgres
public import ColonyCoordination
public import ColonyCore

extension PostgresLeaseEngine: PermitEngine {
    /// Decided in one statement under a lock of the name's row. Which other tasks wait for the name does not matter: at most
    /// one of those who claim is told of each return.
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let answer = try await self.query(
            self.statements.takePermits,
            [
                request.name.rawValue, request.owner.rawValue, String(request.permits), String(request.limit),
                String(request.duration.clampedNanoseconds), request.claim.map { String($0.clampedNanoseconds) },
            ])
        guard let row = answer.rows.first, row.count == 5 else {
            throw LeaseError(LeaseRows.malformed, at: self.options.description)
        }
        if row[0] == "other" {
            throw LeaseError(
                .invalidRequest,
                "\(request.owner) holds \(row[1] ?? "other") permits of \(request.name) and cannot ask for "
                    + "\(request.permits)")
        }
        return try await self.reporting { () throws(PostgresFailure) in
            let token = try LeaseRows.token(row, 3)
            if row[0] == "granted" {
                self.desk.sweepIfDue()
                return .granted(
                    Lease(
                        name: request.name, owner: request.owner, token: token, duration: request.duration,
                        expiry: answer.sentAt.advanced(by: request.duration)))
            }
            let holder = LeaseHolder(
                owner: try LeaseRows.owner(row, 2), token: token, remaining: try LeaseRows.microseconds(row, 4))
            return .refused(PermitRefusal(available: Int(try LeaseRows.number(row, 1)), holder: holder))
        }
    }

    /// One statement; the lease keeps the later of both ends.
    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let answer = try await self.query(
            self.statements.renewPermits,
            [
                lease.name.rawValue, lease.owner.rawValue, String(Int64(bitPattern: lease.token.rawValue)),
                String(duration.clampedNanoseconds),
            ])
        return answer.rows.isEmpty ? nil : Self.extended(lease, for: duration, sentAt: answer.sentAt)
    }

    /// One statement under a lock of the name's row.
    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let number = token.map { String(Int64(bitPattern: $0.rawValue)) }
        let answer = try await self.query(self.statements.returnPermits, [name.rawValue, owner.rawValue, number])
        return answer.rows.first?.first == "t"
    }

    /// One statement, which reads without a lock.
    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        let answer = try await self.query(self.statements.inspectPermits, [name.rawValue])
        return try await self.reporting { () throws(PostgresFailure) in
            var holders: [PermitHolder] = []
            var claims: [PermitClaim] = []
            for row in answer.rows {
                let owner = try LeaseRows.owner(row, 0)
                let permits = Int(try LeaseRows.number(row, 1))
                let age = try LeaseRows.microseconds(row, 4)
                if row[3] == nil {
                    claims.append(PermitClaim(owner: owner, permits: permits, age: age))
                } else {
                    holders.append(
                        PermitHolder(
                            owner: owner, permits: permits, token: try LeaseRows.token(row, 2),
                            remaining: try LeaseRows.microseconds(row, 3), age: age))
                }
            }
            return PermitRecord(name: name, holders: holders, claims: claims)
        }
    }

    /// Waits for a notification, for the end of what is held or claimed, and looks every five seconds in any case.
    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        let key = "+\(request.owner.rawValue)\n\(request.name.rawValue)"
        let identity = self.desk.identity
        return try await self.watch(
            key, upTo: limit, what: "permits of \(request.name)",
            end: (self.statements.unwatchPermits, [request.name.rawValue, request.owner.rawValue, identity]),
            look: (
                self.statements.watchPermits,
                [
                    request.name.rawValue, request.owner.rawValue, String(request.permits), String(request.limit),
                    identity,
                ]
            )
        ) { row in row.first == "t" }
    }

    /// Waits until what a statement tells has changed.
    ///
    /// - Parameters:
    ///   - key: The payload of the notifications that have the waiter look.
    ///   - end: What is run when nobody here waits for `key` any more.
    ///   - look: Tells how things are, in how many microseconds they change by themselves in its second column, and has the
    ///     engine told of changes from then on.
    ///   - isOver: Whether the wait is over, by that row.
    /// - Returns: `false` if the limit passed first.
    func watch(
        _ key: String, upTo limit: Duration, what: String, end: (PostgresStatement, [String?]),
        look: (PostgresStatement, [String?]), isOver: ([String?]) -> Bool
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: max(.zero, limit))
        let wait = LeaseWait()
        try await self.entering()
        self.desk.watch(key, wait)
        defer { self.desk.leaveWatch(key, wait, end: end) }
        while true {
            let signal = wait.rearm()
            let answer = try await self.query(look.0, look.1)
            guard let row = answer.rows.first, row.count >= 2 else {
                throw LeaseError(LeaseRows.malformed, at: self.options.description)
            }
            if isOver(row) { return true }
            let now = self.clock.now
            if now >= deadline { return false }
            var moment = min(deadline, now.advanced(by: .seconds(5)))
            if let remaining = row[1].flatMap({ Int64($0) }) {
                moment = min(moment, now.advanced(by: .microseconds(remaining) + .milliseconds(1)))
            }
            try await self.wait(signal, for: what, until: moment)
        }
    }
}
#endif
