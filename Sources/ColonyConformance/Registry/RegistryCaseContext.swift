public import ColonyCoordination
public import ColonyCore

/// What the body of a ``RegistryCase`` works with.
public typealias RegistryCaseContext = CaseContext<any RegistryEngine>

extension CaseContext where Engine == any RegistryEngine {
    /// A record that belongs to an owner of this case.
    ///
    /// - Parameter duration: Without it, the record does not run out while the case is running.
    public func ephemeral(_ number: Int, for duration: Duration? = nil) throws -> RegistryWrite.Lifetime {
        .ephemeral(owner: try self.owner(number), duration: duration ?? self.ample)
    }

    /// A write that has to be made.
    @discardableResult
    public func put(
        _ value: String, for key: LeaseName, in group: LeaseName, _ lifetime: RegistryWrite.Lifetime = .permanent,
        if condition: RegistryCondition = .always, on engine: (any RegistryEngine)? = nil
    ) async throws -> RegistryRecord {
        let write = RegistryWrite(Array(value.utf8), for: key, lifetime: lifetime, if: condition)
        let owner: OwnerID? = if case .ephemeral(let owner, _) = lifetime { owner } else { nil }
        switch try await (engine ?? self.engine).put(write, in: group) {
        case .written(let record):
            try expect(
                record.key == key && record.value == write.value && record.owner == owner,
                "\"\(value)\" was written for \(key) of \(owner?.rawValue ?? "nobody"), and the answer is \(record)")
            return record
        case .conflict(let record):
            throw ConformanceFailure(
                "\"\(value)\" was not written for \(key) under \(condition), and there is "
                    + "\(record.map { "\($0)" } ?? "no record")")
        }
    }

    /// A write whose condition does not hold.
    ///
    /// - Returns: The record that is said to be there.
    @discardableResult
    public func conflict(
        for key: LeaseName, in group: LeaseName, _ lifetime: RegistryWrite.Lifetime = .permanent,
        if condition: RegistryCondition, on engine: (any RegistryEngine)? = nil
    ) async throws -> RegistryRecord? {
        let write = RegistryWrite(Array("refused".utf8), for: key, lifetime: lifetime, if: condition)
        switch try await (engine ?? self.engine).put(write, in: group) {
        case .written(let record):
            throw ConformanceFailure("\(record) was written, and \(condition) does not hold")
        case .conflict(let record):
            return record
        }
    }

    /// A write whose condition does not hold, because of exactly this record.
    public func conflict(
        with record: RegistryRecord?, for key: LeaseName, in group: LeaseName,
        _ lifetime: RegistryWrite.Lifetime = .permanent, if condition: RegistryCondition,
        on engine: (any RegistryEngine)? = nil
    ) async throws {
        let found = try await self.conflict(for: key, in: group, lifetime, if: condition, on: engine)
        try expect(
            found == record,
            "\(record.map { "\($0)" } ?? "no record") is there, and the conflict is with "
                + "\(found.map { "\($0)" } ?? "none")")
    }

    /// Fails unless exactly these records are in a group, as another client sees it.
    @discardableResult
    public func expectRecords(
        of group: LeaseName, _ records: [RegistryRecord], _ when: String, on engine: (any RegistryEngine)? = nil
    ) async throws -> RegistrySnapshot {
        let snapshot = try await (engine ?? self.other).snapshot(of: group)
        try expect(
            snapshot.records == records,
            "\(when), \(records.map(\.key)) were to be in the group as they were answered, and there is "
                + "\(snapshot.records)")
        return snapshot
    }

    /// Waits until a snapshot is what it shall be, as everybody does who follows a group.
    func follow(
        _ group: LeaseName, on engine: any RegistryEngine, until condition: @Sendable (RegistrySnapshot) -> Bool
    ) async throws -> RegistrySnapshot {
        while true {
            let snapshot = try await engine.snapshot(of: group)
            if condition(snapshot) { return snapshot }
            try await engine.waitForChange(in: group, since: snapshot.revision, upTo: self.ample)
        }
    }

    /// Works on many keys at once, over the two clients.
    func concurrently(
        _ keys: [LeaseName], _ body: @escaping @Sendable (any RegistryEngine, LeaseName) async throws -> Void
    ) async throws {
        let width = 64
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (index, key) in keys.enumerated() {
                if index >= width { try await tasks.next() }
                let engine = index.isMultiple(of: 2) ? self.engine : self.other
                tasks.addTask { try await body(engine, key) }
            }
            for try await _ in tasks {}
        }
    }

    /// Starts the following of a group on both clients, until `condition` holds.
    func followers(
        _ group: LeaseName, until condition: @escaping @Sendable (RegistrySnapshot) -> Bool
    ) -> [LeaseCaseTask<RegistrySnapshot>] {
        [self.engine, self.other].map { engine in
            self.start { try await self.follow(group, on: engine, until: condition) }
        }
    }

    /// Fails if one that has to wait has ended.
    func expectAsleep(_ tasks: [LeaseCaseTask<RegistrySnapshot>]) async throws {
        try await self.harness.settle()
        for task in tasks {
            try expect(task.outcome == nil, "a wait ended too early: \(String(describing: task.outcome))")
        }
    }
}
