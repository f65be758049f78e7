#if Etcd
internal import ColonyCore
internal import FoundationEssentials

/// What the engine's calls share: the connection, the leases at the server, and what is owed.
final class EtcdStore: Sendable {
    let client: EtcdClient
    let keys: EtcdKeys
    let pool: LeasePool
    let keepAlive: KeepAlive
    let watches: WatchHub
    let custody: Custody
    let clock: any MonotonicClock
    let wallClock: any WallClock
    /// The name under which this engine answers for what it has written.
    let id: String
    /// Whose monotonic clock it is.
    let host: String

    init(_ options: EtcdOptions) {
        self.client = EtcdClient(options)
        self.keys = EtcdKeys(prefix: options.keyPrefix)
        self.keepAlive = KeepAlive(self.client)
        self.pool = LeasePool(self.client, self.keepAlive)
        self.watches = WatchHub(self.client)
        self.id = OwnerID.unique().rawValue
        self.custody = Custody(self.client, id: self.id, keys: self.keys)
        self.clock = options.clock
        self.wallClock = options.wallClock
        // A clock that is moved by hand is nobody else's.
        let host = options.clock is HostClock ? HostIdentity.current : nil
        self.host = (host ?? "engine:\(self.id)").replacing(" ", with: "_")
    }

    func shutDown() {
        self.keepAlive.close()
        self.watches.close()
        self.custody.close()
        self.pool.close()
        self.client.close()
    }

    var now: Moment { Moment(wall: self.wallClock.now, monotonic: self.clock.now) }

    func isOver(_ record: GrantRecord?) -> Bool {
        guard let record else { return false }
        return record.isOver(at: self.now, on: self.host)
    }

    /// A grant from now on, not yet written.
    func newRecord(_ owner: OwnerID, for duration: Duration, state: GrantRecord.State = .held) -> GrantRecord {
        let now = self.now
        return GrantRecord(
            owner: owner, state: state, duration: duration, since: now, end: now.advanced(by: duration),
            host: self.host, custodian: self.id)
    }

    static func lease(_ name: LeaseName, _ record: GrantRecord, created: Int64) -> Lease {
        Lease(
            name: name, owner: record.owner, token: FencingToken(created), duration: record.duration,
            expiry: record.end.monotonic)
    }
}

extension FencingToken {
    /// The revision at which the key of a grant was created.
    init(_ revision: Int64) { self.init(rawValue: UInt64(max(0, revision))) }

    /// The revision that this stands for; one that no key has if the number is none.
    var revision: Int64 { Int64(exactly: self.rawValue) ?? -1 }
}

// MARK: Asking

extension EtcdStore {
    /// Carries out a transaction that may write `record`, tied to `lease`, and sees to it that the lease outlives the grant.
    ///
    /// What may have been written is in custody from before the request leaves; it stays there if the answer is lost, and the
    /// lease is then used for nothing else.
    func write(
        _ transaction: WireTxnRequest, _ key: Data, _ record: GrantRecord, on lease: ServerLease
    ) async throws(EtcdFailure) -> WireTxnResponse {
        self.custody.expect(key, record)
        // The server counts from when the sign arrives, this host from when it left.
        let sign = lease.end < record.end.monotonic ? self.keepAlive.send(lease) : nil
        do throws(EtcdFailure) {
            let answer = try await self.client.call(.txn, transaction)
            if let sign { try await self.keepAlive.outcome(of: sign) }
            return answer
        } catch {
            if error.isUnknown || error.kind == .leaseNotFound { lease.retire() }
            if !error.isUnknown, error.kind != .leaseNotFound { self.custody.retract(key) }
            throw error
        }
    }

    /// All contenders for the name of `folder`, the earliest first, and the revision at which they were.
    func contenders(_ folder: Data, limit: Int64 = 2_000) async throws(EtcdFailure) -> (
        keys: [WireKeyValue], revision: Int64
    ) {
        let end = self.keys.end(folder)
        let answer = try await self.client.call(.range, .contenders(folder, end, limit: limit))
        let found = answer.kvs.filter { self.keys.isContender($0.key, in: folder) }
        // Deeper names may have filled the page. Then all keys are looked at, without their values.
        guard answer.more, found.isEmpty || found.count < answer.kvs.count else {
            return (found, answer.header.revision)
        }
        var everything = WireRangeRequest.contenders(folder, end, limit: 0)
        everything.keysOnly = true
        let all = try await self.client.call(.range, everything)
        var result: [WireKeyValue] = []
        for key in all.kvs where self.keys.isContender(key.key, in: folder) {
            if result.count >= limit { break }
            if let present = try await self.client.call(.range, .key(key.key)).kvs.first,
                present.createRevision == key.createRevision
            {
                result.append(present)
            }
        }
        return (result, all.header.revision)
    }

    /// Deletes the key of a grant that is over, unless it has changed.
    func remove(_ present: WireKeyValue) async throws(EtcdFailure) {
        var request = WireTxnRequest()
        request.compare = [.modified(present.key, present.modRevision)]
        request.success = [.delete(present.key)]
        _ = try await self.client.call(.txn, request)
        self.custody.forget(present.key, created: present.createRevision)
    }

    /// What is known of whoever holds a name with this key.
    func holder(_ present: WireKeyValue) async -> LeaseHolder {
        let record = await self.shown(present)
        return LeaseHolder(
            owner: record.owner, token: FencingToken(present.createRevision),
            remaining: max(.milliseconds(1), record.remaining(at: self.now, on: self.host)))
    }

    /// The record of a key, or what can be said of one that another program wrote.
    func shown(_ present: WireKeyValue) async -> GrantRecord {
        if let record = GrantRecord(present.value) { return record }
        let contender = self.keys.parts(of: present.key)?.contender ?? ""
        let owner = (try? OwnerID("etcd:\(contender)")) ?? "etcd:unknown"
        var seconds: Int64 = 1
        var granted: Int64 = 1
        if present.lease != 0 {
            var request = WireLeaseTimeToLiveRequest()
            request.id = present.lease
            if let answer = try? await self.client.call(.leaseTimeToLive, request), answer.ttl > 0 {
                seconds = answer.ttl
                granted = max(seconds, answer.grantedTtl)
            }
        }
        let now = self.now
        return GrantRecord(
            owner: owner, state: .held, duration: .seconds(granted), since: now,
            end: now.advanced(by: .seconds(seconds)), host: self.host, custodian: "")
    }
}
#endif
