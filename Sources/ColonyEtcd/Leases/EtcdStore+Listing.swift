#if Etcd
internal import ColonyCore
internal import FoundationEssentials

/// What operators ask for.
extension EtcdStore {
    private static let page: Int64 = 1_000

    func inspect(_ name: LeaseName) async throws(EtcdFailure) -> LeaseRecord? {
        let found = try await self.contenders(self.keys.folder(name)).keys
        return await self.shownRecord(name, found)
    }

    /// - Parameter contenders: The earliest first.
    private func shownRecord(_ name: LeaseName, _ contenders: [WireKeyValue]) async -> LeaseRecord? {
        guard let first = contenders.first else { return nil }
        let record = await self.shown(first)
        let now = self.now
        let remaining = record.remaining(at: now, on: self.host)
        // One whose turn has just come and who has not taken it yet holds the name for as long as it asked.
        guard record.state == .waiting || remaining > .zero else { return nil }
        var waiters: [LeaseWaiter] = []
        for waiting in contenders.dropFirst() {
            if let record = GrantRecord(waiting.value) {
                waiters.append(LeaseWaiter(owner: record.owner, age: record.age(at: now, on: self.host)))
            } else {
                let contender = self.keys.parts(of: waiting.key)?.contender ?? ""
                waiters.append(LeaseWaiter(owner: (try? OwnerID("etcd:\(contender)")) ?? "etcd:unknown", age: .zero))
            }
        }
        return LeaseRecord(
            name: name, owner: record.owner, token: FencingToken(first.createRevision), duration: record.duration,
            remaining: max(remaining, .milliseconds(1)),
            age: record.state == .held ? record.age(at: now, on: self.host) : .zero, renewals: record.renewals,
            waiters: waiters)
    }

    /// All held names under the prefix, each with its contenders, in the order of their bytes, as of one revision.
    ///
    /// Keys lie in another order than names, because a slash comes after some characters, so all are read.
    private func names(withPrefix prefix: String) async throws(EtcdFailure) -> [(LeaseName, [WireKeyValue])] {
        let start = self.keys.start(ofNamesWith: prefix)
        let end = EtcdKeys.end(ofPrefix: start)
        var byName: [LeaseName: [WireKeyValue]] = [:]
        var request = WireRangeRequest()
        request.key = start.isEmpty ? Data([0]) : start
        request.rangeEnd = end
        request.limit = Self.page
        while true {
            let answer = try await self.client.call(.range, request)
            for present in answer.kvs {
                guard let (name, contender) = self.keys.parts(of: present.key),
                    name.rawValue.utf8.starts(with: prefix.utf8), self.isLock(present, contender)
                else { continue }
                byName[name, default: []].append(present)
            }
            guard answer.more, let last = answer.kvs.last else { break }
            request.key = last.key + [0]
            request.revision = answer.header.revision
        }
        return byName.map { ($0.key, $0.value.sorted { $0.createRevision < $1.createRevision }) }
            .sorted { $0.0 < $1.0 }
    }

    /// Whether a key is one of a lock: ours, or one that ends with the number of its lease, as those of etcd's own package do.
    private func isLock(_ present: WireKeyValue, _ contender: String) -> Bool {
        GrantRecord(present.value) != nil
            || (present.lease != 0 && contender == String(UInt64(bitPattern: present.lease), radix: 16))
    }

    func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(EtcdFailure) -> [LeaseRecord] {
        var result: [LeaseRecord] = []
        for (held, contenders) in try await self.names(withPrefix: prefix) {
            if result.count == limit { break }
            if let name, held <= name { continue }
            if let record = await self.shownRecord(held, contenders) { result.append(record) }
        }
        return result
    }

    func heldCount() async throws(EtcdFailure) -> Int {
        try await self.names(withPrefix: "").count { _, contenders in
            guard let first = contenders.first else { return false }
            return !self.isOver(GrantRecord(first.value))
        }
    }

    func breakLease(_ name: LeaseName) async throws(EtcdFailure) -> LeaseRecord? {
        let found = try await self.contenders(self.keys.folder(name)).keys
        guard let first = found.first, let record = await self.shownRecord(name, found) else { return nil }
        var request = WireTxnRequest()
        request.compare = [.created(first.key, first.createRevision)]
        request.success = [.delete(first.key)]
        let answer = try await self.client.call(.txn, request)
        self.custody.forget(first.key, created: first.createRevision)
        // Gone by itself meanwhile is not broken.
        return answer.succeeded ? record : nil
    }
}
#endif
