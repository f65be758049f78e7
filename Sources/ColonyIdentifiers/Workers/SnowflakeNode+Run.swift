import ColonyCore
import Synchronization

extension SnowflakeNode {
    /// A worker number in use, and up to where its ticks are reserved.
    struct Holding: Sendable {
        let worker: Int
        let lease: Lease?
        let ceiling: Int64
    }

    /// Gets a worker number, keeps it, and gets another when it is lost, until the task is cancelled; then gives it back.
    ///
    /// What may pass, such as a store that does not answer or a namespace without a free number, is tried again with
    /// growing waits; ``status`` shows it meanwhile.
    ///
    /// - Throws: ``IdentifierError`` for what does not pass: `schemeMismatch`, `invalidRequest`, `epochOver`,
    ///   `segmentsExhausted`. A cancelled run returns.
    public func run() async throws(IdentifierError) {
        var failures = 0
        defer { self.generator.suspend() }
        while !Task.isCancelled {
            do throws(IdentifierError) {
                let holding = try await self.obtain()
                self.note(holding)
                failures = 0
                let outcome = await self.keep(holding)
                await self.giveBack(holding)
                try outcome.get()
            } catch {
                if error.code == .cancelled { return }
                self.note(error)
                guard error.mayPass else {
                    self.generator.end(because: error)
                    throw error
                }
                failures += 1
                let pause = self.chance.withLock { chance in
                    Self.delay(self.plan.configuration.backoff, after: failures, using: &chance)
                }
                guard (try? await self.clock.sleep(for: pause)) != nil else { return }
            }
        }
    }

    /// Runs the node while `body` runs, for programs without a group of services.
    public func withNode<Result: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: (SnowflakeNode) async throws -> Result
    ) async throws -> Result {
        // A task of its own does not inherit the executor, which matters where the executor is a simulated one.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let running = Task(executorPreference: executor) { try await self.run() }
        do {
            let result = try await body(self)
            running.cancel()
            _ = await running.result
            return result
        } catch {
            running.cancel()
            // A run that failed is what the body's failure comes from.
            if case .failure(let cause) = await running.result { throw cause }
            throw error
        }
    }

    private static func delay<Chance: RandomNumberGenerator>(
        _ backoff: Backoff, after failures: Int, using chance: inout Chance
    ) -> Duration {
        backoff.delay(after: failures, using: &chance)
    }
}

// MARK: Obtaining

extension SnowflakeNode {
    private func obtain() async throws(IdentifierError) -> Holding {
        // The first to come writes the layout down, and everybody else is compared with it.
        let namespaceTag = try self.plan.namespaceTag()
        _ = try await self.take(SegmentRequest(namespaceTag, count: 1, scheme: self.layout.scheme))
        switch self.workers.kind {
        case .fixed(let worker):
            return try await self.begin(worker, lease: nil)
        case .leased(let engine, let remembered):
            do throws(IdentifierError) {
                let (worker, lease) = try await self.leaseWorker(from: engine, remembered: remembered)
                do throws(IdentifierError) {
                    return try await self.begin(worker, lease: lease)
                } catch {
                    await self.release(lease, from: engine)
                    throw error
                }
            } catch {
                // Without the engine nobody knows whether another holds the number. It is safe all the same where every
                // holder reserves in the same store; elsewhere it is not, and the node stays silent.
                guard error.code == .unavailable, let remembered, self.plan.momentsReachAllHolders else { throw error }
                return try await self.begin(remembered, lease: nil)
            }
        }
    }

    /// Reserves the first ticks of a holder and lets the generator begin.
    private func begin(_ worker: Int, lease: Lease?) async throws(IdentifierError) -> Holding {
        let node = try self.layout.node(datacenter: self.plan.datacenter, worker: worker)
        let request = try self.plan.firstReservation(of: worker, at: self.generator.presentTick)
        let range = try await self.take(request).range
        self.generator.issue(
            for: node, after: UInt64(range.lowerBound) - 1, through: UInt64(range.upperBound) - 1,
            until: lease.map(self.plan.validity) ?? MonotonicInstant(nanoseconds: .max))
        return Holding(worker: worker, lease: lease, ceiling: range.upperBound - 1)
    }

