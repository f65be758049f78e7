import ColonyCoordination
import ColonyCore
import NIOCore

/// What the lock routes do, apart from HTTP: bodies in, answers out.
final class LockService: Sendable {
    let engine: any LeaseEngine
    let room: WaitingRoom
    let register: WaitRegister<LeaseName>
    let limits: DaemonConfiguration.Limits
    let clock: any MonotonicClock
    let administration: (any LeaseAdministration)?
    let batch: (any BatchLeaseEngine)?
    let hub: EventHub
    let metrics: DaemonMetrics
    let heldCount: HeldCount

    init(
        engine: any LeaseEngine, limits: DaemonConfiguration.Limits, hub: EventHub, metrics: DaemonMetrics,
        clock: any MonotonicClock
    ) {
        self.hub = hub
        self.metrics = metrics
        self.heldCount = HeldCount(clock: clock)
        self.engine = engine
        self.room = WaitingRoom(clock: clock)
        self.register = WaitRegister(limit: limits.waiters, limitPerName: limits.waitersPerName)
        self.limits = limits
        self.clock = clock
        self.administration = engine as? any LeaseAdministration
        self.batch = engine as? any BatchLeaseEngine
    }

    // MARK: Acquire

    func acquire(_ name: LeaseName, body: ByteBuffer, client: Client) async throws(Problem) -> Answer {
        let arrival = self.clock.now
        let request = try AcquireRequest(body, limits: self.limits)
        let owner = request.owner ?? .unique()
        // Whoever finds the name free and nobody waiting need not be entered as somebody who waits.
        if request.wait == .zero || self.room.waiters(for: name, on: self.engine).isEmpty {
            let acquisition = try await self.ask(name, owner: owner, request)
            if request.wait == .zero || acquisition.lease != nil {
                return try self.answer(acquisition, name: name, since: nil)
            }
        }
        return try await self.acquireWaiting(name, owner: owner, request, client: client, since: arrival)
    }

    private func ask(
        _ name: LeaseName, owner: OwnerID, _ request: AcquireRequest
    ) async throws(Problem) -> Acquisition {
        do {
            if request.queues {
                return try await self.room.acquire(
                    name, owner: owner, for: request.duration, upTo: .zero, on: self.engine)
            } else {
                return try await self.engine.tryAcquire(name, owner: owner, for: request.duration)
            }
        } catch {
            self.metrics.acquired(.failed)
            throw Problem(error)
        }
    }

    private func acquireWaiting(
        _ name: LeaseName, owner: OwnerID, _ request: AcquireRequest, client: Client, since arrival: MonotonicInstant
    ) async throws(Problem) -> Answer {
        // The turn lasts until the answer has been sent, so that a client that asks again under its owner does not lose to
        // what is given back for a connection of it that broke.
        let (outcome, reason) = try await self.wait(for: name, client: client) { room, engine throws(LeaseError) in
            let turn = try await room.beginTurn(of: owner, for: name, on: engine)
            let acquisition = try await room.acquire(
                name, owner: owner, for: request.duration, upTo: request.wait, on: engine, in: turn)
            return (acquisition, turn)
        }
        self.metrics.waits.recordNanoseconds(arrival.duration(to: self.clock.now).clampedNanoseconds)
        if case .failure = outcome { self.metrics.acquired(.failed) }
        switch (outcome, reason) {
        case (.success((.granted(let lease), let turn)), .clientGone):
            await self.giveBack(lease, in: turn)
            throw .clientGone
        case (.success((.granted(let lease), let turn)), _) where await client.hasGone():
            await self.giveBack(lease, in: turn)
            throw .clientGone
        case (.success((let acquisition, let turn)), _):
            var answer = try self.answer(acquisition, name: name, since: arrival)
            if let lease = acquisition.lease {
                answer.undo = { await self.giveBack(lease, in: turn) }
            }
            return answer
        case (.failure, .clientGone):
            throw .clientGone
        case (.failure(let error), .draining) where error.code == .cancelled:
            throw .draining
        case (.failure(let error), _):
            throw Problem(error)
        }
    }

    /// Releases for a client that will not. The new task does not inherit cancellation.
    private func giveBack(_ lease: Lease, in turn: OwnerTurn) async {
        let engine = self.engine
        await turn.giveBack {
            // If this fails, the lease runs out by itself.
            await Task { _ = try? await engine.release(lease.name, owner: lease.owner, token: lease.token) }.value
        }
    }

