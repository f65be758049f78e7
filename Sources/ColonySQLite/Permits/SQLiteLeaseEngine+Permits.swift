public import ColonyCoordination
public import ColonyCore

/// Permits in the file: as durable as leases, and over with the boot of the host in which they were granted.
extension SQLiteLeaseEngine: PermitEngine {
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let news = try self.session().permitNews
        let result = try await self.write(.savepoint) { decisions throws(StoreError) in
            try PermitTable.take(request, at: decisions.now, in: decisions.transaction, news: news)
        }
        return try result.get()
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        return try await self.write(.singleStatement) { decisions throws(StoreError) in
            try PermitTable.extend(lease, for: duration, at: decisions.now, in: decisions.transaction)
        }
    }

    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let news = try self.session().permitNews
        return try await self.write(.savepoint) { decisions throws(StoreError) in
            try PermitTable.end(
                name, of: owner, token: token, at: decisions.now, in: decisions.transaction, news: news)
        }
    }

    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        try await self.read { connection, now throws(StoreError) in
            try PermitTable.book(name, at: now, on: connection).record(
                name, at: MonotonicInstant(nanoseconds: now))
        }
    }

    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        let session = try self.session()
        let clock = session.desk.clock
        return try await session.permitNews.wait(
            for: request.name, engine: ObjectIdentifier(self), until: clock.now.advanced(by: limit), on: clock
        ) { () throws(LeaseError) in
            let book = try await self.write(.readOnly) { decisions throws(StoreError) in
                try PermitTable.book(request.name, at: decisions.now, on: decisions.transaction.connection)
            }
            if book.allows(request) { return .over }
            let end = book.earliestEnd
            return .waits(until: end) { later in
                // Who is not served yet may have to look at another time than it meant to.
                if later.allows(request) { return true }
                guard let next = later.earliestEnd else { return false }
                return end.map { next < $0 } ?? true
            }
        }
    }
}

extension SQLiteLeaseEngine.Session {
    /// Who waits for permits on this store, in this process.
    var permitNews: StateNews<PermitBook> {
        let clock = self.desk.clock
        return self.store.companion(StateNews<PermitBook>.self) {
            StateNews(store: self.store) { name, connection throws(StoreError) in
                try PermitTable.book(name, at: clock.now.nanoseconds, on: connection)
            }
        }
    }
}
