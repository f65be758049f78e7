public import ColonyCore
import Synchronization

/// Runs something once for each key, however often it is asked for, and gives those who repeat it the first outcome.
///
/// ```swift
/// let payments = Idempotency<Receipt>("payments", on: store, codec: .json, try IdempotencyOptions())
/// let receipt = try await payments.execute(key, fingerprint: digest) { try await bank.charge(order) }
/// ```
///
/// **What holds.** While an outcome is stored, the operation does not run again under its key. While it runs, nobody else runs it: a
/// duplicate waits, at most for ``IdempotencyOptions/waitLimit`` and until its deadline, and then gets the outcome or `inFlight`.
///
/// **What does not.** A process that crashes between the effect and the store leaves the effect without an outcome; after the lease the next
/// call runs the operation again. If that must not be, write the effect and the outcome in one transaction, or give the key on to who
/// has the effect.
///
/// - Important: An operation that fails gives its key up, and the next call runs it again, unless
///   ``IdempotencyOptions/storedFailure`` keeps the error. Let it leave nothing behind when it throws, or be safe to repeat.
public final class Idempotency<Value: Sendable>: Sendable {
    /// Its name, for metrics and logs.
    public let name: String

    let store: any IdempotencyStore
    let codec: IdempotencyCodec<Value>
    let options: IdempotencyOptions
    let clock: any MonotonicClock
    let generator: Mutex<any RandomNumberGenerator & Sendable>
    let hub = ListenerHub<IdempotencyEvent>()
    let counts = Mutex(IdempotencyStatistics())

    /// Makes it on a store.
    ///
    /// - Parameters:
    ///   - name: For metrics and logs.
    ///   - store: Whoever shares it shares the keys.
    ///   - codec: How values become bytes.
    ///   - clock: What it waits on.
    ///   - generator: Where the jitter of its waits comes from.
    public init(
        _ name: String, on store: any IdempotencyStore, codec: IdempotencyCodec<Value>, _ options: IdempotencyOptions,
        clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.name = name
        self.store = store
        self.codec = codec
        self.options = options
        self.clock = clock
        self.generator = Mutex(generator)
    }

    /// Runs an operation under a key, or gives its stored outcome.
    ///
    /// A cancellation of the call reaches the operation; the key is given up then, and nothing is held.
    ///
    /// - Parameters:
    ///   - fingerprint: What is asked for; see ``IdempotencyFingerprint``.
    ///   - operation: Runs at most once in this call.
    /// - Throws: What the operation throws; ``StoredFailure`` for a stored error; `CancellationError`; ``ResilienceError`` with code
    ///   `inFlight` if another call has not ended in time, `deadlineExceeded` if the
    ///   deadline has passed before the operation was started, `keyReused` if the key belongs to another request, `unavailable` or `closed` if
    ///   the store fails before the operation was started. What the codec throws for a stored outcome is thrown as it is.
    public func execute(
        _ key: IdempotencyKey, fingerprint: IdempotencyFingerprint = .none, _ operation: () async throws -> Value
    ) async throws -> Value {
        let request = IdempotencyRequest(
            key, fingerprint: fingerprint, owner: .unique(), lease: self.options.lease)
        guard let outcome = try await self.outcome(request) else {
            return try await self.run(request, operation)
        }
        self.counts.withLock { $0.replayed += 1 }
        self.hub.send(.replayed(key))
        switch outcome.kind {
        case .value: return try self.codec.decode(outcome.bytes)
        case .failure: throw StoredFailure(key: key, bytes: outcome.bytes)
        }
    }

    /// Takes the key, or gives the outcome that is stored, after a wait if another call runs.
    private func outcome(_ request: IdempotencyRequest) async throws -> IdempotencyOutcome? {
        try Deadline.check(on: self.clock)
        let end = Deadline.earlier(of: self.clock.now.advanced(by: self.options.waitLimit))
        var polls = 0
        var held: Duration?
        var pause = Duration.zero
        while true {
            switch try await self.firstAnswer(request, isHeldFor: held) {
            case .started:
                do throws(ResilienceError) {
                    try Deadline.check(on: self.clock)
                } catch {
                    await self.giveUp(request)
                    throw error
                }
                return nil
            case .stored(let outcome):
                return outcome
            case .conflict:
                self.counts.withLock { $0.refused += 1 }
                self.hub.send(.refused(request.key))
                throw ResilienceError(
                    .keyReused, "the key \(request.key) of \(self.name) was used for a request with another content")
            case .inFlight(let remaining):
                if polls == 0 { self.counts.withLock { $0.waited += 1 } }
                polls += 1
                let now = self.clock.now
                guard now < end else { throw self.late(request, isHeldFor: remaining) }
                held = remaining
                pause = self.generator.withLock { [pause] in
                    self.options.polls.delay(after: polls, previous: pause, using: &$0)
                }
                try await self.clock.sleep(until: min(end, now.advanced(by: pause)), tolerance: nil)
            }
        }
    }

    /// Asks the store for a key, until the deadline at most. A key that it may have taken without saying so is given up.
    ///
    /// - Parameter held: For how long another call holds the key, as the last answer said.
    private func firstAnswer(
        _ request: IdempotencyRequest, isHeldFor held: Duration?
    ) async throws -> IdempotencyAnswer {
        let left = Deadline.current?.remaining(on: self.clock)
        if let left, left <= .zero { throw self.late(request, isHeldFor: held) }
        do {
            return try await self.begin(request, upTo: min(left ?? self.options.callLimit, self.options.callLimit))
        } catch let error as CancellationError {
            self.abandonLater(request)
            throw error
        } catch let error as ResilienceError where error.code == .unavailable {
            self.abandonLater(request)
            if let deadline = Deadline.current, deadline.hasPassed(on: self.clock) {
                throw self.late(request, isHeldFor: held, cause: error)
            }
            throw error
        }
    }

    private func late(
        _ request: IdempotencyRequest, isHeldFor held: Duration?, cause: (any Error)? = nil
    ) -> ResilienceError {
        guard let held else {
            return ResilienceError(
                .deadlineExceeded,
                "the deadline passed before the call with the key \(request.key) of \(self.name) was started",
                cause: cause)
        }
        return ResilienceError(
            .inFlight, "another call with the key \(request.key) of \(self.name) is under way and did not end in time",
            retryAfter: held, cause: cause)
    }

    /// What has happened so far.
    public var statistics: IdempotencyStatistics { self.counts.withLock { $0 } }

    /// What happens from now on.
    ///
    /// - Parameter limit: How many events are kept for a slow reader, at least one: the latest; older ones are dropped.
    public func events(buffering limit: Int = 64) -> AsyncStream<IdempotencyEvent> {
        self.hub.listen(keepingNewest: limit)
    }
}