    private func leaseWorker(
        from engine: any LeaseEngine, remembered: Int?
    ) async throws(IdentifierError) -> (Int, Lease) {
        let start = self.chance.withLock { $0.next() as UInt64 }
        for worker in self.plan.candidates(from: start, remembered: remembered) {
            let name = try self.plan.leaseName(of: worker)
            let answer = try await self.call { [owner, plan] () async throws(LeaseError) in
                try await engine.tryAcquire(name, owner: owner, for: plan.configuration.leaseDuration)
            }
            if case .granted(let lease) = answer { return (worker, lease) }
        }
        throw IdentifierError(
            .noWorkerFree,
            "all \(self.layout.workers.count) worker numbers of \(NameRules.quoted(self.namespace)) are held by others")
    }
}

// MARK: Keeping

extension SnowflakeNode {
    /// Keeps what is held until it is lost or the task is cancelled.
    private func keep(_ held: Holding) async -> Result<Void, IdentifierError> {
        defer { self.generator.suspend() }
        return await withTaskGroup(of: Result<Void, IdentifierError>.self) { group in
            group.addTask { await self.keepReserving(held) }
            if case .leased(let engine, _) = self.workers.kind {
                if let lease = held.lease {
                    group.addTask { await self.keepRenewing(lease, at: engine) }
                    group.addTask { await self.watchValidity() }
                } else {
                    group.addTask { await self.awaitEngine(engine) }
                }
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? .success(())
        }
    }

    private func keepReserving(_ held: Holding) async -> Result<Void, IdentifierError> {
        var ceiling = held.ceiling
        var failures = 0
        while true {
            do throws(IdentifierError) {
                let present = try self.generator.presentTick
                let pause = self.plan.pauseBeforeReservation(at: present, reservedThrough: ceiling)
                guard pause == .zero else {
                    // The pause is counted on another clock than the ticks, which may jump ahead meanwhile.
                    try await self.pause(min(pause, self.plan.configuration.reservation / 4))
                    continue
                }
                let range = try await self.take(
                    self.plan.furtherReservation(of: held.worker, at: present)
                ).range
                if range.lowerBound == ceiling + 1 {
                    self.generator.extend(through: UInt64(range.upperBound) - 1)
                } else {
                    // What lies between was never this node's: the clock ran past the reservation, or another holder of
                    // the number took it.
                    try self.generator.skip(
                        to: UInt64(range.lowerBound), through: UInt64(range.upperBound) - 1,
                        node: self.layout.node(datacenter: self.plan.datacenter, worker: held.worker))
                }
                ceiling = range.upperBound - 1
                failures = 0
                self.state.withLock {
                    $0.reservedThrough = self.time(of: ceiling)
                    $0.failure = nil
                }
            } catch {
                guard error.mayPass, error.code != .cancelled else { return .failure(error) }
                failures += 1
                self.note(error)
                let pause = self.chance.withLock { chance in
                    Self.delay(self.plan.configuration.backoff, after: failures, using: &chance)
                }
                do throws(IdentifierError) { try await self.pause(pause) } catch { return .failure(error) }
            }
        }
    }

    private func keepRenewing(_ first: Lease, at engine: any LeaseEngine) async -> Result<Void, IdentifierError> {
        var lease = first
        var failures = 0
        while true {
            do throws(IdentifierError) {
                let pause =
                    failures == 0
                    ? self.clock.now.duration(to: self.plan.renewal(of: lease))
                    : self.chance.withLock { chance in
                        Self.delay(self.plan.configuration.backoff, after: failures, using: &chance)
                    }
                try await self.pause(pause)
                let present = lease
                let renewed = try await self.call { () async throws(LeaseError) in
                    try await engine.renew(present, for: present.duration)
                }
                guard let renewed else {
                    return .failure(
                        IdentifierError(.workerLost, "the lease of \(present.name) ended and may be another's"))
                }
                lease = renewed
                failures = 0
                self.generator.extend(until: self.plan.validity(of: renewed))
            } catch {
                guard error.mayPass, error.code != .cancelled else { return .failure(error) }
                failures += 1
                self.note(error)
            }
        }
    }

    /// Silences the generator when the lease is no longer sure, also within a tick that was begun in time.
    private func watchValidity() async -> Result<Void, IdentifierError> {
        while true {
            let validity = self.generator.validUntil
            guard self.clock.now < validity else {
                self.generator.suspend()
                return .failure(IdentifierError(.workerLost, "the lease of the worker number was not renewed in time"))
            }
            do {
                try await self.clock.sleep(until: validity, tolerance: nil)
            } catch {
                return .failure(IdentifierError(.cancelled, "the node was stopped", cause: error))
            }
        }
    }

    /// Returns as soon as the engine answers again, so that a remembered number is exchanged for a leased one.
    private func awaitEngine(_ engine: any LeaseEngine) async -> Result<Void, IdentifierError> {
        var failures = 1
        while true {
            do throws(IdentifierError) {
                let pause = self.chance.withLock { chance in
                    Self.delay(self.plan.configuration.backoff, after: failures, using: &chance)
                }
                try await self.pause(pause)
                let name = try self.plan.leaseName(of: 0)
                _ = try await self.call { () async throws(LeaseError) in try await engine.inspect(name) }
                return .success(())
            } catch {
                guard error.mayPass, error.code != .cancelled else { return .failure(error) }
                failures += 1
            }
        }
    }
}

// MARK: Calls to the stores

extension SnowflakeNode {
    private func take(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        let limit = self.plan.configuration.callLimit
        let moments = self.moments
        return try await BoundedCall.run(
            upTo: limit, on: self.clock,
            timeOut: IdentifierError(.unavailable, "the store of the moments did not answer within \(limit.text)")
        ) { () async throws(IdentifierError) in
            try await moments.takeSegment(request)
        }
    }

