public import ColonyCore

extension RemoteLeaseEngine: LeaseAdministration {
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) leases, not \(limit)")
        }
        var query = "limit=\(limit)"
        if !prefix.isEmpty { query += "&prefix=\(PercentEncoding.encoded(prefix))" }
        if let name { query += "&after=\(PercentEncoding.encoded(name.rawValue))" }
        let page = try await self.connection.get("/v1/locks?\(query)", as: LockPageDocument.self)
        var records: [LeaseRecord] = []
        for lock in page.locks { records.append(try lock.record()) }
        return records
    }

    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.connection.send(.delete, Self.path(of: name))
        switch answer.status {
        case 200: return try answer.decoded(as: LockDocument.self).record()
        case 404 where answer.code == "not_found": return nil
        default: throw answer.error
        }
    }
}

extension RemoteLeaseEngine: BatchLeaseEngine {
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch else {
            throw LeaseError(
                .invalidRequest, "at most \(LeaseLimits.batch) leases are renewed at once, not \(leases.count)")
        }
        if leases.isEmpty { return [] }
        for lease in leases { try LeaseLimits.check(lease.duration) }
        let sentAt = self.clock.now
        let answer = try await self.connection.post("/v1/locks/renew", BatchRenewRequest(leases))
        guard answer.status == 200 else { throw answer.error }
        let renewed = try answer.decoded(as: BatchRenewDocument.self).renewed
        guard renewed.count == leases.count else {
            throw answer.nonsense("it answered \(renewed.count) of \(leases.count) renewals")
        }
        return zip(leases, renewed).map { lease, isRenewed in
            isRenewed
                ? Lease(
                    name: lease.name, owner: lease.owner, token: lease.token, duration: lease.duration,
                    expiry: sentAt.advanced(by: lease.duration))
                : nil
        }
    }
}

extension RemoteLeaseEngine: FairLeaseEngine {
    /// A waiter whose process dies closes its connection, which the daemon sees at once. One whose *host* vanishes keeps its
    /// place until its wait ends, and a grant that it is given in that time runs out like any other.
    public var deadWaiterBound: Duration { .seconds(1) }

    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let deadline = self.clock.now.advanced(by: max(.zero, limit))
        while true {
            let wait = min(max(.zero, self.clock.now.duration(to: deadline)), Self.longestWait)
            let answer = try await self.ask(name, owner: owner, for: duration, waiting: wait)
            switch answer {
            case .held:
                if self.clock.now >= deadline || wait == .zero { return answer }
            case .granted(let lease):
                // The lease was granted at some moment of the wait. A daemon that does not say when leaves only the moment
                // of the request to count from, which after a long wait is too early; a renewal then makes a new origin.
                let start = lease.expiry.advanced(by: .zero - duration)
                if start.duration(to: self.clock.now) < duration / 10 { return answer }
                return .granted(try await self.renew(lease, for: duration) ?? lease)
            }
        }
    }
}
