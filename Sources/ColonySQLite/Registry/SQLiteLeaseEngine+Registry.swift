public import ColonyCoordination
public import ColonyCore

/// Registries in the file. Permanent records outlive the host's restart; ephemeral ones are over with its boot.
extension SQLiteLeaseEngine: RegistryEngine {
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        let news = try self.session().registryNews
        let result = try await self.write(.savepoint) { decisions throws(StoreError) in
            try RegistryTable.put(write, in: group, at: decisions.now, in: decisions.transaction, news: news)
        }
        return try result.get()
    }

    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        return try await self.write(.singleStatement) { decisions throws(StoreError) in
            try RegistryTable.renew(
                key, in: group, owner: owner, for: duration, at: decisions.now, on: decisions.transaction.connection)
        }
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        let news = try self.session().registryNews
        return try await self.write(.savepoint) { decisions throws(StoreError) in
            try RegistryTable.remove(
                key, from: group, if: condition, at: decisions.now, in: decisions.transaction, news: news)
        }
    }

    /// All records of a group, read from what was committed last. Only if some have run out since its latest change, they are
    /// removed first, which is a transaction.
    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        let news = try self.session().registryNews
        let found = try await self.read { connection, now throws(StoreError) -> RegistrySnapshot? in
            let standing = try RegistryTable.standing(of: group, on: connection)
            if let end = standing.earliestEnd, end.nanoseconds <= now { return nil }
            return RegistrySnapshot(
                records: try RegistryTable.records(of: group, at: now, on: connection), revision: standing.revision)
        }
        if let found { return found }
        return try await self.write(.savepoint) { decisions throws(StoreError) in
            let (now, transaction) = (decisions.now, decisions.transaction)
            try RegistryTable.buryAndTell(group, at: now, in: transaction, news: news)
            return RegistrySnapshot(
                records: try RegistryTable.records(of: group, at: now, on: transaction.connection),
                revision: try RegistryTable.standing(of: group, on: transaction.connection).revision)
        }
    }

    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let session = try self.session()
        let clock = session.desk.clock
        return try await session.registryNews.wait(
            for: group, engine: ObjectIdentifier(self), until: clock.now.advanced(by: limit), on: clock
        ) { () throws(LeaseError) in
            let (standing, now) = try await self.write(.readOnly) { decisions throws(StoreError) in
                (try RegistryTable.standing(of: group, on: decisions.transaction.connection), decisions.now)
            }
            let end = standing.earliestEnd
            if standing.revision != revision || (end.map { $0.nanoseconds <= now } ?? false) { return .over }
            return .waits(until: end) { later in later.revision != revision }
        }
    }
}

extension SQLiteLeaseEngine.Session {
    /// Who waits for changes of groups on this store, in this process.
    var registryNews: RegistryTable.News {
        self.store.companion(RegistryTable.News.self) {
            StateNews(store: self.store) { group, connection throws(StoreError) in
                try RegistryTable.standing(of: group, on: connection)
            }
        }
    }
}

extension SQLiteLeaseEngine {
    /// Has those who wait for permits and for groups through this engine find that it is closed.
    func endWaits(_ session: Session) {
        session.permitNews.wake(ObjectIdentifier(self))
        session.registryNews.wake(ObjectIdentifier(self))
    }
}
