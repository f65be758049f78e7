import ColonyCoordination
import ColonyCore
import NIOCore

/// What the routes of semaphores do, apart from HTTP: bodies in, answers out.
///
/// The engine decides. This service lets those who ask for it wait in turn, and returns permits whose taker is gone.
final class PermitService: Sendable {
    let room: WaitingRoom
    let register: WaitRegister<LeaseName>
    let limits: DaemonConfiguration.Limits
    let clock: any MonotonicClock
    let hub: EventHub
    let metrics: CoordinationMetrics
    let seen = SeenLimits()
    let waiting = WaitingRequests()
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
        self.room = WaitingRoom(clock: clock)
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
        return asked.wait == .zero
            ? try await self.acquireAtOnce(request, isNamed: asked.owner != nil, engine)
            : try await self.acquireWaiting(request, upTo: asked.wait, engine, client, since: arrival)
    }

    private func acquireAtOnce(
        _ request: PermitRequest, isNamed: Bool, _ engine: any PermitEngine
    ) async throws(Problem) -> Answer {
        do {
            let acquisition = try await engine.takePermits(request)
            self.seen.note(request.name, request.limit)
            return try self.answer(acquisition, request)
        } catch let problem as Problem {
            throw problem
        } catch {
            self.metrics.acquired(.failed)
            // Nobody else knows an owner that was made here, so nobody else could give back what it may hold.
            if !isNamed { await Self.giveBack(request.name, owner: request.owner, token: nil, engine) }
            throw (error as? LeaseError).map { Problem($0) } ?? Problem(.storeFailed, "\(error)")
        }
    }

    /// Waits in the room of this process, of which only the first of each semaphore keeps a place in the store.
    private func acquireWaiting(
        _ request: PermitRequest, upTo limit: Duration, _ engine: any PermitEngine, _ client: Client,
        since arrival: MonotonicInstant
    ) async throws(Problem) -> Answer {
        let (hub, room) = (self.hub, self.room)
        defer { hub.poke(.semaphores) }
        let waiting = self.waiting
        let ((outcome, isEvicted), end) = try await self.register.run(for: request.name, client: client) {
            hub.poke(.semaphores)
            return await waiting.run(request, since: arrival) {
                await Self.outcome { () async throws(LeaseError) in
                    let turn = try await room.beginTurn(of: request.owner, forPermitsOf: request.name, on: engine)
                    let acquisition = try await room.acquire(permits: request, upTo: limit, on: engine, in: turn)
                    return (acquisition, turn)
                }
            }
        }
        self.seen.note(request.name, request.limit)
        self.metrics.waits.recordNanoseconds(arrival.duration(to: self.clock.now).clampedNanoseconds)
        if case .failure = outcome { self.metrics.acquired(.failed) }
        switch (outcome, end) {
        case (.success((.granted(let lease), let turn)), .clientGone):
            await Self.giveBack(lease, in: turn, engine)
            throw .clientGone
        case (.success((.granted(let lease), let turn)), _) where await client.hasGone():
            await Self.giveBack(lease, in: turn, engine)
            throw .clientGone
        case (.success((.granted(let lease), let turn)), _):
            var answer = self.granted(lease, request, since: arrival)
            answer.undo = { await Self.giveBack(lease, in: turn, engine) }
            return answer
        case (.success((.held(let holder), _)), _):
            throw try await self.refusal(of: request, by: holder, engine)
        case (.failure, .clientGone): throw .clientGone
        case (.failure(let error), nil) where isEvicted && error.code == .cancelled:
            throw Problem(
                .permitsHeld,
                "an operator has sent \(NameRules.quoted(request.owner.rawValue)) away, who waited for permits of "
                    + NameRules.quoted(request.name.rawValue))
        case (.failure(let error), .draining) where error.code == .cancelled: throw .draining
        case (.failure(let error), _): throw Problem(error)
        }
    }

    /// Why a request that has waited is refused: by whom, and how many permits are free at this moment.
    private func refusal(
        of request: PermitRequest, by holder: LeaseHolder, _ engine: any PermitEngine
    ) async throws(Problem) -> Problem {
        self.metrics.acquired(.held)
        do {
            let held = try await engine.inspectPermits(request.name).holders.reduce(0) { $0 + $1.permits }
            return .refused(request, PermitRefusal(available: max(0, request.limit - held), holder: holder))
        } catch {
            throw Problem(error)
        }
    }

    /// Returns permits for a client that will not.
    private static func giveBack(_ lease: Lease, in turn: OwnerTurn, _ engine: any PermitEngine) async {
        await turn.giveBack {
            await Self.giveBack(lease.name, owner: lease.owner, token: lease.token, engine)
        }
    }

    /// Returns permits or a place. The new task does not inherit cancellation.
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

    private func answer(_ acquisition: PermitAcquisition, _ request: PermitRequest) throws(Problem) -> Answer {
        switch acquisition {
        case .granted(let lease):
            return self.granted(lease, request, since: nil)
        case .refused(let refusal):
            self.metrics.acquired(.held)
            throw .refused(request, refusal)
        }
    }

    private func granted(_ lease: Lease, _ request: PermitRequest, since arrival: MonotonicInstant?) -> Answer {
        self.metrics.acquired(.granted)
        // A client knows when it asked, and the lease of one that waited began later. Without a wait nothing is added, so that
        // the client counts from its request.
        let start = lease.expiry.advanced(by: .zero - lease.duration)
        let waited = max(.zero, arrival?.duration(to: start) ?? .zero)
        return Self.answer(lease, permits: request.permits, waited: waited)
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
