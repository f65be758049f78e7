#if Etcd
internal import ColonyCoordination
internal import ColonyCore
internal import FoundationEssentials

/// Records in groups. A record is a key whose revision of modification is its version; what keeps it alive is a second key, beside the
/// watched ones, so that a renewal is no change.
///
/// Both are tied to a lease of their own, which whoever renews keeps alive, and both are deleted together when the time has come.
extension EtcdStore {
    /// A record as it was read, with what keeps it alive.
    private struct Found {
        var record: WireKeyValue?
        var life: WireKeyValue?
        var count: Int64 = 0

        var recordRevision: Int64 { self.record?.modRevision ?? 0 }
        var lifeRevision: Int64 { self.life?.modRevision ?? 0 }
    }

    private func find(
        _ key: LeaseName, in group: LeaseName, isCounting: Bool = false
    ) async throws(EtcdFailure) -> Found {
        let folder = self.keys.recordFolder(group)
        var request = WireTxnRequest()
        request.success = [.get(self.keys.recordKey(group, key)), .get(self.keys.lifeKey(group, key))]
        if isCounting {
            var count = WireRangeRequest.all(folder, self.keys.end(folder))
            count.countOnly = true
            request.success.append(.range(count))
        }
        let answer = try await self.client.call(.txn, request)
        let ranges = answer.responses.map(\.responseRange)
        guard ranges.count == request.success.count else {
            throw EtcdFailure(.unreachable, "half an answer came")
        }
        return Found(
            record: ranges[0].kvs.first, life: ranges[1].kvs.first, count: isCounting ? ranges[2].count : 0)
    }

    /// The record unless it is over.
    private func present(_ found: Found, _ key: LeaseName) -> RegistryRecord? {
        guard let record = found.record, !self.isOver(found.life.flatMap { GrantRecord($0.value) }) else { return nil }
        return RegistryValue.record(record, key)
    }

    private func holds(_ condition: RegistryCondition, _ present: RegistryRecord?, isWrite: Bool) -> Bool {
        switch condition {
        case .always: true
        case .absent: present == nil
        case .version(let version): present?.version == version
        case .owner(let owner): present.map { $0.owner == owner } ?? isWrite
        }
    }

    /// That neither of the two keys was written since.
    private func unchanged(_ found: Found, _ key: LeaseName, in group: LeaseName) -> [WireCompare] {
        [
            .modified(self.keys.recordKey(group, key), found.recordRevision),
            .modified(self.keys.lifeKey(group, key), found.lifeRevision),
        ]
    }

    // MARK: Writing

    func put(_ write: RegistryWrite, in group: LeaseName) async throws(EtcdFailure) -> RegistryAnswer {
        let deadline = self.clock.now.advanced(by: self.client.options.timeout)
        repeat {
            let found = try await self.find(write.key, in: group, isCounting: true)
            let present = self.present(found, write.key)
            guard self.holds(write.condition, present, isWrite: true) else { return .conflict(present) }
            if found.record == nil, found.count >= Int64(RegistryLimits.records) {
                throw EtcdFailure(
                    .invalid,
                    "the group \(group) has \(found.count) records, and \(RegistryLimits.records) are the most")
            }
            if let revision = try await self.write(write, in: group, over: found) {
                if let former = found.record?.lease { self.pool.revoke(former) }
                var owner: OwnerID?
                if case .ephemeral(let name, _) = write.lifetime { owner = name }
                return .written(
                    RegistryRecord(
                        key: write.key, value: write.value, version: RegistryRevision(revision), owner: owner))
            }
        } while self.clock.now < deadline
        throw EtcdFailure(.unreachable, "\(write.key) of \(group) changes too often to be written")
    }

    /// - Returns: The revision, or `nil` if somebody else has written meanwhile.
    private func write(
        _ write: RegistryWrite, in group: LeaseName, over found: Found
    ) async throws(EtcdFailure) -> Int64? {
        let record = self.keys.recordKey(group, write.key)
        let life = self.keys.lifeKey(group, write.key)
        var transaction = WireTxnRequest()
        transaction.compare = self.unchanged(found, write.key, in: group)
        let answer: WireTxnResponse
        switch write.lifetime {
        case .permanent:
            transaction.success = [
                .put(record, RegistryValue.data(write.value, owner: nil), lease: 0), .delete(life),
            ]
            answer = try await self.client.call(.txn, transaction)
        case .ephemeral(let owner, let duration):
            let lease = try await self.pool.leaseOfItsOwn(for: duration)
            let grant = self.newRecord(owner, for: duration)
            transaction.success = [
                .put(record, RegistryValue.data(write.value, owner: owner), lease: lease.id),
                .put(life, grant.data, lease: lease.id),
            ]
            do throws(EtcdFailure) {
                answer = try await self.write(transaction, life, grant, on: lease)
            } catch {
                guard error.kind == .leaseNotFound else { throw error }
                return nil
            }
            if answer.succeeded {
                self.custody.settle(
                    life, grant, created: answer.header.revision, modified: answer.header.revision)
            } else {
                self.custody.retract(life)
                self.pool.revoke(lease.id)
            }
        }
        return answer.succeeded ? answer.header.revision : nil
    }

