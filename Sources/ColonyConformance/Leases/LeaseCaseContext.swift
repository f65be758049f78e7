public import ColonyCore

/// What the body of a ``LeaseCase`` works with: two clients of one store, names and owners that nobody else uses, and time.
public struct LeaseCaseContext: Sendable {
    /// One client of the store.
    public let engine: any LeaseEngine
    /// Another client of the same store.
    public let other: any LeaseEngine
    /// What made the clients.
    public let harness: any LeaseHarness
    /// What all names and owners of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String

    /// Makes the context of one run of one case.
    ///
    /// - Parameter prefix: Used by no other run, and at most 100 bytes.
    public init(engine: any LeaseEngine, other: any LeaseEngine, harness: any LeaseHarness, prefix: String) {
        self.engine = engine
        self.other = other
        self.harness = harness
        self.prefix = prefix
    }

    // MARK: Names and owners

    /// A name of this case.
    public func name(_ text: String = "job") throws -> LeaseName {
        try LeaseName(self.prefix + text)
    }

    /// An owner of this case; the same number gives the same owner.
    public func owner(_ number: Int) throws -> OwnerID {
        try OwnerID("\(self.prefix)owner-\(number)")
    }

    // MARK: Time

    /// A lease that does not run out while a case is running, however slow the machine.
    public var ample: Duration { .seconds(600) }

    /// `duration` at the scale of the harness, and legal as the duration of a lease.
    public func scaled(_ duration: Duration) -> Duration {
        max(duration * self.harness.timeScale, LeaseLimits.duration.lowerBound)
    }

    /// The time on the clock on which cases measure.
    public var now: MonotonicInstant { self.harness.clock.now }

    /// Lets `duration`, at the scale of the harness, pass on the engine's clock.
    public func pass(_ duration: Duration) async throws {
        try await self.harness.advance(by: self.scaled(duration))
    }

    /// The full amount of something, reduced to the effort of the harness.
    public func amount(_ full: Int, atLeast minimum: Int = 1) -> Int {
        max(minimum, Int(Double(full) * self.harness.effort))
    }

    // MARK: Asking

    /// A lease that has to be granted.
    public func grant(
        _ name: LeaseName, to number: Int, for duration: Duration, on engine: (any LeaseEngine)? = nil
    ) async throws -> Lease {
        let owner = try self.owner(number)
        let answer = try await (engine ?? self.engine).tryAcquire(name, owner: owner, for: duration)
        switch answer {
        case .granted(let lease):
            try expect(lease.name == name, "the lease is for \(lease.name), and \(name) was asked for")
            try expect(lease.owner == owner, "the lease belongs to \(lease.owner), and \(owner) had asked")
            return lease
        case .held(let holder):
            throw ConformanceFailure("owner \(number) was refused \(name), which was free: held by \(holder.owner)")
        }
    }

    /// A lease that has to be refused.
    @discardableResult
    public func refusal(
        _ name: LeaseName, to number: Int, for duration: Duration? = nil, on engine: (any LeaseEngine)? = nil
    ) async throws -> LeaseHolder {
        let owner = try self.owner(number)
        let answer = try await (engine ?? self.engine).tryAcquire(name, owner: owner, for: duration ?? self.ample)
        switch answer {
        case .granted(let lease):
            throw ConformanceFailure(
                "owner \(number) was granted \(name) with token \(lease.token) while another holds it")
        case .held(let holder):
            return holder
        }
    }

    /// Asks for a held name until it is granted.
    ///
    /// - Parameter limit: At the scale of the harness: after this time and its grace, the case fails.
    /// - Returns: The lease, and a moment not before the grant.
    public func grantEventually(
        _ name: LeaseName, to number: Int, for duration: Duration, upTo limit: Duration,
        on engine: (any LeaseEngine)? = nil
    ) async throws -> (lease: Lease, at: MonotonicInstant) {
        let owner = try self.owner(number)
        let end = self.now.advanced(by: self.scaled(limit) + self.harness.grace)
        while true {
            let answer = try await (engine ?? self.engine).tryAcquire(name, owner: owner, for: duration)
            if let lease = answer.lease { return (lease, self.now) }
            try expect(self.now < end, "\(name) was not granted within \(self.scaled(limit).text)")
            try await self.pass(.milliseconds(250))
        }
    }

    // MARK: Tasks

    /// Starts a task whose end the case can wait for without being stuck if it never comes.
    public func start<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) -> LeaseCaseTask<Value> {
        LeaseCaseTask(operation)
    }

    /// Waits for a task to end, letting the engine's time pass.
    ///
    /// - Parameter limit: At the scale of the harness: after this time and its grace, the case fails.
    public func outcome<Value: Sendable>(
        of task: LeaseCaseTask<Value>, upTo limit: Duration, _ what: String
    ) async throws -> Result<Value, any Error> {
        let end = self.now.advanced(by: self.scaled(limit) + self.harness.grace)
        while true {
            if let outcome = task.outcome { return outcome }
            guard self.now < end else {
                // A clock that is moved by hand may have outrun a task that is ready and has no thread yet.
                if let outcome = await task.outcome(within: self.harness.patience) { return outcome }
                task.cancel()
                throw ConformanceFailure("\(what) did not end within \(self.scaled(limit).text)")
            }
            try await self.harness.settle()
            if let outcome = task.outcome { return outcome }
            try await self.pass(.milliseconds(250))
        }
    }

    /// Waits for a task to end while the engine's time stands still or hardly passes.
    ///
    /// The limit is the patience of the harness, in real time.
    public func promptOutcome<Value: Sendable>(
        of task: LeaseCaseTask<Value>, _ what: String
    ) async throws -> Result<Value, any Error> {
        let limit = self.harness.patience
        if let outcome = await task.outcome(within: limit) { return outcome }
        task.cancel()
        throw ConformanceFailure("\(what) did not end promptly, not even within \(limit.text) of real time")
    }

    /// Looks again and again until `condition` holds.
    ///
    /// The limit is the patience of the harness, in real time.
    public func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let clock = HostClock()
        let limit = self.harness.patience
        let end = clock.now.advanced(by: limit)
        while try await !condition() {
            try expect(clock.now < end, "\(what): not within \(limit.text) of real time")
            try await clock.sleep(for: .milliseconds(2))
        }
    }

    /// What a call throws that has to be refused with `code`.
    public func expectRefusal(
        _ code: LeaseError.Code, _ what: String, _ call: () async throws -> Void
    ) async throws {
        do {
            try await call()
        } catch let error as LeaseError {
            try expect(
                error.code == code, "\(what) was refused with \(error.code), and \(code) was expected: \(error.message)"
            )
            return
        }
        throw ConformanceFailure("\(what) was not refused with \(code)")
    }
}

extension LeaseCaseContext {
    /// Breaks what the case has left behind, as far as the engine can and answers. What is not broken runs out.
    func cleanUp() async {
        guard let engine = self.engine as? any LeaseAdministration else { return }
        let prefix = self.prefix
        let task = self.start {
            while true {
                let page = try await engine.records(withPrefix: prefix, after: nil, limit: LeaseLimits.batch)
                if page.isEmpty { return }
                for record in page { _ = try await engine.breakLease(record.name) }
            }
        }
        _ = await task.outcome(within: self.harness.patience)
        task.cancel()
    }
}
