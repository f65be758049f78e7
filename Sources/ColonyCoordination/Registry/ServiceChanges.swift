public import ColonyCore

/// The instances of a service as they were at one moment.
public struct ServiceSnapshot: Hashable, Sendable {
    /// The name of the service.
    public let service: LeaseName
    /// The instances in the byte order of their ids, those that are not healthy included.
    public let instances: [ServiceInstance]
    /// The keys of records that are no instances: not JSON of the documented form, or under a key that is not their id.
    public let unreadable: [LeaseName]
    /// Whether the engine has just said so, or before it could not be reached any more.
    public let freshness: Freshness

    init(_ service: LeaseName, _ snapshot: RegistrySnapshot) {
        var instances: [ServiceInstance] = []
        var unreadable: [LeaseName] = []
        for record in snapshot.records {
            let instance = try? RecordCodec.value(ServiceInstance.self, from: record.value)
            if let instance, instance.id == record.key {
                instances.append(instance)
            } else {
                unreadable.append(record.key)
            }
        }
        self.init(service: service, instances: instances, unreadable: unreadable, freshness: .current)
    }

    init(service: LeaseName, instances: [ServiceInstance], unreadable: [LeaseName], freshness: Freshness) {
        self.service = service
        self.instances = instances
        self.unreadable = unreadable
        self.freshness = freshness
    }

    func stale(since instant: MonotonicInstant?) -> ServiceSnapshot {
        ServiceSnapshot(
            service: self.service, instances: self.instances, unreadable: self.unreadable,
            freshness: .stale(since: instant))
    }
}

/// The instances of a service, one list after the other; see ``Registry/watch(_:)``.
public struct ServiceChanges: AsyncSequence, Sendable {
    /// One list.
    public typealias Element = ServiceSnapshot
    /// Why there will be no more.
    public typealias Failure = CoordinationError

    let service: LeaseName
    let makeWatch: @Sendable () throws(CoordinationError) -> GroupWatch

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(service: self.service, makeWatch: self.makeWatch)
    }

    /// Reads from a watch.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let service: LeaseName
        private let makeWatch: @Sendable () throws(CoordinationError) -> GroupWatch
        private var watch: GroupWatch?
        private var last: ServiceSnapshot

        init(service: LeaseName, makeWatch: @escaping @Sendable () throws(CoordinationError) -> GroupWatch) {
            self.service = service
            self.makeWatch = makeWatch
            self.last = ServiceSnapshot(
                service: service, instances: [], unreadable: [], freshness: .stale(since: nil))
        }

        /// Waits for the next list.
        public mutating func next() async throws(CoordinationError) -> ServiceSnapshot? {
            var watch: GroupWatch
            if let present = self.watch { watch = present } else { watch = try self.makeWatch() }
            defer { self.watch = watch }
            do throws(LeaseError) {
                switch try await watch.next() {
                case .fresh(let snapshot): self.last = ServiceSnapshot(self.service, snapshot)
                case .stale(let since, _): self.last = self.last.stale(since: since)
                }
                return self.last
            } catch {
                if error.code == .cancelled { return nil }
                throw CoordinationError(error)
            }
        }

        /// Waits for the next list.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CoordinationError) -> ServiceSnapshot? {
            try await self.next()
        }
    }
}
