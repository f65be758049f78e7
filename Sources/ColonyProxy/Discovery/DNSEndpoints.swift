import ColonyBalancing
public import ColonyCore
public import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The addresses of a name as endpoints, looked up again and again.
///
/// ```swift
/// let names = DNSEndpoints(try DNSEndpointsOptions("web.internal:8080"), logger: logger) { try balancer.take($0) }
/// try await ServiceGroup(services: [proxy, names], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
///
/// Each address is an endpoint that is called by its address, so that it keeps its load, its health, and its place in a hash ring for
/// as long as the name leads to it. Name servers that fail, are silent, or have no address leave the endpoints as they are; that is reported,
/// and they are asked again sooner than usual. The order in which name servers tell addresses does not matter.
///
/// Names are looked up on threads that may wait, as for connections.
public final class DNSEndpoints: EndpointSource {
    private let options: DNSEndpointsOptions
    private let receive: EndpointReceiver
    private let names: HostLookup
    private let clock: any MonotonicClock
    private let logger: Logger
    private let state: Mutex<DiscoveryState>
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Makes a source that does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - clock: What the interval and the time-out are counted on.
    ///   - generator: Where jitter comes from.
    ///   - receive: Is called with all endpoints after each lookup that found some, one call at a time.
    public convenience init(
        _ options: DNSEndpointsOptions, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), logger: Logger,
        receive: @escaping EndpointReceiver
    ) {
        self.init(options, names: .shared, clock: clock, generator: generator, logger: logger, receive: receive)
    }

    package init(
        _ options: DNSEndpointsOptions, names: HostLookup, clock: any MonotonicClock,
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), logger: Logger,
        receive: @escaping EndpointReceiver
    ) {
        self.options = options
        self.receive = receive
        self.names = names
        self.clock = clock
        self.logger = logger
        self.generator = Mutex(generator)
        self.state = Mutex(DiscoveryState(source: "dns \(options.name)"))
    }

    /// How it goes.
    public var status: EndpointSourceStatus { self.state.withLock { $0.status } }

    /// Looks the name up, at once and then every interval, until graceful shutdown or cancellation. It does not throw.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.refresh()
                let pause = self.pause()
                guard (try? await self.clock.sleep(for: pause)) != nil else { return }
            }
        }
    }

    private func pause() -> Duration {
        let chance = self.generator.withLock { $0.next() }
        return self.state.withLock { state in
            state.pause(interval: self.options.interval, jitter: self.options.jitter, chance: chance)
        }
    }

    private func refresh() async {
        let news: DiscoveryState.News
        do throws(HostLookupFailure) {
            let endpoints = try await self.lookUp()
            do throws(BalancingError) {
                try self.receive(DiscoveredEndpoints(endpoints: endpoints))
            } catch {
                throw HostLookupFailure(error.message)
            }
            let now = self.clock.now
            news = self.state.withLock { $0.found(endpoints.count, at: now) }
        } catch {
            // A lookup that was given up with the service says nothing.
            if Task.isCancelled { return }
            let reason = error.description
            news = self.state.withLock { $0.failed(reason) }
        }
        let status = self.status
        switch news {
        case .none: break
        case .works:
            self.logger.info(
                "endpoints found", metadata: ["source": "\(status.source)", "endpoints": "\(status.endpoints)"])
        case .fails:
            self.logger.warning(
                "endpoints cannot be looked up; the last ones stay",
                metadata: [
                    "source": "\(status.source)", "reason": "\(status.problem ?? "")",
                    "endpoints": "\(status.endpoints)",
                ])
        }
    }

    private func lookUp() async throws(HostLookupFailure) -> [Endpoint] {
        let (names, host) = (self.names, self.options.host)
        let silence = HostLookupFailure("no answer for \(host) within \(self.options.timeout.text)")
        let addresses = try await BoundedCall.run(
            upTo: self.options.timeout, on: self.clock, timeOut: silence
        ) { () async throws(HostLookupFailure) -> [SocketAddress] in
            let answer = await withCheckedContinuation { continuation in
                names.addresses(of: host) { continuation.resume(returning: $0) }
            }
            return try answer.get()
        }
        // The system may tell an address more than once, and in any order.
        let texts = Set(addresses.compactMap(\.ipAddress)).sorted()
        guard !texts.isEmpty else { throw HostLookupFailure("\(host) has no address") }
        var endpoints: [Endpoint] = []
        for text in texts {
            do throws(BalancingError) {
                endpoints.append(
                    try Endpoint(
                        HostAndPort.text(host: text, port: self.options.port), weight: self.options.weight,
                        zone: self.options.zone, priority: self.options.priority, metadata: ["dns": host]))
            } catch {
                throw HostLookupFailure(error.message)
            }
        }
        return endpoints
    }
}
