public import ColonyCore

extension SQLiteLeaseEngine {
    /// Grants `name` to `owner` if it is free and nobody else stands in its queue; one durable transaction.
    ///
    /// A name that is free but whose turn is another waiter's is reported as held by that waiter; its
    /// ``LeaseHolder/token`` is then the number of its place in the queue, for the end of which `waitForChange` can
    /// wait as for that of a grant. An answer `held` changes nothing in the file and costs no `fsync`.
    ///
    /// - Throws: ``LeaseError``. After `cancelled` nothing was done: an operation that has begun is carried through.
    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        let nanoseconds = duration.clampedNanoseconds
        return try await self.write(.singleStatement) { decisions throws(StoreError) in
            try decisions.tryAcquire(name, owner: owner, for: nanoseconds)
        }
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let nanoseconds = duration.clampedNanoseconds
        return try await self.write(.singleStatement) { decisions throws(StoreError) in
            try decisions.renew(lease, for: nanoseconds)
        }
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let number = token.map { Int64(bitPattern: $0.rawValue) }
        return try await self.write(number == nil ? .savepoint : .singleStatement) { decisions throws(StoreError) in
            try decisions.release(name, owner: owner, token: number)
        }
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.read { connection, now throws(StoreError) in
            try LeaseTable.record(name, at: now, on: connection)
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let desk = try self.session().desk
        let wait = ChangeWait(
            name, token: Int64(bitPattern: token.rawValue), engine: ObjectIdentifier(self),
            deadline: desk.clock.now.advanced(by: max(.zero, limit)))
        guard limit > .zero else { return false }
        return try await desk.waitForChange(wait)
    }
}
