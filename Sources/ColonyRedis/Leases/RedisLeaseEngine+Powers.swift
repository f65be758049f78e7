public import ColonyCore
import ColonyRESP

extension RedisLeaseEngine: LeaseAdministration {
    /// Held leases in the byte order of their names.
    ///
    /// Redis has no order of keys, so all of its keys are walked through (`SCAN`) for each page, on every server of a
    /// cluster: what an operator may do now and then, and no program all the time. Locks of clients that are not Colony's
    /// are not in the list; ``inspect(_:)`` and ``breakLease(_:)`` know them. The list is no snapshot.
    ///
    /// - Complexity: One round trip for each 1,000 keys of the database, and one more; O(*limit*) memory.
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) leases, not \(limit)")
        }
        var records: [LeaseRecord] = []
        var last = name
        while records.count < limit {
            let names = try await self.names(withPrefix: prefix, after: last, limit: limit)
            var calls: [RedisScriptCall] = []
            for name in names { calls.append(try self.call(LeaseScripts.inspect, on: name, keys: 5, [])) }
            if !calls.isEmpty {
                for (name, answer) in zip(names, try await self.run(calls)) {
                    if let record = try self.record(answer, of: name) { records.append(record) }
                }
            }
            // Some may have ended in between, so that there is room for those behind them.
            guard names.count == limit else { break }
            last = names.last
        }
        return Array(records.prefix(limit))
    }

    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let answer = try await self.run(
            try self.call(LeaseScripts.breakLease, on: name, keys: 6, isRepeatable: false, [self.space.channel]))
        return try self.record(answer, of: name)
    }

    /// How many names are held by clients of Colony.
    ///
    /// - Complexity: One round trip for each 1,000 keys of the database.
    public func heldCount() async throws(LeaseError) -> Int {
        var count = 0
        // A walk may come by a key twice while a table grows; a count for overviews may be off by as much.
        try await self.scan("") { _ in count += 1 }
        return count
    }

    /// The first names, in order, behind `last`.
    private func names(
        withPrefix prefix: String, after last: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseName] {
        var kept: Set<LeaseName> = []
        func cut() { kept = Set(kept.sorted().prefix(limit)) }
        try await self.scan(prefix) { name in
            if let last, name <= last { return }
            kept.insert(name)
            if kept.count > 4 * LeaseLimits.batch { cut() }
        }
        cut()
        return kept.sorted()
    }

    private func scan(_ prefix: String, _ found: (LeaseName) -> Void) async throws(LeaseError) {
        let pattern = Array(self.space.leasePattern(prefix).utf8)
        do throws(RedisFailure) {
            for master in try await self.router.masters() {
                try await self.router.scan(master, matching: pattern) { key in
                    if let name = self.space.name(ofCompanion: key) { found(name) }
                }
            }
        } catch {
            throw LeaseError(error, at: self.place)
        }
    }
}

extension RedisLeaseEngine: BatchLeaseEngine {
    /// Renews each lease by a script of its own, all in one write and one wait.
    ///
    /// Each renewal is atomic, and the batch as a whole is not: after `unavailable` some may be renewed.
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch else {
            throw LeaseError(
                .invalidRequest, "at most \(LeaseLimits.batch) leases are renewed at once, not \(leases.count)")
        }
        for lease in leases { try LeaseLimits.check(lease.duration) }
        if leases.isEmpty { return [] }
        var calls: [RedisScriptCall] = []
        for lease in leases { calls.append(try self.renewal(lease, lease.duration)) }
        let sent = self.clock.now
        var renewed: [Lease?] = []
        for (lease, answer) in zip(leases, try await self.run(calls)) {
            renewed.append(try self.renewed(lease, lease.duration, answer, sent))
        }
        return renewed
    }
}
