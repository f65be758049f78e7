import ColonyCore

/// The decisions of a circuit breaker: calls and results in, admissions and changes of state out.
///
/// Time is handed in and only ever moves it from `open` to `halfOpen`, and out of `halfOpen` if probes do not come back. Each change
/// starts a new *generation*; a result counts only in the generation in which its call was admitted, so that calls that were slow
/// to fail cannot open a breaker again that has been closed since.
package struct CircuitState: Sendable {
    package enum Admission: Hashable, Sendable {
        /// The call may go on. Probes have numbers from 1; other calls have 0.
        case admitted(probe: UInt64)
        /// The call may not go on, and may ask again after so many nanoseconds if that is known.
        case refused(retryAfter: Int64?)
    }

    private struct Probe: Sendable {
        let number: UInt64
        let start: Int64
    }

    package let rules: CircuitRules
    package private(set) var state = CircuitBreakerState.closed
    package private(set) var generation: UInt64 = 0
    /// Until when the open state lasts.
    package private(set) var openUntil = Int64.min
    package private(set) var window: CircuitWindow
    /// How often in a row the breaker has opened.
    package private(set) var openings = 0
    /// Changes that nobody has been told about.
    package private(set) var changes: [CircuitBreakerEvent] = []

    /// Probes under way, in the order of their start; at most as many as are allowed.
    private var probes: [Probe] = []
    private var probeTally = CircuitTally()
    private var lastProbe: UInt64 = 0
    private var generator: any RandomNumberGenerator & Sendable

    package init(_ rules: CircuitRules, generator: any RandomNumberGenerator & Sendable) {
        self.rules = rules
        self.window = CircuitWindow(rules)
        self.generator = generator
    }

    package var probesUnderWay: Int { self.probes.count }

    /// The results from which the next decision is made.
    package var tally: CircuitTally { self.state == .halfOpen ? self.probeTally : self.window.tally }

    /// Whether no success can open the breaker: there are enough results for a rate, which is below its threshold, and a success only
    /// lowers it. A rate may have reached the threshold without a result, when successes have left a window of time.
    var takesSuccessesLater: Bool {
        let tally = self.window.tally
        return self.state == .closed && tally.calls >= self.rules.minimumCalls
            && self.rules.breach(tally, among: tally.calls) == nil
    }

    package mutating func takeChanges() -> [CircuitBreakerEvent] {
        defer { self.changes = [] }
        return self.changes
    }

    // MARK: Calls

    /// Decides about a call.
    package mutating func admit(at now: Int64) -> Admission {
        self.advance(to: now)
        switch self.state {
        case .closed, .disabled:
            return .admitted(probe: 0)
        case .open:
            return .refused(retryAfter: self.openUntil - now)
        case .forcedOpen:
            return .refused(retryAfter: nil)
        case .halfOpen:
            guard self.probes.count + self.probeTally.calls < self.rules.probes else {
                return .refused(retryAfter: nil)
            }
            self.lastProbe += 1
            self.probes.append(Probe(number: self.lastProbe, start: now))
            return .admitted(probe: self.lastProbe)
        }
    }

    /// Counts what became of a call that was admitted in `generation`.
    ///
    /// - Returns: `false` if the result came too late to count.
    package mutating func record(
        _ result: CircuitResult, generation: UInt64, probe: UInt64, at now: Int64
    ) -> Bool {
        self.advance(to: now)
        guard generation == self.generation else { return false }
        switch self.state {
        case .disabled:
            return true
        case .open, .forcedOpen:
            // Nothing is admitted in these generations.
            return false
        case .closed:
            guard result != .ignored else { return true }
            self.window.add(result, in: self.slice(now))
            self.judgeWindow(at: now)
            return true
        case .halfOpen:
            guard let index = self.probes.firstIndex(where: { $0.number == probe }) else { return false }
            self.probes.remove(at: index)
            guard result != .ignored else { return true }
            self.probeTally.add(result)
            self.judgeProbes(at: now)
            return true
        }
    }

    /// Counts successes that were collected elsewhere in this generation.
    mutating func addSuccesses(_ count: Int, in slice: Int64) {
        self.window.addSuccesses(count, in: slice)
    }

    /// The number of the slice of the window that `now` lies in.
    func slice(_ now: Int64) -> Int64 {
        let width = self.rules.sliceNanoseconds
        return width == 0 ? 0 : now / width
    }

    // MARK: Time

    /// Does what time alone does.
    package mutating func advance(to now: Int64) {
        switch self.state {
        case .closed:
            self.window.advance(to: self.slice(now))
        case .open:
            if now >= self.openUntil { self.enter(.halfOpen, .waitIsOver, CircuitTally(), at: now) }
        case .halfOpen:
            while let first = self.probes.first, now - first.start >= self.rules.probeNanoseconds {
                self.probes.removeFirst()
                self.probeTally.add(.failed)
                self.judgeProbes(at: now)
            }
        case .forcedOpen, .disabled:
            break
        }
    }

    // MARK: Force

    package mutating func forceOpen(at now: Int64) {
        guard self.state != .forcedOpen else { return }
        self.openings = 0
        self.enter(.forcedOpen, .forced, CircuitTally(), at: now)
    }

    package mutating func disable(at now: Int64) {
        guard self.state != .disabled else { return }
        self.openings = 0
        self.enter(.disabled, .forced, CircuitTally(), at: now)
    }

    package mutating func reset(at now: Int64) {
        self.openings = 0
        self.enter(.closed, .reset, CircuitTally(), at: now)
    }

    // MARK: Judging

    private mutating func judgeWindow(at now: Int64) {
        let tally = self.window.tally
        guard tally.calls >= self.rules.minimumCalls, let breach = self.rules.breach(tally, among: tally.calls) else {
            return
        }
        self.open(breach, tally, at: now)
    }

    /// Opens as soon as so many probes have failed that the others cannot change it; closes when all have come back.
    private mutating func judgeProbes(at now: Int64) {
        let tally = self.probeTally
        if let breach = self.rules.breach(tally, among: self.rules.probes) {
            self.open(breach, tally, at: now)
        } else if tally.calls == self.rules.probes {
            self.openings = 0
            self.enter(.closed, .probesSucceeded, tally, at: now)
        }
    }

    private mutating func open(_ reason: CircuitBreakerEvent.Reason, _ tally: CircuitTally, at now: Int64) {
        self.openings += 1
        let wait = self.rules.openNanoseconds(self.openings, using: &self.generator)
        let (end, overflow) = now.addingReportingOverflow(wait)
        self.openUntil = overflow ? .max : end
        self.enter(.open, reason, tally, at: now, wait: .nanoseconds(wait))
    }

    private mutating func enter(
        _ state: CircuitBreakerState, _ reason: CircuitBreakerEvent.Reason, _ tally: CircuitTally, at now: Int64,
        wait: Duration? = nil
    ) {
        self.changes.append(
            CircuitBreakerEvent(
                from: self.state, to: state, reason: reason, instant: MonotonicInstant(nanoseconds: now), tally: tally,
                wait: wait))
        self.state = state
        self.generation += 1
        self.window = CircuitWindow(self.rules)
        self.probes = []
        self.probeTally = CircuitTally()
    }
}
