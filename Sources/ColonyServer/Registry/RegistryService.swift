import ColonyCoordination
import ColonyCore
import NIOCore

/// What the routes of the registry do, apart from HTTP: bodies in, answers out. The engine decides.
final class RegistryService: Sendable {
    let register: WaitRegister<LeaseName>
    private let limits: DaemonConfiguration.Limits
    private let metrics: CoordinationMetrics
    private let engine: (any RegistryEngine)?

    init(
        engine: (any RegistryEngine)?, limits: DaemonConfiguration.Limits, metrics: CoordinationMetrics
    ) {
        self.engine = engine
        self.limits = limits
        self.metrics = metrics
        self.register = WaitRegister(limit: limits.waiters, limitPerName: limits.waitersPerName)
    }

    /// The store of records.
    private func offered() throws(Problem) -> any RegistryEngine {
        guard let engine else { throw Problem(.notOffered, "the store behind this server keeps no records") }
        return engine
    }

    // MARK: Records

    func put(_ key: LeaseName, in group: LeaseName, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try PutRecordRequest(body)
        let engine = try self.offered()
        let write = RegistryWrite(request.value, for: key, lifetime: request.lifetime, if: request.condition)
        let answer: RegistryAnswer
        do {
            answer = try await engine.put(write, in: group)
        } catch {
            self.metrics.wrote(.failed)
            throw Problem(error)
        }
        switch answer {
        case .written(let record):
            self.metrics.wrote(.written)
            return Answer { RegistryAnswers.write(record, in: group, hasValue: false, to: &$0) }
        case .conflict(let present):
            self.metrics.wrote(.conflict)
            throw .conflict(key, in: group, with: present)
        }
    }

    func renew(_ key: LeaseName, in group: LeaseName, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try RenewRecordRequest(body)
        let engine = try self.offered()
        let isRenewed: Bool
        do {
            isRenewed = try await engine.renewRecord(key, in: group, owner: request.owner, for: request.duration)
        } catch {
            throw Problem(error)
        }
        self.metrics.renewedRecord(isRenewed ? .renewed : .lost)
        guard isRenewed else {
            throw Problem(
                .lost,
                "\(NameRules.quoted(request.owner.rawValue)) has no record \(NameRules.quoted(key.rawValue)) in "
                    + "\(NameRules.quoted(group.rawValue)): it ran out, was removed, or belongs to another; put it again"
            )
        }
        return Answer { $0.writeJSON(#"{"renewed":true}"#) }
    }

    func remove(_ key: LeaseName, from group: LeaseName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        let condition = try RemovalQuery(query).condition
        let engine = try self.offered()
        let isRemoved: Bool
        do {
            isRemoved = try await engine.removeRecord(key, from: group, if: condition)
        } catch {
            throw Problem(error)
        }
        self.metrics.removed(isRemoved ? .ended : .absent)
        guard isRemoved else {
            throw Problem(
                .notFound,
                "\(NameRules.quoted(group.rawValue)) has no record \(NameRules.quoted(key.rawValue))"
                    + (condition == .always ? "" : " that meets the condition"))
        }
        return Answer { $0.writeJSON(#"{"removed":true}"#) }
    }

    func read(_ key: LeaseName, in group: LeaseName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let (snapshot, remaining) = try await self.look(at: group)
        guard let record = snapshot[key] else {
            throw Problem(
                .notFound, "\(NameRules.quoted(group.rawValue)) has no record \(NameRules.quoted(key.rawValue))")
        }
        return Answer(capacity: 256 + record.value.count) {
            RegistryAnswers.write(record, in: group, remaining: remaining[key], to: &$0)
        }
    }

    // MARK: Groups

    func read(_ group: LeaseName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let (snapshot, remaining) = try await self.look(at: group)
        let size = snapshot.records.reduce(128) { $0 + $1.value.count + 256 }
        return Answer(capacity: size) { body in
            body.writeJSON(#"{"group":"#)
            body.writeJSON(string: group.rawValue)
            body.writeJSON(#","revision":"#)
            body.writeJSON(snapshot.revision.rawValue)
            body.writeJSON(#","records":["#)
            for (index, record) in snapshot.records.enumerated() {
                if index > 0 { body.writeJSON(",") }
                RegistryAnswers.write(record, remaining: remaining[record.key], to: &body)
            }
            body.writeJSON("]}")
        }
    }

    private func look(
        at group: LeaseName
    ) async throws(Problem) -> (snapshot: RegistrySnapshot, remaining: [LeaseName: Duration]) {
        let engine = try self.offered()
        do throws(LeaseError) {
            guard let administration = engine as? any RegistryAdministration else {
                return (try await engine.snapshot(of: group), [:])
            }
            let standing = try await administration.standing(of: group)
            return (standing.snapshot, standing.remaining)
        } catch {
            throw Problem(error)
        }
    }

    /// Waits until a group is no longer in a state.
    func changes(of group: LeaseName, query: Substring.UTF8View, client: Client) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["since", "wait_ms"])
        guard let since = try parameters.integer("since", in: 0...UInt64.max) else { throw .missing("since") }
        let wait = try parameters.integer("wait_ms", in: 0...self.limits.wait.clampedMilliseconds) ?? 0
        let engine = try self.offered()
        let look: @Sendable () async -> Result<Bool, LeaseError> = {
            await PermitService.outcome { () async throws(LeaseError) in
                try await engine.waitForChange(
                    in: group, since: RegistryRevision(rawValue: since), upTo: .milliseconds(wait))
            }
        }
        let result: Result<Bool, LeaseError>
        if wait == 0 {
            result = await look()
        } else {
            let (value, end) = try await self.register.run(for: group, client: client, look)
            if case .failure(let error) = value, error.code == .cancelled { try QueueService.refuse(end) }
            result = value
        }
        switch result {
        case .success(let isChanged):
            return Answer { body in
                body.writeJSON(#"{"changed":"#)
                body.writeJSON(isChanged)
                body.writeJSON("}")
            }
        case .failure(let error): throw Problem(error)
        }
    }

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let page = try PageQuery(query, limits: self.limits)
        guard let engine = try self.offered() as? any RegistryAdministration else { throw .unsupported("list groups") }
        let groups = try await page.items(token: token) { prefix, after, limit throws(LeaseError) in
            try await engine.groups(withPrefix: prefix, after: after, limit: limit)
        }
        return Answer(capacity: 64 + groups.count * 64) { body in
            body.writeJSON(#"{"groups":["#)
            for (index, group) in groups.enumerated() {
                body.writeJSON(index == 0 ? #"{"group":"# : #",{"group":"#)
                body.writeJSON(string: group.name.rawValue)
                body.writeJSON(#","records":"#)
                body.writeJSON(group.records)
                body.writeJSON("}")
            }
            body.writeJSON("]")
            if groups.count == page.limit, let last = groups.last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.name.rawValue)
            }
            body.writeJSON("}")
        }
    }
}

extension Problem {
    static func conflict(_ key: LeaseName, in group: LeaseName, with present: RegistryRecord?) -> Problem {
        let record = "\(NameRules.quoted(key.rawValue)) of \(NameRules.quoted(group.rawValue))"
        var problem: Problem
        if let present {
            let owner = present.owner.map { " of \(NameRules.quoted($0.rawValue))" } ?? ""
            problem = Problem(.recordConflict, "the record \(record) is there in version \(present.version)\(owner)")
        } else {
            problem = Problem(.recordConflict, "there is no record \(record)")
        }
        problem.record = present
        return problem
    }
}