    private func call<Answer: Sendable>(
        _ request: @escaping @Sendable () async throws(LeaseError) -> Answer
    ) async throws(IdentifierError) -> Answer {
        let limit = self.plan.configuration.callLimit
        do {
            return try await BoundedCall.run(
                upTo: limit, on: self.clock,
                timeOut: LeaseError(.unavailable, "the engine of the leases did not answer within \(limit.text)"),
                request)
        } catch {
            throw IdentifierError(error)
        }
    }

    private func giveBack(_ holding: Holding) async {
        guard let lease = holding.lease, case .leased(let engine, _) = self.workers.kind else { return }
        await self.release(lease, from: engine)
    }

    /// Gives a number back also when the task is cancelled; if that fails, the lease runs out by itself.
    private func release(_ lease: Lease, from engine: any LeaseEngine) async {
        let limit = self.plan.configuration.callLimit
        _ = try? await BoundedCall.run(
            upTo: limit, on: self.clock, isShielded: true,
            timeOut: LeaseError(.unavailable, "the engine of the leases did not answer within \(limit.text)")
        ) { () async throws(LeaseError) in
            try await engine.release(lease.name, owner: lease.owner, token: lease.token)
        }
    }

    private func pause(_ duration: Duration) async throws(IdentifierError) {
        do {
            try await self.clock.sleep(for: max(duration, .zero))
        } catch {
            throw IdentifierError(.cancelled, "the node was stopped", cause: error)
        }
    }
}

// MARK: What an operator sees

extension SnowflakeNode {
    private func note(_ holding: Holding) {
        self.state.withLock {
            $0 = Status(
                worker: holding.worker, isLeased: holding.lease != nil,
                reservedThrough: self.time(of: holding.ceiling), failure: nil)
        }
    }

    private func note(_ failure: IdentifierError) {
        self.state.withLock { status in
            status.failure = failure
        }
    }

    private func time(of tick: Int64) -> WallTime {
        self.layout.epoch.advanced(by: .milliseconds((tick + 1) * self.layout.tickMilliseconds - 1))
    }
}

extension IdentifierError {
    /// Whether the same attempt may succeed later.
    var mayPass: Bool {
        switch self.code {
        case .unavailable, .storageFailed, .noWorkerFree, .workerLost, .clockMovedBack, .epochNotBegun: true
        default: false
        }
    }

    /// What a failure of the engine of the leases means here.
    init(_ error: LeaseError) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .invalidRequest: .invalidRequest
            case .storageFailed: .storageFailed
            case .closed: .closed
            default: .unavailable
            }
        self.init(code, error.message, cause: error)
    }
}
