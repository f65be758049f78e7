public import ColonyCore
import Synchronization

/// Stops calling what fails, and finds out with a few calls when it works again.
///
/// A dependency that is down makes each of its callers wait for a time-out, and each call makes it harder for it to come back. A
/// breaker counts results. When too many fail it *opens* and refuses calls at once; after a wait it is *half-open* and lets through
/// exactly as many probes as it was told, whose results close it or open it again.
///
/// ```swift
/// let breaker = CircuitBreaker(try CircuitBreakerOptions(failureRate: 0.5), name: "payments")
/// let receipt = try await breaker.execute { try await payments.charge(order) }
/// ```
///
/// What is guaranteed, also under any number of concurrent calls:
///
/// - In the half-open state no more probes are admitted than ``CircuitBreakerOptions/probes``. One whose result is ignored, or whose
///   permit is dropped, gives its place back; one that does not come back in time counts as failed.
/// - The result of a call counts in the state in which the call was admitted, or not at all.
/// - No task runs in the background: time moves the breaker when it is asked, so ``state`` is always right.
///
/// Order: a ``Retry`` belongs outside, so that each attempt is counted, and a refusal is not repeated before the wait is over; a ``Timeout`` belongs
/// inside, so that calls that take too long are failures.
///
/// - Complexity: A call in the closed state takes no lock and reads no clock with a window of calls, and reads it once with a
///   window of time. Failures, and successes before there are enough of them for a rate, take a lock: O(1) amortised.
/// - SeeAlso: M. Nygard, *Release It!*, 2007, section 5.2.
public final class CircuitBreaker: ResilienceLayer, Sendable {
    /// What the breaker protects, for logs and metrics.
    public let name: String
    /// When the breaker opens and closes.
    public let options: CircuitBreakerOptions

    private struct Core: Sendable {
        var state: CircuitState
        var successes: UInt64 = 0
        var failures: UInt64 = 0
    }

    private let clock: any MonotonicClock
    private let stripes: CircuitStripes
    private let core: Mutex<Core>
    private let hub = ListenerHub<CircuitBreakerEvent>()
    private let slowNanoseconds: Int64
    private let sliceNanoseconds: Int64

    /// Makes a closed breaker. Nothing runs in the background.
    ///
    /// - Parameters:
    ///   - name: What it protects, for logs and metrics.
    ///   - generator: Where the jitter of the waits comes from.
    public convenience init(
        _ options: CircuitBreakerOptions, name: String = "default", clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.init(options, name: name, clock: clock, generator: generator, stripes: 16)
    }

    init(
        _ options: CircuitBreakerOptions, name: String, clock: any MonotonicClock,
        generator: any RandomNumberGenerator & Sendable, stripes: Int
    ) {
        self.name = name
        self.options = options
        self.clock = clock
        self.stripes = CircuitStripes(count: stripes)
        self.core = Mutex(Core(state: CircuitState(options.rules, generator: generator)))
        self.slowNanoseconds = options.rules.slowNanoseconds
        self.sliceNanoseconds = options.rules.sliceNanoseconds
    }

