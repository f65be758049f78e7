#if ZooKeeper
public import ColonyCore
import Synchronization

extension ZooKeeperLeaseEngine: LeaseAdministration {
    /// Lists the locks below the root, then looks at those of the page.
    ///
    /// - Complexity: ZooKeeper knows no ranges: one list of all names, O(*n* log *n*), and two reads for each lock that is
    ///   looked at, 64 at a time.
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(
                .invalidRequest, "a page of \(limit) leases is not possible: from 1 to \(LeaseLimits.batch)")
        }
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let names = try await self.names(until: deadline).filter { candidate in
            candidate.rawValue.utf8.starts(with: prefix.utf8) && (name.map { candidate > $0 } ?? true)
        }.sorted()
        var records: [LeaseRecord] = []
        for start in stride(from: 0, to: names.count, by: Self.breadth) {
            let chunk = Array(names[start..<min(names.count, start + Self.breadth)])
            for (name, contenders) in try await self.contenders(of: chunk, until: deadline) {
                if let record = try await self.listed(name, contenders, until: deadline) { records.append(record) }
                if records.count == limit { return records }
            }
        }
        return records
    }

    /// Deletes the node of whoever holds, also that of another client.
    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        while true {
            let session = try await self.sessions.connected(until: deadline)
            guard let view = try await self.look(name, on: session, until: deadline) else { continue }
            guard let first = view.contenders.first else { return nil }
            guard
                case .record(let found) = try await self.record(
                    of: name, view.contenders, on: session, until: deadline)
            else { continue }
            // The holder is known here, and its time is over: its node is on its way out.
            guard let found else { return nil }
            let reply = await session.send(.delete(path: self.path(of: first, name))).value()
            switch reply.outcome {
            case .done:
                if let node = self.nodes.withLock({ $0[first.guid] }) { self.forget(node) }
                return found
            case .noNode: continue
            default: try await self.tryAgain(reply.outcome, "break \(name)", until: deadline)
            }
        }
    }

    /// Counts the locks at which somebody stands.
    ///
    /// - Complexity: One list of all names, and one read for each, 64 at a time.
    public func heldCount() async throws(LeaseError) -> Int {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let names = try await self.names(until: deadline)
        var count = 0
        for start in stride(from: 0, to: names.count, by: Self.breadth) {
            let chunk = Array(names[start..<min(names.count, start + Self.breadth)])
            count += try await self.contenders(of: chunk, until: deadline).count
        }
        return count
    }

    /// The names of all locks that have a node, in no order.
    private func names(until deadline: MonotonicInstant) async throws(LeaseError) -> [LeaseName] {
        let root = self.options.root.isEmpty ? "/" : self.options.root
        while true {
            let session = try await self.sessions.connected(until: deadline)
            let synced = session.send(.sync(path: root))
            let listed = session.send(.children(path: root))
            _ = await synced.value()
            let reply = await listed.value()
            if reply.outcome == .noNode { return [] }
            if reply.isDone { return reply.names.compactMap { NodeNaming.name(of: $0).flatMap { try? LeaseName($0) } } }
            try await self.tryAgain(reply.outcome, "list the locks", until: deadline)
        }
    }

    /// Those of the locks at which somebody stands, in the order given.
    private func contenders(
        of names: [LeaseName], until deadline: MonotonicInstant
    ) async throws(LeaseError) -> [(LeaseName, [Contender])] {
        let session = try await self.sessions.connected(until: deadline)
        let pending = names.map { session.send(.children(path: self.path(of: $0))) }
        var found: [(LeaseName, [Contender])] = []
        for (name, reply) in zip(names, pending) {
            let reply = await reply.value()
            if reply.outcome == .noNode { continue }
            guard reply.isDone else { throw LeaseError(reply.outcome, "list the locks", self.options) }
            let contenders = Contender.sorted(reply.names)
            if !contenders.isEmpty { found.append((name, contenders)) }
        }
        return found
    }

    private func listed(
        _ name: LeaseName, _ contenders: [Contender], until deadline: MonotonicInstant
    ) async throws(LeaseError) -> LeaseRecord? {
        let session = try await self.sessions.connected(until: deadline)
        switch try await self.record(of: name, contenders, on: session, until: deadline) {
        case .record(let record): return record
        case .changed: return try await self.inspect(name)
        }
    }
}
#endif
