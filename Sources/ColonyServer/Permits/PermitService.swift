import ColonyCoordination
import ColonyCore
import NIOCore

/// What the routes of semaphores do, apart from HTTP: bodies in, answers out.
///
/// The engine decides. This service waits for those who ask for it, and returns permits whose taker is gone.
final class PermitService: Sendable {
    let register: WaitRegister<LeaseName>
    let limits: DaemonConfiguration.Limits
    let clock: any MonotonicClock
    let hub: EventHub
    let metrics: CoordinationMetrics
    let seen = SeenLimits()
    private let engine: (any PermitEngine)?

    init(
        engine: (any PermitEngine)?, limits: DaemonConfiguration.Limits, hub: EventHub, metrics: CoordinationMetrics,
        clock: any MonotonicClock
    ) {
        self.engine = engine
        self.limits = limits
        self.hub = hub
        self.metrics = metrics
        self.clock = clock
        self.register = WaitRegister(limit: limits.waiters, limitPerName: limits.waitersPerName)
    }

    /// The store of permits.
    func offered() throws(Problem) -> any PermitEngine {
        guard let engine else { throw Problem(.notOffered, "the store behind this server keeps no permits") }
        return engine
    }

    // MARK: Acquire

    func acquire(_ name: LeaseName, body: ByteBuffer, client: Client) async throws(Problem) -> Answer {
        let arrival = self.clock.now
        let asked = try AcquirePermitsRequest(body, limits: self.limits)
        let engine = try self.offered()
        let request = asked.request(of: name, owner: asked.owner ?? .unique())
        let acquisition: PermitAcquisition
        do {
            acquisition = try await engine.takePermits(request)
        } catch {
            self.metrics.acquired(.failed)
            throw Problem(error)
        }
        self.seen.note(name, request.limit)
        if asked.wait == .zero || acquisition.lease != nil {
            return try self.answer(acquisition, request, since: nil)
        }
        let deadline = arrival.advanced(by: asked.wait)
        let (outcome, end) = try await self.wait(for: request, until: deadline, engine, client)
        self.metrics.waits.recordNanoseconds(arrival.duration(to: self.clock.now).clampedNanoseconds)
        if case .failure = outcome { self.metrics.acquired(.failed) }
        if outcome.lease == nil, asked.owner == nil {
            // Nobody else knows this owner, so that nothing but its place can end. A place of an owner that the client has
            // chosen is left to run out: another request of it may have been granted meanwhile.
            await Self.giveBack(name, owner: request.owner, token: nil, engine)
        }
        return try await self.answer(outcome, end, request, engine, client, since: arrival)
    }

    private func wait(
        for request: PermitRequest, until deadline: MonotonicInstant, _ engine: any PermitEngine, _ client: Client
    ) async throws(Problem) -> (Result<PermitAcquisition, LeaseError>, WaitEnd?) {
        let (hub, clock) = (self.hub, self.clock)
        defer { hub.poke(.semaphores) }
        return try await self.register.run(for: request.name, client: client) {
            hub.poke(.semaphores)
            return await Self.outcome { () async throws(LeaseError) in
                try await Self.wait(for: request, until: deadline, on: engine, clock)
            }
        }
    }

    /// Waits and asks in turn. A place in the store is renewed at every third of the time for which it is kept.
    private static func wait(
        for request: PermitRequest, until deadline: MonotonicInstant, on engine: any PermitEngine,
        _ clock: any MonotonicClock
    ) async throws(LeaseError) -> PermitAcquisition {
        while true {
            let left = clock.now.duration(to: deadline)
            let pause = request.claim.map { min(left, $0 / 3) } ?? left
            _ = try await engine.waitForPermits(request, upTo: pause)
            // It is not cancelled with the wait, so that what is granted is known and can be given back.
            let answer = try await Task {
                await Self.outcome { () async throws(LeaseError) in try await engine.takePermits(request) }
            }.value.get()
            if answer.lease != nil || clock.now >= deadline { return answer }
        }
    }