    /// Makes a closed breaker with the default options.
    public convenience init(
        name: String = "default", clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(ResilienceError) {
        self.init(try CircuitBreakerOptions(), name: name, clock: clock, generator: generator)
    }

    deinit {
        self.stripes.deallocate()
    }

    // MARK: Calls

    /// Runs an operation if the breaker lets it through, and counts what becomes of it.
    ///
    /// - Throws: ``ResilienceError`` with code `circuitOpen`, before the operation was started; its `retryAfter` is the exact rest of
    ///   the wait, or `nil` while probes are under way or the state is forced. Else what the operation throws.
    @inlinable
    public func execute<Value>(_ operation: () async throws -> Value) async throws -> Value {
        let token = try self.admit()
        let value: Value
        do {
            value = try await operation()
        } catch {
            self.fail(token, error)
            throw error
        }
        self.succeed(token)
        return value
    }

    /// Takes a permit for a call whose result is reported by hand, as proxies need it.
    ///
    /// - Throws: ``ResilienceError`` with code `circuitOpen`.
    public func acquire() throws(ResilienceError) -> CircuitPermit {
        CircuitPermit(breaker: self, token: try self.admit())
    }

    /// Takes a permit as ``acquire()`` does, or nothing if the call is refused.
    public func tryAcquire() -> CircuitPermit? {
        do throws(ResilienceError) {
            return CircuitPermit(breaker: self, token: try self.admit())
        } catch {
            return nil
        }
    }

    /// A call that was admitted.
    @usableFromInline
    struct Token: Sendable {
        /// The state and the generation in which it was admitted.
        let word: UInt64
        /// When it was admitted, if slow calls are looked for.
        let start: Int64
        /// The number of the probe, or 0.
        let probe: UInt64
    }

    @usableFromInline
    func admit() throws(ResilienceError) -> Token {
        let word = self.stripes.word.pointee.load(ordering: .acquiring)
        let state = Self.state(of: word)
        if state == .closed || state == .disabled {
            let isTimed = self.slowNanoseconds != .max
            return Token(word: word, start: isTimed ? self.clock.now.nanoseconds : 0, probe: 0)
        }
        return try self.admitWithCare()
    }

    @usableFromInline
    func succeed(_ token: Token) {
        guard self.stripes.word.pointee.load(ordering: .relaxed) == token.word else {
            return self.stripes.countLateResult()
        }
        switch Self.state(of: token.word) {
        case .closed: break
        case .disabled: return
        default:
            let now = self.clock.now.nanoseconds
            return self.settle(token, self.isSlow(token, at: now) ? .slow : .succeeded, at: now)
        }
        guard self.slowNanoseconds != .max || self.sliceNanoseconds != 0 else {
            if self.stripes.countSuccess(generation: token.word >> 3, slice: 0) { return }
            return self.settle(token, .succeeded, at: nil)
        }
        let now = self.clock.now.nanoseconds
        if self.isSlow(token, at: now) { return self.settle(token, .slow, at: now) }
        let slice = self.sliceNanoseconds == 0 ? 0 : now / self.sliceNanoseconds
        if self.stripes.countSuccess(generation: token.word >> 3, slice: slice) { return }
        self.settle(token, .succeeded, at: now)
    }

    @usableFromInline
    func fail(_ token: Token, _ error: any Error) {
        if self.options.ignores(error) { return self.ignore(token) }
        guard self.options.counts(error) else { return self.succeed(token) }
        self.countFailure(token)
    }

    func countFailure(_ token: Token) {
        let now = self.clock.now.nanoseconds
        self.settle(token, self.isSlow(token, at: now) ? .slowAndFailed : .failed, at: now)
    }

    func ignore(_ token: Token) {
        // Only a probe holds something that has to be given back.
        if token.probe != 0 { self.settle(token, .ignored, at: nil) }
    }

    private func isSlow(_ token: Token, at now: Int64) -> Bool {
        self.slowNanoseconds != .max && now - token.start >= self.slowNanoseconds
    }

    // MARK: Under the lock

    private func admitWithCare() throws(ResilienceError) -> Token {
        let now = self.clock.now.nanoseconds
        // An open breaker refuses without a lock. The end of the wait was written before the word that says that it is open.
        if Self.state(of: self.stripes.word.pointee.load(ordering: .acquiring)) == .open {
            let rest = self.stripes.openUntil.pointee.load(ordering: .relaxed) - now
            if rest > 0 { throw self.refusal(.open, retryAfter: rest) }
        }
        let (admission, state, word) = self.change(at: now) { core in
            let admission = core.state.admit(at: now)
            return (admission, core.state.state, Self.word(of: core.state))
        }
        switch admission {
        case .admitted(let probe): return Token(word: word, start: now, probe: probe)
        case .refused(let rest): throw self.refusal(state, retryAfter: rest)
        }
    }

    private func refusal(_ state: CircuitBreakerState, retryAfter nanoseconds: Int64?) -> ResilienceError {
        self.stripes.countRefusal()
        let reason =
            switch state {
            case .halfOpen: "is half-open and all its \(self.options.probes) probes are under way"
            case .forcedOpen: "is held open"
            default: "is open"
            }
        return ResilienceError(
            .circuitOpen, "the circuit breaker \(self.name) \(reason); the call was not started",
            retryAfter: nanoseconds.map { .nanoseconds($0) })
    }

    private func settle(_ token: Token, _ result: CircuitResult, at instant: Int64?) {
        let now = instant ?? self.clock.now.nanoseconds
        let hasCounted = self.change(at: now) { core in
            let before = core.state.state
            let hasCounted = core.state.record(
                result, generation: token.word >> 3, probe: token.probe, at: now)
            if hasCounted, result != .ignored, before != .disabled {
                if result.hasFailed { core.failures += 1 } else { core.successes += 1 }
            }
            return hasCounted
        }
        if !hasCounted { self.stripes.countLateResult() }
    }

    /// Changes the state under the lock: brings in what was counted beside it, lets time pass, and makes the outcome known.
    private func change<Answer: Sendable>(
        at now: Int64, _ body: (inout Core) -> sending Answer
    ) -> sending Answer {
        self.core.withLock { core in
            var armed: UInt64 = 0
            let isClosed = core.state.state == .closed
            if isClosed {
                core.state.advance(to: now)
                armed = self.collect(into: &core)
            }
            let generation = core.state.generation
            let answer = body(&core)
            if core.state.generation != generation || Self.word(of: core.state) != self.publishedWord {
                // Successes that were counted since belong to a generation that is over.
                _ = self.collect(into: &core)
                self.publish(&core.state)
            } else if core.state.takesSuccessesLater {
                self.arm(armed | 1 << UInt64(self.stripes.current), core.state)
            }
            return answer
        }
    }

    private var publishedWord: UInt64 { self.stripes.word.pointee.load(ordering: .relaxed) }

    /// - Returns: A bit for each stripe that was armed.
    private func collect(into core: inout Core) -> UInt64 {
        var armed: UInt64 = 0
        let latest = core.state.window.slice
        for stripe in 0..<self.stripes.count {
            guard let taken = self.stripes.takeSuccesses(of: stripe, latest: latest) else { continue }
            armed |= 1 << UInt64(stripe)
            core.successes += UInt64(taken.count)
            // A word that is out of date means that the generation in which they were counted is over.
            if taken.count > 0, Self.word(of: core.state) == self.publishedWord {
                core.state.addSuccesses(taken.count, in: taken.slice)
            }
        }
        return armed
    }

    private func arm(_ stripes: UInt64, _ state: CircuitState) {
        for stripe in 0..<self.stripes.count where stripes & 1 << UInt64(stripe) != 0 {
            self.stripes.arm(stripe, generation: state.generation, slice: state.window.slice)
        }
    }

    private func publish(_ state: inout CircuitState) {
        self.stripes.openUntil.pointee.store(state.openUntil, ordering: .relaxed)
        self.stripes.word.pointee.store(Self.word(of: state), ordering: .releasing)
        for event in state.takeChanges() {
            self.hub.send(event)
        }
    }

    private static func word(of state: CircuitState) -> UInt64 {
        state.generation << 3 | UInt64(state.state.rawValue)
    }

    private static func state(of word: UInt64) -> CircuitBreakerState {
        CircuitBreakerState(rawValue: UInt8(word & 7)) ?? .forcedOpen
    }
}

// MARK: Looking at it

extension CircuitBreaker {
    /// How the breaker stands now.
    public var state: CircuitBreakerState {
        let state = Self.state(of: self.publishedWord)
        // Time only moves a breaker that is open or half-open.
        guard state == .open || state == .halfOpen else { return state }
        let now = self.clock.now.nanoseconds
        return self.change(at: now) { core in
            core.state.advance(to: now)
            return core.state.state
        }
    }

