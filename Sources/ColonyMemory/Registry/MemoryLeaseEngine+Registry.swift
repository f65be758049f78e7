public import ColonyCoordination
public import ColonyCore
import Synchronization

extension MemoryLeaseEngine: RegistryEngine {
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        let result = self.change(group) { records, now, next -> Result<RegistryAnswer, LeaseError> in
            guard records.meets(write.condition, write.key) else {
                return .success(.conflict(records.record(write.key)))
            }
            if records.entries[write.key] == nil, records.entries.count >= RegistryLimits.records {
                return .failure(
                    LeaseError(
                        .invalidRequest,
                        "the group \(group) has \(records.entries.count) records, which is the most"))
            }
            let revision = next()
            records.put(write, revision, at: now)
            let owner: OwnerID? = if case .ephemeral(let owner, _) = write.lifetime { owner } else { nil }
            return .success(
                .written(RegistryRecord(key: write.key, value: write.value, version: revision, owner: owner)))
        }
        return try result.get()
    }

    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        return self.change(group) { records, now, _ in records.renew(key, owner: owner, for: duration, at: now) }
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        self.change(group) { records, _, next in
            guard records.entries[key] != nil, records.meets(condition, key) else { return false }
            records.remove(key, next())
            return true
        }
    }

    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        self.change(group) { records, _, _ in Self.snapshot(of: records) }
    }

    static func snapshot(of records: RegistryGroup) -> RegistrySnapshot {
        RegistrySnapshot(
            records: records.entries.keys.sorted().compactMap { records.record($0) }, revision: records.revision)
    }

    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let deadline = self.clock.now.advanced(by: limit)
        while true {
            // A signal fires once, so each look has one of its own, in place before the look.
            let signal = OneShotSignal()
            self.state.withLock { $0.registryWaiters[group, default: []].append(signal) }
            defer { self.forgetRegistryWaiter(signal, of: group) }
            let (hasChanged, next, now) = self.change(group) { records, now, _ in
                (records.revision != revision, records.earliestEnd, now)
            }
            if hasChanged { return true }
            if now >= deadline { return false }
            do {
                _ = try await signal.wait(until: next.map { min($0, deadline) } ?? deadline, on: self.clock)
            } catch {
                throw LeaseError(.cancelled, "the wait for a change of \(group) was cancelled", cause: error)
            }
        }
    }

    /// Works on a group under the lock, without what has run out by then, and wakes who waits if that changed the group.
    func change<Answer>(
        _ name: LeaseName,
        _ body: (inout RegistryGroup, MonotonicInstant, () -> RegistryRevision) -> Answer
    ) -> Answer {
        let (answer, signals) = self.state.withLock { state -> (Answer, [OneShotSignal]) in
            var last = state.lastRevision
            func next() -> RegistryRevision {
                last += 1
                return RegistryRevision(rawValue: last)
            }
            let now = self.clock.now
            // A group that is gone has the number of the latest that went, which is no lower than its own last one.
            var group = state.groups[name] ?? RegistryGroup(revision: RegistryRevision(rawValue: state.lastDrop))
            _ = group.sweep(at: now, next)
            let answer = body(&group, now, next)
            let hasChanged = last != state.lastRevision
            state.lastRevision = last
            if group.isEmpty {
                if state.groups.removeValue(forKey: name) != nil { state.lastDrop = last }
            } else {
                state.groups[name] = group
            }
            return (answer, hasChanged ? state.registryWaiters[name] ?? [] : [])
        }
        for signal in signals { signal.fire() }
        return answer
    }

    private func forgetRegistryWaiter(_ signal: OneShotSignal, of group: LeaseName) {
        self.state.withLock { state in
            state.registryWaiters[group]?.removeAll { $0 === signal }
            if state.registryWaiters[group]?.isEmpty == true { state.registryWaiters[group] = nil }
        }
    }
}