    private func answer(
        _ outcome: Result<PermitAcquisition, LeaseError>, _ end: WaitEnd?, _ request: PermitRequest,
        _ engine: any PermitEngine, _ client: Client, since arrival: MonotonicInstant
    ) async throws(Problem) -> Answer {
        switch (outcome, end) {
        case (.success(.granted(let lease)), .clientGone):
            await Self.giveBack(lease.name, owner: lease.owner, token: lease.token, engine)
            throw .clientGone
        case (.success(.granted(let lease)), _) where await client.hasGone():
            await Self.giveBack(lease.name, owner: lease.owner, token: lease.token, engine)
            throw .clientGone
        case (.success(let acquisition), _):
            var answer = try self.answer(acquisition, request, since: arrival)
            if let lease = acquisition.lease {
                answer.undo = { await Self.giveBack(lease.name, owner: lease.owner, token: lease.token, engine) }
            }
            return answer
        case (.failure, .clientGone): throw .clientGone
        case (.failure(let error), .draining) where error.code == .cancelled: throw .draining
        case (.failure(let error), _): throw Problem(error)
        }
    }

    /// Returns permits or a place for a client that will not. The new task does not inherit cancellation.
    private static func giveBack(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?, _ engine: any PermitEngine
    ) async {
        // If this fails, they run out by themselves.
        await Task { _ = try? await engine.returnPermits(name, owner: owner, token: token) }.value
    }

    static func outcome<Value: Sendable>(
        _ body: () async throws(LeaseError) -> Value
    ) async -> Result<Value, LeaseError> {
        do throws(LeaseError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    private func answer(
        _ acquisition: PermitAcquisition, _ request: PermitRequest, since arrival: MonotonicInstant?
    ) throws(Problem) -> Answer {
        switch acquisition {
        case .granted(let lease):
            self.metrics.acquired(.granted)
            // A client knows when it asked, and the lease of one that waited began later. Without a wait nothing is added,
            // so that the client counts from its request.
            let start = lease.expiry.advanced(by: .zero - lease.duration)
            let waited = max(.zero, arrival?.duration(to: start) ?? .zero)
            return Self.answer(lease, permits: request.permits, waited: waited)
        case .refused(let refusal):
            self.metrics.acquired(.held)
            throw .refused(request, refusal)
        }
    }

    private static func answer(_ lease: Lease, permits: Int? = nil, waited: Duration? = nil) -> Answer {
        Answer { body in
            body.writeJSON(#"{"name":"#)
            body.writeJSON(string: lease.name.rawValue)
            body.writeJSON(#","owner":"#)
            body.writeJSON(string: lease.owner.rawValue)
            if let permits {
                body.writeJSON(#","permits":"#)
                body.writeJSON(permits)
            }
            body.writeJSON(#","token":"#)
            body.writeJSON(lease.token.rawValue)
            body.writeJSON(#","ttl_ms":"#)
            body.writeJSON(lease.duration.clampedMilliseconds)
            if let waited {
                body.writeJSON(#","waited_ms":"#)
                body.writeJSON(waited.clampedMilliseconds)
            }
            body.writeJSON("}")
        }
    }

    // MARK: Renew and release

    func renew(_ name: LeaseName, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try RenewPermitsRequest(body)
        let engine = try self.offered()
        let lease = Lease(
            name: name, owner: request.owner, token: request.token, duration: request.duration,
            expiry: self.clock.now)
        let renewed: Lease?
        do {
            renewed = try await engine.renewPermits(lease, for: request.duration)
        } catch {
            throw Problem(error)
        }
        self.metrics.renewedPermits(renewed == nil ? .lost : .renewed)
        guard let renewed else { throw .lost(name, owner: request.owner, token: request.token) }
        return Self.answer(renewed)
    }

    func release(_ name: LeaseName, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try ReleaseRequest(body)
        let engine = try self.offered()
        let isReleased: Bool
        do {
            isReleased = try await engine.returnPermits(name, owner: request.owner, token: request.token)
        } catch {
            throw Problem(error)
        }
        self.metrics.released(isReleased ? .ended : .absent)
        guard isReleased else { throw .lost(name, owner: request.owner, token: request.token) }
        return Answer { $0.writeJSON(#"{"released":true}"#) }
    }
}

extension Result<PermitAcquisition, LeaseError> {
    fileprivate var lease: Lease? { if case .success(let acquisition) = self { acquisition.lease } else { nil } }
}

extension Problem {
    static func refused(_ request: PermitRequest, _ refusal: PermitRefusal) -> Problem {
        var problem = Problem(
            .permitsHeld,
            "\(refusal.available) of \(request.limit) permits of \(NameRules.quoted(request.name.rawValue)) are free, and "
                + "\(request.permits) \(request.permits == 1 ? "is" : "are") wanted; "
                + "\(NameRules.quoted(refusal.holder.owner.rawValue)) "
                + (refusal.available >= request.permits ? "waits before" : "holds some"))
        problem.holder = refusal.holder
        problem.available = refusal.available
        return problem
    }
}