    func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(EtcdFailure) -> Bool {
        let deadline = self.clock.now.advanced(by: self.client.options.timeout)
        repeat {
            let found = try await self.find(key, in: group)
            guard let present = self.present(found, key), present.owner == owner, let life = found.life,
                let former = GrantRecord(life.value)
            else { return false }
            var grant = self.renewed(former, for: duration)
            let lease = ServerLease(id: life.lease, timeToLive: .zero, from: self.clock.now)
            let sign = self.keepAlive.send(lease)
            do throws(EtcdFailure) {
                try await self.keepAlive.outcome(of: sign)
            } catch {
                guard error.kind == .leaseNotFound else { throw error }
                return false
            }
            guard case .timeToLive(let seconds) = sign.outcome else { return false }
            if sign.sentAt.advanced(by: .seconds(seconds)) < grant.end.monotonic {
                // The lease at the server cannot be made longer, so the record is written again with another one.
                let longer = RegistryWrite(
                    present.value, for: key, lifetime: .ephemeral(owner: owner, duration: duration),
                    if: .version(present.version))
                if case .written = try await self.put(longer, in: group) { return true }
                continue
            }
            grant.state = .held
            var transaction = WireTxnRequest()
            transaction.compare = self.unchanged(found, key, in: group)
            transaction.success = [.put(life.key, grant.data, lease: life.lease)]
            self.custody.expect(life.key, grant)
            let answer = try await self.client.call(.txn, transaction)
            if answer.succeeded {
                self.custody.settle(
                    life.key, grant, created: life.createRevision, modified: answer.header.revision)
                return true
            }
            self.custody.retract(life.key)
        } while self.clock.now < deadline
        throw EtcdFailure(.unreachable, "\(key) of \(group) changes too often to be renewed")
    }

    func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(EtcdFailure) -> Bool {
        let deadline = self.clock.now.advanced(by: self.client.options.timeout)
        repeat {
            let found = try await self.find(key, in: group)
            guard let present = self.present(found, key), self.holds(condition, present, isWrite: false) else {
                return false
            }
            var transaction = WireTxnRequest()
            transaction.compare = [.modified(self.keys.recordKey(group, key), found.recordRevision)]
            transaction.success = [
                .delete(self.keys.recordKey(group, key)), .delete(self.keys.lifeKey(group, key)),
            ]
            if try await self.client.call(.txn, transaction).succeeded {
                if let life = found.life { self.custody.forget(life.key, created: life.createRevision) }
                if let lease = found.record?.lease { self.pool.revoke(lease) }
                return true
            }
        } while self.clock.now < deadline
        throw EtcdFailure(.unreachable, "\(key) of \(group) changes too often to be removed")
    }

    // MARK: Reading

    func snapshot(of group: LeaseName) async throws(EtcdFailure) -> RegistrySnapshot {
        let records = self.keys.recordFolder(group)
        let lives = self.keys.lifeFolder(group)
        var request = WireTxnRequest()
        request.success = [
            .range(.all(records, self.keys.end(records))), .range(.all(lives, self.keys.end(lives))),
        ]
        let answer = try await self.client.call(.txn, request)
        guard answer.responses.count == 2 else { throw EtcdFailure(.unreachable, "half an answer came") }
        let now = self.now
        var over: Set<Data> = []
        for life in answer.responses[1].responseRange.kvs {
            if GrantRecord(life.value)?.isOver(at: now, on: self.host) == true {
                over.insert(life.key.dropFirst(lives.count))
            }
        }
        var found: [RegistryRecord] = []
        for record in answer.responses[0].responseRange.kvs {
            let name = record.key.dropFirst(records.count)
            guard !over.contains(name), let key = try? LeaseName(utf8: name) else { continue }
            if let shown = RegistryValue.record(record, key) { found.append(shown) }
        }
        return RegistrySnapshot(records: found, revision: RegistryRevision(answer.header.revision))
    }

    func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(EtcdFailure) -> Bool {
        let folder = self.keys.recordFolder(group)
        let deadline = self.clock.now.advanced(by: limit)
        let since = Int64(exactly: revision.rawValue) ?? 0
        while true {
            if Task.isCancelled { throw EtcdFailure(.cancelled, "the wait for \(group) was cancelled") }
            let now = self.clock.now
            if now >= deadline { return false }
            let signal = OneShotSignal()
            // The server tells also what has happened between the revision and now.
            self.watches.watch(folder, to: self.keys.end(folder), for: .changes, after: since, signal)
            defer { self.watches.leave(folder, signal) }
            do {
                // A watch may die without a sign, so it is made anew once in a while.
                if try await signal.wait(until: min(deadline, now.advanced(by: .seconds(15))), on: self.clock) {
                    return true
                }
            } catch {
                throw EtcdFailure(.cancelled, "the wait for \(group) was cancelled", cause: error)
            }
        }
    }
}

extension RegistryRevision {
    fileprivate init(_ revision: Int64) { self.init(rawValue: UInt64(max(0, revision))) }
}

/// The value of a record's key: one line that says whose it is, and what follows it.
private enum RegistryValue {
    private static let end = UInt8(ascii: "\n")

    static func data(_ value: [UInt8], owner: OwnerID?) -> Data {
        Data((owner?.rawValue ?? "").utf8) + [self.end] + value
    }

    static func record(_ present: WireKeyValue, _ key: LeaseName) -> RegistryRecord? {
        guard let end = present.value.firstIndex(of: self.end) else { return nil }
        let line = String(decoding: present.value[..<end], as: UTF8.self)
        return RegistryRecord(
            key: key, value: Array(present.value[present.value.index(after: end)...]),
            version: RegistryRevision(present.modRevision), owner: line.isEmpty ? nil : try? OwnerID(line))
    }
}
#endif
