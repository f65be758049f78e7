public import ColonyCore

extension SQLiteLeaseEngine: LeaseAdministration {
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) leases, not \(limit)")
        }
        return try await self.read { connection, now throws(StoreError) in
            try LeaseTable.records(withPrefix: prefix, after: name, limit: limit, at: now, on: connection)
        }
    }

    /// How many names are held; one walk through the leases, from what was committed last.
    public func heldCount() async throws(LeaseError) -> Int {
        try await self.read { connection, now throws(StoreError) in
            try LeaseTable.count(at: now, on: connection)
        }
    }

    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.write(.singleStatement) { decisions throws(StoreError) in
            try decisions.breakLease(name)
        }
    }
}

extension SQLiteLeaseEngine: BatchLeaseEngine {
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch else {
            throw LeaseError(
                .invalidRequest, "at most \(LeaseLimits.batch) leases are renewed at once, not \(leases.count)")
        }
        for lease in leases { try LeaseLimits.check(lease.duration) }
        if leases.isEmpty { return [] }
        return try await self.write(.savepoint) { decisions throws(StoreError) in
            var renewed: [Lease?] = []
            renewed.reserveCapacity(leases.count)
            for lease in leases {
                renewed.append(try decisions.renew(lease, for: lease.duration.clampedNanoseconds))
            }
            return renewed
        }
    }
}

extension SQLiteLeaseEngine: FairLeaseEngine {
    /// Three seconds: a process with waiters shows every second that it is alive, and two signs may be late.
    public var deadWaiterBound: Duration { .nanoseconds(WaiterTable.deadAfter) }

    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        guard limit > .zero else { return try await self.tryAcquire(name, owner: owner, for: duration) }
        try LeaseLimits.check(duration)
        let desk = try self.session().desk
        let now = desk.clock.now
        let wait = TurnWait(
            name, owner: owner, duration: duration.clampedNanoseconds, since: now, engine: ObjectIdentifier(self),
            deadline: now.advanced(by: limit))
        return try await desk.waitForTurn(wait)
    }
}

extension SQLiteLeaseEngine: LeaseObservation {
    /// A stream with an element whenever a lease was granted, released, or broken, here or in another process.
    ///
    /// Where the system cannot report the doorbell, a change of any kind in another process may be announced as well.
    public func changes() -> AsyncStream<Void> {
        do {
            return try self.session().desk.observe(engine: ObjectIdentifier(self))
        } catch {
            // Closed: there is nothing to tell any more.
            return AsyncStream { $0.finish() }
        }
    }
}
