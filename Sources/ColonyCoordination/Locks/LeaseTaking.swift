import ColonyCore

/// How one lease is taken and handed to the keeper, whatever stands behind it: the part that locks, semaphores, read-write
/// locks, and elections share.
struct LeaseTaking: Sendable {
    /// What is asked for at which engine.
    enum Source: Sendable {
        case lease(any LeaseEngine)
        case permits(any PermitEngine, PermitTerms)
    }

    let name: LeaseName
    let source: Source
    let isImmediate: Bool
    let configuration: LockConfiguration
    let keeper: LeaseKeeper
    let room: WaitingRoom

    var key: LeaseKey {
        switch self.source {
        case .lease(let engine): LeaseKey(engine, self.name)
        case .permits(let engine, _): LeaseKey(engine, self.name, .permits)
        }
    }

    private var permits: Int {
        if case .permits(_, let terms) = self.source { terms.permits } else { 1 }
    }

    /// What is asked for, in words.
    var subject: String {
        switch self.source {
        case .lease: "the lock \(self.name)"
        case .permits(_, let terms) where terms.permits == 1: "a permit of \(self.name)"
        case .permits(_, let terms) where terms.permits == terms.limit: "all permits of \(self.name)"
        case .permits(_, let terms): "\(terms.permits) permits of \(self.name)"
        }
    }
}

/// What is asked for of permits, without name and owner.
struct PermitTerms: Hashable, Sendable {
    let permits: Int
    let limit: Int
    /// For how long a refused request keeps its place in the store; `nil` for one that has none there.
    let claim: Duration?
    /// Where in the process to wait: those of one lane wait for each other.
    let lane: Int
}

extension LeaseTaking {
    /// Takes the lease, waiting in turn up to `limit`; `nil` if it was not free by then.
    func acquire(
        waiting limit: Duration?, as owner: LockOwner?
    ) async throws(CoordinationError) -> HeldLock? {
        guard let owner else {
            return try await self.acquireAnew(waiting: limit, id: .unique(), owner: nil)
        }
        let key = self.key
        switch owner.enter(key, permits: self.permits) {
        case .again(let held):
            return held
        case .busy:
            throw CoordinationError(
                .ownerBusy, "the owner \(owner.id) is acquiring \(self.subject) in another task at this moment")
        case .tooFew:
            throw CoordinationError(
                .upgradeRefused,
                """
                the owner \(owner.id) holds the read lock of \(self.name) and cannot wait for the write lock: two readers \
                that both did would wait for each other for ever; release the read lock, take the write lock, and look \
                again at what was read
                """)
        case .first:
            do throws(CoordinationError) {
                let held = try await self.acquireAnew(waiting: limit, id: owner.identity(key), owner: owner)
                owner.settle(held, key)
                return held
            } catch {
                owner.settle(nil, key)
                throw error
            }
        }
    }

    func acquireAnew(
        waiting limit: Duration?, id: OwnerID, owner: LockOwner?
    ) async throws(CoordinationError) -> HeldLock? {
        let limit = limit ?? self.configuration.waiting
        // Reading the clock is the dearest part of taking a lock in memory, so it is done for those who ask.
        let start = self.configuration.onEvent == nil ? nil : self.keeper.clock.now
        var attempt = self.attempt(by: id)
        if let owner { attempt.onDoubt = { [key = attempt.key] in owner.doubt(key) } }
        let answer: Acquisition
        do throws(LeaseError) {
            if self.isImmediate, limit <= .zero {
                answer = try await attempt.engine.tryAcquire(self.name, owner: id, for: self.configuration.duration)
            } else {
                answer = try await self.room.acquire(attempt, upTo: limit)
            }
        } catch {
            throw CoordinationError(error)
        }
        switch answer {
        case .held(let holder):
            self.report(since: start) { .refused(self.name, holder, waited: $0) }
            return nil
        case .granted(let lease):
            let held = HeldLock(
                lease, engine: attempt.engine, key: attempt.key, permits: self.permits, isImmediate: self.isImmediate,
                configuration: self.configuration, keeper: self.keeper, owner: owner)
            // An answer that took longer than the lease is worth nothing: somebody else may have the lock by now.
            guard self.isImmediate || held.isHeld else {
                _ = try? await held.release()
                throw CoordinationError(
                    .leaseLost, "the lease of \(self.name) was over before the engine's answer arrived")
            }
            self.keeper.keep(held)
            self.report(since: start) { .acquired(lease, waited: $0) }
            return held
        }
    }

    private func attempt(by owner: OwnerID) -> WaitingRoom.Attempt {
        let duration = self.configuration.duration
        switch self.source {
        case .lease(let engine):
            return WaitingRoom.Attempt(
                name: self.name, owner: owner, duration: duration, engine: engine, isImmediate: self.isImmediate)
        case .permits(let engine, let terms):
            let asking = PermitRequest(
                terms.permits, of: self.name, limit: terms.limit, owner: owner, for: duration)
            let claiming = PermitRequest(
                terms.permits, of: self.name, limit: terms.limit, owner: owner, for: duration, claim: terms.claim)
            let plain = PermitLeases(engine, asking)
            return WaitingRoom.Attempt(
                name: self.name, owner: owner, duration: duration, engine: plain,
                contender: terms.claim == nil ? plain : PermitLeases(engine, claiming), claim: terms.claim,
                key: self.key, lane: terms.lane, isImmediate: self.isImmediate)
        }
    }

    private func report(since start: MonotonicInstant?, _ event: (Duration) -> LockEvent) {
        guard let start, let onEvent = self.configuration.onEvent else { return }
        onEvent(event(start.duration(to: self.keeper.clock.now)))
    }

    /// Takes the lease and runs `body` while it is held; see ``HeldLock/conclude(_:)``.
    func hold<Value: Sendable>(
        waiting limit: Duration?, as owner: LockOwner?, _ body: @escaping @Sendable (Lease) async throws -> Value
    ) async throws -> Value {
        guard let held = try await self.acquire(waiting: limit, as: owner) else {
            throw CoordinationError(
                .timedOut, "\(self.subject) was not free within \((limit ?? self.configuration.waiting).text)")
        }
        let result = await held.run { try await body(held.lease) }
        return try await held.conclude(result)
    }
}

extension HeldLock {
    /// Runs `body` in a task that is cancelled when the lease is lost or the calling task is cancelled.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async -> Result<Value, any Error> {
        // A task of its own, because only a task can be cancelled, and the caller's is not ours to cancel.
        let work = startedAtOnce(body)
        self.whenLost { work.cancel() }
        return await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
    }

    /// Gives the lease back after the work under it, and says whether the work was protected to its end.
    func conclude<Value>(_ result: Result<Value, any Error>) async throws -> Value {
        let lossReason = self.lossReason
        let wasHeld: Bool
        do {
            wasHeld = try await self.release()
        } catch {
            // The work is done and was protected to the end; the lease runs out by itself.
            wasHeld = error.code == .unavailable || error.code == .cancelled ? lossReason == nil : false
        }
        if lossReason != nil || !wasHeld {
            throw self.lossError(lossReason ?? .takenAway, result)
        }
        return try result.get()
    }

    func lossError<Value>(_ reason: LockLossReason, _ result: Result<Value, any Error>) -> CoordinationError {
        var cause: (any Error)?
        if case .failure(let error) = result { cause = error }
        return CoordinationError(.leaseLost, "the lease of \(self.name) was lost: \(reason)", cause: cause)
    }
}
