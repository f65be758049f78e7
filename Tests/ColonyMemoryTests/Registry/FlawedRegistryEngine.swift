import ColonyCoordination
import ColonyCore
import ColonyMemory

/// An engine of registries with one mistake of choice: what the conformance suite has to find.
///
/// It passes on to the memory engine, and spoils on the way what the flaw spoils. Without a flaw it keeps all promises.
final class FlawedRegistryEngine: RegistryEngine {
    /// Each with the case that finds it.
    enum Flaw: String, CaseIterable {
        case ignoresConditions = "a write under absent is made where nothing is, and only there"
        case checksThenActs = "of many who write under absent exactly one does"
        case checksVersionsThenActs = "writes under a version lose no update"
        case conflictIsEmpty = "a write under a version is made only while the record is in it"
        case ownersAreAlike = "a write under an owner is made where the record is its own or none"
        case conflictExtends = "a conflict changes nothing, not even the end of the record"
        case keepsFirstLifetime = "a permanent write over an ephemeral record does not run out"
        case versionIsOfGroup = "versions rise with every write of a key, also after removals and expiry"
        case revisionIsCount = "the revision of a group rises with every change of it"
        case neverRunsOut = "an ephemeral record runs out, and not earlier"
        case everythingRunsOut = "a permanent record does not run out"
        case renewalRewrites = "a renewal extends the record and leaves it as it is"
        case renewalForgetsOwner = "only the owner renews, and only what has an end"
        case renewalRevives = "a renewal brings nothing back and gives nobody's record away"
        case renewalWakes = "renewals wake nobody"
        case removalIsTrueTwice = "a removal is true once"
        case removalForgetsVersion = "a removal under a version needs exactly this version"
        case removalForgetsOwner = "a removal under an owner needs this owner"
        case snapshotOrdersCharacters = "a snapshot has all records in the byte order of their keys"
        case snapshotIsOfTwoMoments = "a snapshot is of one moment"
        case waitForgetsRevision = "a change between the snapshot and the wait ends the wait at once"
        case writesWakeNobody = "a write wakes who waits, on both clients, also for an empty group"
        case expiryWakesNobody = "a record that runs out wakes who waits, not earlier"
        case waitIgnoresLimit = "a wait respects its limit"
        case waitIgnoresCancellation = "a cancelled wait throws cancelled promptly and leaves nothing behind"
        case keysIgnoreCase = "keys differ by their bytes, whatever they hold"
        case groupsArePaths = "groups differ by their bytes, whatever they hold"
        case meetsLeases = "groups, leases, and permits of one name do not meet"
        case cutsValues = "a value of the greatest size is kept, and a greater one refused"
        case dropsOldest = "a full group refuses one record more, and takes it when there is room"
    }

    private let flaw: Flaw?
    private let clock: any MonotonicClock
    private let engine: MemoryLeaseEngine

    init(_ flaw: Flaw?, clock: any MonotonicClock) {
        self.flaw = flaw
        self.clock = clock
        self.engine = MemoryLeaseEngine(clock: clock)
    }

    private func has(_ flaws: Flaw...) -> Bool { self.flaw.map { flaws.contains($0) } ?? false }

    private func group(_ name: LeaseName) -> LeaseName {
        guard self.has(.groupsArePaths) else { return name }
        return (try? LeaseName(name.rawValue.replacing("//", with: "/"))) ?? name
    }

    private func key(_ name: LeaseName) -> LeaseName {
        guard self.has(.keysIgnoreCase) else { return name }
        return (try? LeaseName(name.rawValue.lowercased())) ?? name
    }

    private func record(_ record: RegistryRecord, key: LeaseName? = nil) -> RegistryRecord {
        RegistryRecord(
            key: key ?? record.key, value: record.value,
            version: self.has(.versionIsOfGroup) ? RegistryRevision(rawValue: 1) : record.version, owner: record.owner)
    }
}

// MARK: The port of registries

