public import ColonyCore
import Synchronization

/// What the body of a case works with: two clients of one store, names and owners that nobody else uses, and time.
///
/// `Engine` is the port that is put to the test, such as `any LeaseEngine`; what is asked of it stands in extensions.
public struct CaseContext<Engine: Sendable>: Sendable {
    /// One client of the store.
    public let engine: Engine
    /// Another client of the same store.
    public let other: Engine
    /// What made the clients.
    public let harness: any LeaseHarness
    /// What all names and owners of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String
    /// The names that the case has made, to clean up after it.
    let used = UsedNames()

    /// Makes the context of one run of one case.
    ///
    /// - Parameter prefix: Used by no other run, and at most 100 bytes.
    public init(engine: Engine, other: Engine, harness: any LeaseHarness, prefix: String) {
        self.engine = engine
        self.other = other
        self.harness = harness
        self.prefix = prefix
    }

    // MARK: Names and owners

    /// A name of this case.
    public func name(_ text: String = "job") throws -> LeaseName {
        let name = try LeaseName(self.prefix + text)
        self.used.insert(name)
        return name
    }

    /// An owner of this case; the same number gives the same owner.
    public func owner(_ number: Int) throws -> OwnerID {
        try OwnerID("\(self.prefix)owner-\(number)")
    }

    // MARK: Time

    /// A lease that does not run out while a case is running, however slow the machine.
    /// Twice as much is a legal duration, too.
    public var ample: Duration { min(.seconds(600), self.harness.longestLease / 2) }

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

    /// Asks again and again, letting time pass, until there is an answer.
    ///
    /// - Parameter limit: At the scale of the harness: after this time and its grace, the case fails.
    /// - Returns: The answer, and a moment not before it.
    func answer<Value>(
        upTo limit: Duration, _ what: String, _ ask: () async throws -> Value?
    ) async throws -> (value: Value, at: MonotonicInstant) {
        let end = self.now.advanced(by: self.scaled(limit) + self.harness.grace)
        while true {
            if let value = try await ask() { return (value, self.now) }
            try expect(self.now < end, "\(what): not within \(self.scaled(limit).text)")
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

    // MARK: Errors

    /// Fails unless a call is refused with `code`.
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

    /// Fails unless a task that was cancelled ends promptly and says so.
    func expectCancelled<Value: Sendable>(_ task: LeaseCaseTask<Value>, _ what: String) async throws {
        switch try await self.promptOutcome(of: task, what) {
        case .success:
            throw ConformanceFailure("\(what) ended as if nothing had happened")
        case .failure(let error as LeaseError):
            try expect(error.code == .cancelled, "\(what) threw \(error)")
        case .failure(let error):
            throw ConformanceFailure("\(what) threw \(error)")
        }
    }
}

/// The names that a case has made.
final class UsedNames: Sendable {
    private let names = Mutex<Set<LeaseName>>([])

    func insert(_ name: LeaseName) { self.names.withLock { _ = $0.insert(name) } }

    var all: Set<LeaseName> { self.names.withLock { $0 } }
}
