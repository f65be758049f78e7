public import ColonyCore

/// Where services are found: each instance keeps a record of itself alive, and others list and watch them.
///
/// ```swift
/// let registry = Registry(on: engine)
/// let instance = ServiceInstance(id: "orders-1", address: "10.0.0.7", port: 8080)
/// try await registry.withRegistration(instance, as: "orders") { registration in
///     try await serve()
/// }
///
/// for try await snapshot in registry.watch("orders") { balancer.use(snapshot.instances) }
/// ```
///
/// A registration is renewed at a third of its duration on the thread of the ``LeaseKeeper``, not on the pool that callers may
/// keep busy. It comes back by itself after an outage, after it ran out, and after the store has lost it. What is registered runs
/// out ``duration`` after its process died. Readers see what the engine sees: an instance that died is listed for up to one
/// duration, so callers must cope with one that does not answer.
///
/// Outages of the store do not take a service down: a watch goes on with the last known list and says since when it is stale.
///
/// - SeeAlso: <doc:ServiceDiscovery>
public struct Registry: Sendable {
    /// How long an instance stays listed after its process died. From ``ColonyCore/LeaseLimits/duration``.
    public let duration: Duration

    private let engine: any RegistryEngine
    private let keeper: LeaseKeeper
    private let room: WaitingRoom

    /// Makes a registry on an engine. No I/O happens yet.
    ///
    /// - Parameters:
    ///   - engine: Where the records are kept.
    ///   - duration: How long an instance stays listed after its process died. 30 seconds outlast a restart of the store and
    ///     most pauses of a process.
    ///   - keeper: On whose thread registrations are renewed.
    ///   - room: Whose clock, limits, and jitter count.
    public init(
        on engine: some RegistryEngine, duration: Duration = .seconds(30), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) {
        self.duration = duration
        self.engine = engine
        self.keeper = keeper
        self.room = room
    }

    /// Makes a registry on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        on engine: some RegistryEngine, requiring demand: Guarantee, duration: Duration = .seconds(30),
        keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the registry")
        self.init(on: engine, duration: duration, keeper: keeper, room: room)
    }

    private static func group(of service: LeaseName) throws(CoordinationError) -> LeaseName {
        try LeaseName(prefix: "service/", service.rawValue, for: "the service \(service)")
    }
}

// MARK: Registering

extension Registry {
    /// Registers an instance, and keeps it registered until ``Registration/deregister()``.
    ///
    /// It takes the id over from whoever has it: after a crash the new process does not wait for the record of the old one to
    /// run out. The former, if it still lives, learns that it was replaced and does not come back.
    ///
    /// - Parameters:
    ///   - instance: What others are to know.
    ///   - service: The name of the service, 1 to 247 bytes.
    ///   - limit: How long to go on while the engine cannot be reached.
    /// - Returns: The registration, after the engine has confirmed it.
    /// - Throws: ``CoordinationError``: `invalidRequest` for a record that is too large or an instance that is not possible,
    ///   `unavailable` when the limit has passed, `cancelled` as soon as the task is cancelled. Nothing is registered then, or for
    ///   one duration at the most.
    /// - Complexity: One round trip.
    public func register(
        _ instance: ServiceInstance, as service: LeaseName, waiting limit: Duration = .seconds(60)
    ) async throws(CoordinationError) -> Registration {
        try instance.check()
        let record = KeptRecord(
            try RecordCodec.bytes(of: instance), for: instance.id, in: try Self.group(of: service), owner: .unique(),
            duration: self.duration, on: self.engine, calls: self.room.calls, executor: self.keeper.executor)
        do throws(CoordinationError) {
            try await record.begin(until: self.room.calls.clock.now.advanced(by: limit))
        } catch {
            await record.remove()
            throw error
        }
        return Registration(instance, service: service, record: record, clock: self.room.calls.clock)
    }

    /// Runs `body` while an instance is registered, and deregisters it in every case: when `body` returns, throws, or is
    /// cancelled.
    ///
    /// - Throws: ``CoordinationError`` as ``register(_:as:waiting:)`` does, otherwise what `body` throws.
    public func withRegistration<Value>(
        _ instance: ServiceInstance, as service: LeaseName, waiting limit: Duration = .seconds(60),
        _ body: (Registration) async throws -> Value
    ) async throws -> Value {
        let registration = try await self.register(instance, as: service, waiting: limit)
        do {
            let value = try await body(registration)
            await registration.deregister()
            return value
        } catch {
            await registration.deregister()
            throw error
        }
    }
}

// MARK: Finding

extension Registry {
    /// The instances of a service that are registered now.
    ///
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer in time.
    /// - Complexity: One round trip; O(*n*) in the instances.
    public func instances(of service: LeaseName) async throws(CoordinationError) -> ServiceSnapshot {
        let (engine, group) = (self.engine, try Self.group(of: service))
        do throws(LeaseError) {
            let snapshot = try await self.room.calls.once { () throws(LeaseError) in
                try await engine.snapshot(of: group)
            }
            return ServiceSnapshot(service, snapshot)
        } catch {
            throw CoordinationError(error)
        }
    }

    /// The instances of a service, from now on: the present list first, then the list after each change.
    ///
    /// There is no buffer: a slow reader gets the newest list and skips what was in between. When the engine cannot be reached
    /// the last list is told once more, marked as stale, and the engine is asked again with growing, jittered pauses; the first
    /// list after that is current again. The sequence ends when its task is cancelled, and with a ``CoordinationError`` that no
    /// later attempt would mend.
    public func watch(_ service: LeaseName) -> ServiceChanges {
        ServiceChanges(service: service) { () throws(CoordinationError) in
            GroupWatch(self.engine, try Self.group(of: service), self.room.calls)
        }
    }
}