    /// Runs something that waits, and ends it when the client goes away, when the server drains, or when the task is
    /// cancelled.
    func wait<Success: Sendable>(
        for name: LeaseName, client: Client,
        _ body: @escaping @Sendable (WaitingRoom, any LeaseEngine) async throws(LeaseError) -> Success
    ) async throws(Problem) -> (Result<Success, LeaseError>, WaitEnd?) {
        let (room, engine, hub) = (self.room, self.engine, self.hub)
        defer { hub.poke() }
        return try await self.register.run(for: name, client: client) {
            hub.poke()
            do throws(LeaseError) {
                return Result<Success, LeaseError>.success(try await body(room, engine))
            } catch {
                return .failure(error)
            }
        }
    }

    private func answer(
        _ acquisition: Acquisition, name: LeaseName, since arrival: MonotonicInstant?
    ) throws(Problem) -> Answer {
        switch acquisition {
        case .granted(let lease):
            self.metrics.acquired(.granted)
            // A client knows when it asked, and the lease of one that waited began later. Without a wait nothing is added,
            // so that the client counts from its request.
            let start = lease.expiry.advanced(by: .zero - lease.duration)
            return Self.answer(lease, waited: max(.zero, arrival?.duration(to: start) ?? .zero))
        case .held(let holder):
            self.metrics.acquired(.held)
            throw .held(name, by: holder)
        }
    }

    private static func answer(_ lease: Lease, waited: Duration? = nil) -> Answer {
        Answer { body in
            body.writeJSON(#"{"name":"#)
            body.writeJSON(string: lease.name.rawValue)
            body.writeJSON(#","owner":"#)
            body.writeJSON(string: lease.owner.rawValue)
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
        let request = try RenewRequest(body)
        do {
            var duration = request.duration
            if duration == nil, let record = try await self.engine.inspect(name), record.token == request.token {
                duration = record.duration
            }
            if let duration {
                let lease = Lease(
                    name: name, owner: request.owner, token: request.token, duration: duration, expiry: self.clock.now)
                if let renewed = try await self.engine.renew(lease, for: duration) {
                    self.metrics.renewed(.renewed)
                    return Self.answer(renewed)
                }
            }
        } catch {
            throw Problem(error)
        }
        self.metrics.renewed(.lost)
        throw .lost(name, owner: request.owner, token: request.token)
    }

    func release(_ name: LeaseName, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try ReleaseRequest(body)
        let released: Bool
        do {
            released = try await self.engine.release(name, owner: request.owner, token: request.token)
        } catch {
            throw Problem(error)
        }
        self.metrics.released(released ? .released : .lost)
        guard released else { throw .lost(name, owner: request.owner, token: request.token) }
        return Answer { $0.writeJSON(#"{"released":true}"#) }
    }

    func renewMany(body: ByteBuffer, token: AccessToken?) async throws(Problem) -> Answer {
        let request = try RenewManyRequest(body, limits: self.limits, now: self.clock.now)
        if let token {
            for lease in request.leases { try token.check(lease.name) }
        }
        var renewed: [Bool] = []
        do {
            if let batch = self.batch {
                renewed = try await batch.renew(request.leases).map { $0 != nil }
            } else {
                for lease in request.leases {
                    renewed.append(try await self.engine.renew(lease, for: lease.duration) != nil)
                }
            }
        } catch {
            throw Problem(error)
        }
        let count = renewed.count { $0 }
        self.metrics.renewed(.renewed, count: count)
        self.metrics.renewed(.lost, count: renewed.count - count)
        return Answer(capacity: 32 + renewed.count * 6) { body in
            body.writeJSON(#"{"renewed":["#)
            for (index, isRenewed) in renewed.enumerated() {
                if index > 0 { body.writeJSON(",") }
                body.writeJSON(isRenewed)
            }
            body.writeJSON("]}")
        }
    }
}

extension Problem {
    static func lost(_ name: LeaseName, owner: OwnerID, token: FencingToken?) -> Problem {
        let grant = token.map { " under token \($0)" } ?? ""
        return Problem(
            .lost,
            "\(NameRules.quoted(owner.rawValue)) does not hold \(NameRules.quoted(name.rawValue))\(grant): "
                + "the lease ran out, was released, or was broken")
    }
}
