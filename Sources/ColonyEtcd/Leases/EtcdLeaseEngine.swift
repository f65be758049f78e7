#if Etcd
public import ColonyCore

/// Leases in etcd, kept by a majority of its members: the engine whose grants outlive the loss of a server.
///
/// ```swift
/// let lock = DistributedLock("orders/42", on: try .etcd("etcd://10.0.0.1,10.0.0.2,10.0.0.3"), requiring: .linearizable)
/// ```
///
/// The layout is that of etcd's own concurrency package: `etcdctl lock NAME`, and whatever is built on that package, excludes a
/// lease of the same name and is excluded by it. The token of a grant is the revision at which its key was created, which rises
/// with every write to the cluster, for ever.
///
/// etcd counts the life of its leases in whole seconds, from two up. What was asked for exactly is kept by the engine that wrote
/// a grant last: it deletes the key when the time has come. If its process dies, the grant ends with the lease in etcd:
/// half a second later if it was for whole seconds, and at most about two seconds later; if etcd itself fails over meanwhile, the new leader starts that count again.
///
/// An engine holds one connection to one member and leaves it for another when it does not answer. It may be used from any number of
/// tasks. A call that fails with `unavailable` may have been carried out, and repeating it with the same owner is safe.
///
/// - SeeAlso: <doc:Leases>
public final class EtcdLeaseEngine: LeaseEngine {
    let store: EtcdStore
    let shownURL: String

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Throws: `InvalidName` for options that contradict each other; it says how.
    public init(_ options: EtcdOptions) throws(InvalidName) {
        if let defect = options.defect {
            throw InvalidName(role: "place of an etcd cluster", value: options.shownURL, reason: defect)
        }
        self.store = EtcdStore(options)
        self.shownURL = options.shownURL
    }

    /// Makes the engine from `etcd://[USER:PASSWORD@]HOST[:PORT][,HOST…][?OPTION=VALUE&…]`; see ``EtcdOptions/init(url:generator:)``.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(url: EngineURL) throws(InvalidName) {
        try self.init(EtcdOptions(url: url))
    }

    deinit {
        self.store.shutDown()
    }

    /// Ends the connection. Waiting calls end with `closed`, and so does every later call.
    ///
    /// What is held is not given back: it ends with its lease at the server, at most about two seconds after its time.
    public func close() {
        self.store.shutDown()
    }

    /// Exclusive on the network, and kept by a majority of servers. On a cluster of one it is kept by that one.
    public var guarantee: Guarantee { .linearizable }

    // MARK: LeaseEngine

    /// Grants as ``LeaseEngine`` says. One round trip, and a second one for the first grant of each whole number of seconds. A
    /// refusal leaves nothing behind.
    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try LeaseLimits.check(duration)
        do throws(EtcdFailure) {
            return try await self.store.tryAcquire(name, owner: owner, for: duration)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    /// Renews as ``LeaseEngine`` says. One round trip; two where another engine has granted or renewed the lease.
    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let store = self.store
        do throws(EtcdFailure) {
            return try await store.extend(
                store.keys.key(store.keys.folder(lease.name), lease.owner), lease.name, owner: lease.owner,
                token: lease.token.revision, for: duration)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    @discardableResult
    public func release(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        do throws(EtcdFailure) {
            return try await self.store.release(name, owner: owner, token: token)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    /// The present holder. On the host of the grant its times are exact; elsewhere they are estimates by the wall clocks of both
    /// hosts, and nothing is decided by them.
    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        do throws(EtcdFailure) {
            return try await self.store.inspect(name)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        do throws(EtcdFailure) {
            return try await self.store.waitForChange(of: name, from: token, upTo: limit)
        } catch {
            throw error.leaseError(self.shownURL)
        }
    }
}

extension LeaseEngine where Self == EtcdLeaseEngine {
    /// Leases in an etcd cluster, such as `.etcd("etcd://10.0.0.1,10.0.0.2,10.0.0.3")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func etcd(_ url: String) throws(InvalidName) -> EtcdLeaseEngine {
        try EtcdLeaseEngine(url: EngineURL(url))
    }
}
#endif