extension FlawedRegistryEngine {
    func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        let name = self.group(group)
        let key = self.key(write.key)
        // A whole group is only read for a flaw that needs it.
        let needsGroup = self.has(.keepsFirstLifetime, .checksThenActs, .checksVersionsThenActs)
        let before = needsGroup ? try await self.engine.snapshot(of: name) : nil
        var (value, lifetime, condition) = (write.value, write.lifetime, write.condition)
        if self.has(.cutsValues) { value = Array(value.prefix(RegistryLimits.value)) }
        if self.has(.ignoresConditions) { condition = .always }
        if self.has(.ownersAreAlike), case .owner = condition { condition = .always }
        if case .ephemeral(let owner, let duration) = lifetime, self.has(.neverRunsOut), duration < .seconds(600) {
            lifetime = .ephemeral(owner: owner, duration: .seconds(3_600))
        }
        if self.has(.everythingRunsOut), case .permanent = lifetime {
            lifetime = .ephemeral(owner: "nobody", duration: .seconds(30))
        }
        if self.has(.keepsFirstLifetime), let present = before?[key], let owner = present.owner,
            case .permanent = lifetime
        {
            lifetime = .ephemeral(owner: owner, duration: .seconds(10))
        }
        if self.has(.checksThenActs, .checksVersionsThenActs), condition.isMet(by: before?[key]) {
            // Long enough for others to check as well.
            try? await HostClock().sleep(for: .milliseconds(1))
            condition = .always
        }
        let spoiled = RegistryWrite(value, for: key, lifetime: lifetime, if: condition)
        let answer: RegistryAnswer
        do {
            answer = try await self.engine.put(spoiled, in: name)
        } catch {
            guard self.has(.dropsOldest) else { throw error }
            let oldest = try await self.engine.snapshot(of: name).records.min { $0.version < $1.version }
            if let oldest { try await self.engine.removeRecord(oldest.key, from: name, if: .always) }
            answer = try await self.engine.put(spoiled, in: name)
        }
        switch answer {
        case .written(let record):
            if self.has(.meetsLeases) {
                _ = try await self.engine.tryAcquire(name, owner: "registry", for: .seconds(600))
            }
            var shown = self.record(record, key: write.key)
            if case .permanent = write.lifetime {
                shown = RegistryRecord(key: shown.key, value: shown.value, version: shown.version, owner: nil)
            }
            return .written(shown)
        case .conflict(let record):
            if self.has(.conflictIsEmpty) { return .conflict(nil) }
            if self.has(.conflictExtends), let record, let owner = record.owner {
                _ = try await self.engine.renewRecord(record.key, in: name, owner: owner, for: .seconds(600))
            }
            return .conflict(record.map { self.record($0) })
        }
    }

    func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        let (name, key) = (self.group(group), self.key(key))
        let present = try await self.engine.snapshot(of: name)[key]
        let claimed = self.has(.renewalForgetsOwner) ? present?.owner ?? owner : owner
        let isRenewed = try await self.engine.renewRecord(key, in: name, owner: claimed, for: duration)
        if self.has(.renewalRevives), !isRenewed {
            _ = try await self.engine.put(
                RegistryWrite([], for: key, lifetime: .ephemeral(owner: owner, duration: duration)), in: name)
            return true
        }
        if isRenewed, let present, self.has(.renewalRewrites, .renewalWakes) {
            _ = try await self.engine.put(
                RegistryWrite(
                    present.value, for: key, lifetime: .ephemeral(owner: claimed, duration: duration)), in: name)
        }
        return isRenewed
    }

    @discardableResult
    func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        var condition = condition
        if case .version = condition, self.has(.removalForgetsVersion, .versionIsOfGroup) { condition = .always }
        if case .owner = condition, self.has(.removalForgetsOwner) { condition = .always }
        let isRemoved = try await self.engine.removeRecord(self.key(key), from: self.group(group), if: condition)
        return isRemoved || self.has(.removalIsTrueTwice)
    }

    func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        let name = self.group(group)
        var snapshot = try await self.engine.snapshot(of: name)
        if self.has(.snapshotIsOfTwoMoments), let first = snapshot.records.first {
            var later = snapshot
            // Long enough for several writes, also on a busy machine.
            for _ in 0..<200 where later.revision.rawValue < snapshot.revision.rawValue + 6 {
                try? await HostClock().sleep(for: .milliseconds(1))
                later = try await self.engine.snapshot(of: name)
            }
            snapshot = RegistrySnapshot(records: [first] + later.records.dropFirst(), revision: later.revision)
        }
        var records = snapshot.records.map { self.record($0) }
        if self.has(.everythingRunsOut) {
            records = records.map { record in
                let owner = record.owner == "nobody" ? nil : record.owner
                return RegistryRecord(key: record.key, value: record.value, version: record.version, owner: owner)
            }
        }
        if self.has(.snapshotOrdersCharacters) { records.sort { $0.key.rawValue < $1.key.rawValue } }
        let count = RegistryRevision(rawValue: UInt64(records.count))
        return RegistrySnapshot(records: records, revision: self.has(.revisionIsCount) ? count : snapshot.revision)
    }

    @discardableResult
    func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let name = self.group(group)
        var revision = revision
        let present = try await self.engine.snapshot(of: name)
        if self.has(.waitForgetsRevision) { revision = present.revision }
        if self.has(.writesWakeNobody)
            || self.has(.expiryWakesNobody) && present.records.contains(where: { $0.owner != nil })
        {
            do {
                try await self.clock.sleep(until: self.clock.now.advanced(by: limit), tolerance: nil)
            } catch {
                throw LeaseError(.cancelled, "the wait was cancelled", cause: error)
            }
            return true
        }
        if self.has(.waitIgnoresLimit) {
            return try await self.engine.waitForChange(in: name, since: revision, upTo: .seconds(86_400))
        }
        if self.has(.waitIgnoresCancellation) {
            let (engine, since) = (self.engine, revision)
            return await Task { (try? await engine.waitForChange(in: name, since: since, upTo: limit)) ?? false }.value
        }
        return try await self.engine.waitForChange(in: name, since: revision, upTo: limit)
    }
}

// MARK: The port of leases, without flaws

extension FlawedRegistryEngine {
    var guarantee: Guarantee { self.engine.guarantee }

    func tryAcquire(_ name: LeaseName, owner: OwnerID, for duration: Duration) async throws(LeaseError) -> Acquisition {
        try await self.engine.tryAcquire(name, owner: owner, for: duration)
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.engine.renew(lease, for: duration)
    }

    @discardableResult
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.engine.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { try await self.engine.inspect(name) }

    @discardableResult
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.engine.waitForChange(of: name, from: token, upTo: limit)
    }
}
