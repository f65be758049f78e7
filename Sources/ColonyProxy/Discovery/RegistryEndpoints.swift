import ColonyBalancing
public import ColonyCoordination
public import ColonyCore
public import Logging
import ServiceLifecycle
import Synchronization

/// The instances of a service in the registry as endpoints, watched.
///
/// ```swift
/// let orders = RegistryEndpoints(of: "orders", in: Registry(on: engine), logger: logger) { try balancer.take($0) }
/// try await ServiceGroup(services: [proxy, orders], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
///
/// An instance is an endpoint that is called by its id, with the weight and the zone of its record, and with the priority in its metadata
/// under `priority`. One that says that it is unhealthy is there and out of health; one that is draining, or has the weight 0, is left out, so
/// that what it has under way ends and nothing new comes.
///
/// A store that cannot be reached leaves the endpoints as they are, and so does an empty list: a store that has lost its
/// records looks the same, and its instances come back within moments. Both are reported.
public final class RegistryEndpoints: EndpointSource {
    /// The key of the metadata that has the priority.
    public static var priorityKey: String { "priority" }

    private let service: LeaseName
    private let registry: Registry
    private let receive: EndpointReceiver
    private let clock: any MonotonicClock
    private let logger: Logger
    private let state: Mutex<DiscoveryState>
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Makes a source that does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - service: The name under which instances register.
    ///   - clock: What pauses are counted on.
    ///   - generator: Where jitter of pauses comes from.
    ///   - receive: Is called with all endpoints after each change, one call at a time.
    public init(
        of service: LeaseName, in registry: Registry, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), logger: Logger,
        receive: @escaping EndpointReceiver
    ) {
        self.service = service
        self.registry = registry
        self.receive = receive
        self.clock = clock
        self.logger = logger
        self.generator = Mutex(generator)
        self.state = Mutex(DiscoveryState(source: "registry \(service)"))
    }

    /// How it goes.
    public var status: EndpointSourceStatus { self.state.withLock { $0.status } }

    /// Watches until graceful shutdown or cancellation. It does not throw: a watch that breaks is begun anew.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var isOut: Set<EndpointName> = []
            while !Task.isCancelled {
                await self.watch(&isOut)
                let chance = self.generator.withLock { $0.next() }
                let pause = self.state.withLock { state in
                    state.pause(interval: .seconds(30), jitter: 0.1, chance: chance)
                }
                guard (try? await self.clock.sleep(for: pause)) != nil else { return }
            }
        }
    }

    /// - Parameter isOut: The instances that have said that they are unhealthy.
    private func watch(_ isOut: inout Set<EndpointName>) async {
        do throws(CoordinationError) {
            var iterator = self.registry.watch(self.service).makeAsyncIterator()
            while let snapshot = try await iterator.next() {
                guard case .current = snapshot.freshness else {
                    self.failed("the store cannot be reached")
                    continue
                }
                self.use(snapshot, &isOut)
            }
        } catch {
            self.failed(error.message)
        }
    }

    private func use(_ snapshot: ServiceSnapshot, _ isOut: inout Set<EndpointName>) {
        var endpoints: [Endpoint] = []
        var unhealthy: [EndpointName: String] = [:]
        var refused = snapshot.unreadable.map { "the record \($0) cannot be read" }
        for instance in snapshot.instances where instance.health != .draining && instance.weight > 0 {
            do {
                let endpoint = try Self.endpoint(instance)
                endpoints.append(endpoint)
                if instance.health == .unhealthy { unhealthy[endpoint.name] = "the instance says so itself" }
            } catch {
                refused.append("the instance \(instance.id) cannot be used: \(error.message)")
            }
        }
        guard !endpoints.isEmpty else {
            return self.failed(refused.first ?? "\(self.service) has no instances that take calls")
        }
        let recovered = isOut.filter { unhealthy[$0] == nil }.sorted { $0.rawValue < $1.rawValue }
        do throws(BalancingError) {
            try self.receive(
                DiscoveredEndpoints(endpoints: endpoints, unhealthy: unhealthy, recovered: recovered))
        } catch {
            return self.failed(error.message)
        }
        isOut = Set(unhealthy.keys)
        let problem = refused.first.map { refused.count == 1 ? $0 : "\($0), and \(refused.count - 1) others" }
        let now = self.clock.now
        let news = self.state.withLock { $0.found(endpoints.count, problem: problem, at: now) }
        guard news == .works else { return }
        self.logger.info(
            "endpoints found",
            metadata: ["source": "\(self.status.source)", "endpoints": "\(endpoints.count)"])
    }

    private static func endpoint(_ instance: ServiceInstance) throws(BalancingError) -> Endpoint {
        let isSocket = instance.address.hasPrefix("unix:")
        var priority = 0
        if let text = instance.metadata[Self.priorityKey] {
            guard let number = Int(text) else {
                throw BalancingError(
                    .invalidPriority, "the priority \(NameRules.quoted(text)) in its metadata is not a number")
            }
            priority = number
        }
        let name: EndpointName
        do throws(InvalidName) {
            name = try EndpointName(instance.id.rawValue)
        } catch {
            throw BalancingError(.invalidName, error.description, cause: error)
        }
        return try Endpoint(
            isSocket ? instance.address : HostAndPort.text(host: instance.address, port: instance.port), name: name,
            weight: min(instance.weight, Endpoint.weights.upperBound), zone: instance.zone, priority: priority,
            metadata: instance.metadata)
    }

    private func failed(_ reason: String) {
        let news = self.state.withLock { $0.failed(reason) }
        guard news == .fails else { return }
        self.logger.warning(
            "endpoints cannot be found; the last ones stay",
            metadata: ["source": "\(self.status.source)", "reason": "\(reason)"])
    }
}