    /// The state with the figures it is decided from, all of one moment.
    public var snapshot: CircuitBreakerSnapshot {
        let now = self.clock.now.nanoseconds
        return self.change(at: now) { core in
            core.state.advance(to: now)
            return CircuitBreakerSnapshot(
                state: core.state.state, tally: core.state.tally, probesUnderWay: core.state.probesUnderWay,
                retryAfter: core.state.state == .open ? .nanoseconds(core.state.openUntil - now) : nil,
                openings: core.state.openings, totalSuccesses: core.successes, totalFailures: core.failures,
                totalRefusals: self.stripes.refusals, totalLateResults: self.stripes.lateResults)
        }
    }

    /// Every change of state from now on, in order.
    ///
    /// A listener that does not keep up loses the oldest events and keeps the newest `limit`. The stream ends with the
    /// breaker. Each call makes a stream of its own.
    public func events(buffering limit: Int = 64) -> AsyncStream<CircuitBreakerEvent> {
        self.hub.listen(keepingNewest: limit)
    }
}

// MARK: Force

extension CircuitBreaker {
    /// Refuses all calls until ``reset()`` or ``disable()``. A repeat changes nothing.
    public func forceOpen() {
        let now = self.clock.now.nanoseconds
        self.change(at: now) { $0.state.forceOpen(at: now) }
    }

    /// Lets all calls through and counts nothing, until ``reset()`` or ``forceOpen()``. A repeat changes nothing.
    public func disable() {
        let now = self.clock.now.nanoseconds
        self.change(at: now) { $0.state.disable(at: now) }
    }

    /// Closes the breaker and forgets all results, also of calls that are under way.
    public func reset() {
        let now = self.clock.now.nanoseconds
        self.change(at: now) { $0.state.reset(at: now) }
    }

    /// Closes the breaker if its state is forced.
    func endForce() {
        let now = self.clock.now.nanoseconds
        self.change(at: now) { core in
            guard core.state.state == .forcedOpen || core.state.state == .disabled else { return }
            core.state.reset(at: now)
        }
    }
}
