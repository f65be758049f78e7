import ColonyCoordination
import ColonyCore
import NIOCore

extension LockService {
    // MARK: List

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["prefix", "after", "limit"])
        let limit = try parameters.integer("limit", in: 1...self.limits.batch) ?? min(100, self.limits.batch)
        let prefix = parameters["prefix"] ?? ""
        guard prefix.utf8.count <= NameRules.maximumBytes else {
            throw Problem(
                .invalidRequest,
                "prefix \(NameRules.quoted(prefix)) has \(prefix.utf8.count) bytes, and \(NameRules.maximumBytes) are the most"
            )
        }
        var after: LeaseName?
        if let text = parameters["after"] {
            do throws(InvalidName) {
                after = try LeaseName(text)
            } catch {
                throw Problem(error)
            }
        }
        guard let administration = self.administration else { throw .unsupported("list leases") }
        var records: [LeaseRecord] = []
        do {
            for visible in token?.visiblePrefixes(of: prefix) ?? [prefix] where records.count < limit {
                records += try await administration.records(
                    withPrefix: visible, after: after, limit: limit - records.count)
            }
        } catch {
            throw Problem(error)
        }
        let waiters = self.room.waiters(on: self.engine)
        return Answer(capacity: 64 + records.count * 192) { body in
            body.writeJSON(#"{"locks":["#)
            for (index, record) in records.enumerated() {
                if index > 0 { body.writeJSON(",") }
                Self.write(record, waiters: waiters[record.name] ?? [], to: &body)
            }
            body.writeJSON("]")
            if records.count == limit, let last = records.last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.name.rawValue)
            }
            body.writeJSON("}")
        }
    }

    // MARK: One lock

    func inspect(_ name: LeaseName, query: Substring.UTF8View, client: Client) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["wait_ms", "token"])
        let longest = self.limits.wait.clampedMilliseconds
        let wait = try parameters.integer("wait_ms", in: 0...longest)
        let token = try parameters.integer("token", in: 0...UInt64.max)
        if wait == nil, token == nil {
            guard let record = try await self.record(of: name) else { throw .nobodyHolds(name) }
            return self.answer(record)
        }
        let grant: FencingToken
        if let token {
            grant = FencingToken(rawValue: token)
        } else if let record = try await self.record(of: name) {
            grant = record.token
        } else {
            return Self.answer(isOver: true)
        }
        return try await self.waitForChange(of: name, from: grant, upTo: .milliseconds(wait ?? 0), client: client)
    }

    private func record(of name: LeaseName) async throws(Problem) -> LeaseRecord? {
        do {
            return try await self.engine.inspect(name)
        } catch {
            throw Problem(error)
        }
    }

    private func answer(_ record: LeaseRecord) -> Answer {
        let name = record.name
        return Answer { body in
            Self.write(record, waiters: self.room.waiters(for: name, on: self.engine), to: &body)
        }
    }

    private func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration, client: Client
    ) async throws(Problem) -> Answer {
        let (outcome, reason) = try await self.wait(for: name, client: client) { _, engine throws(LeaseError) in
            try await engine.waitForChange(of: name, from: token, upTo: limit)
        }
        switch (outcome, reason) {
        case (.success(let isOver), _): return Self.answer(isOver: isOver)
        case (.failure, .clientGone): throw .clientGone
        case (.failure(let error), .draining) where error.code == .cancelled: throw .draining
        case (.failure(let error), _): throw Problem(error)
        }
    }

    private static func answer(isOver: Bool) -> Answer {
        Answer { body in
            body.writeJSON(#"{"changed":"#)
            body.writeJSON(isOver)
            body.writeJSON("}")
        }
    }

    func breakLock(_ name: LeaseName) async throws(Problem) -> Answer {
        guard let administration = self.administration else { throw .unsupported("break leases") }
        let record: LeaseRecord?
        do {
            record = try await administration.breakLease(name)
        } catch {
            throw Problem(error)
        }
        guard let record else { throw .nobodyHolds(name) }
        self.metrics.breaks.increment(by: 1)
        return self.answer(record)
    }

    // MARK: Counts

    /// How many locks are held, if the engine can tell, and how many requests wait.
    func counts() async -> (held: Int?, waiters: Int) {
        (await self.heldCount.value(of: self.administration), self.register.count)
    }

    // MARK: JSON

    /// Writes a lock as operators see it: the engine's record with those who wait in this daemon.
    private static func write(_ record: LeaseRecord, waiters: [LeaseWaiter], to body: inout ByteBuffer) {
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: record.name.rawValue)
        body.writeJSON(#","owner":"#)
        body.writeJSON(string: record.owner.rawValue)
        body.writeJSON(#","token":"#)
        body.writeJSON(record.token.rawValue)
        body.writeJSON(#","ttl_ms":"#)
        body.writeJSON(record.duration.clampedMilliseconds)
        body.writeJSON(#","remaining_ms":"#)
        body.writeJSON(max(0, record.remaining.clampedMilliseconds))
        body.writeJSON(#","age_ms":"#)
        body.writeJSON(max(0, record.age.clampedMilliseconds))
        body.writeJSON(#","renewals":"#)
        body.writeJSON(record.renewals)
        body.writeJSON(#","waiters":["#)
        for (index, waiter) in Self.merged(record.waiters, waiters).enumerated() {
            if index > 0 { body.writeJSON(",") }
            body.writeJSON(#"{"owner":"#)
            body.writeJSON(string: waiter.owner.rawValue)
            body.writeJSON(#","age_ms":"#)
            body.writeJSON(max(0, waiter.age.clampedMilliseconds))
            body.writeJSON("}")
        }
        body.writeJSON("]}")
    }

    /// Those whom the engine knows and those who wait here, each once, the longest wait first.
    static func merged(_ stored: [LeaseWaiter], _ local: [LeaseWaiter]) -> [LeaseWaiter] {
        if stored.isEmpty { return local }
        if local.isEmpty { return stored }
        let known = Set(local.map(\.owner))
        return (local + stored.filter { !known.contains($0.owner) }).sorted { $0.age > $1.age }
    }
}

extension Problem {
    static func nobodyHolds(_ name: LeaseName) -> Problem {
        Problem(.notFound, "nobody holds \(NameRules.quoted(name.rawValue))")
    }

    static func unsupported(_ action: String) -> Problem {
        Problem(.unsupported, "the store behind this server cannot \(action)")
    }
}
