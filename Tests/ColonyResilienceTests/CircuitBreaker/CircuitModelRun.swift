import ColonyCore
import ColonyResilience
import ColonySimulation

/// A circuit breaker in its plainest form: it keeps every result and counts anew for each question.
struct NaiveCircuit {
    struct Call {
        let generation: Int
        let start: Int64
        let isProbe: Bool
        let id: Int
    }

    let options: CircuitBreakerOptions
    var state = CircuitBreakerState.closed
    var generation = 0
    var openUntil: Int64 = 0
    var results: [(time: Int64, failed: Bool, slow: Bool)] = []
    var probes: [Call] = []
    var nextID = 0

    var tally: (calls: Int, failures: Int, slow: Int) {
        (self.results.count, self.results.count(where: \.failed), self.results.count(where: \.slow))
    }

    mutating func enter(_ state: CircuitBreakerState) {
        self.state = state
        self.generation += 1
        self.results = []
        self.probes = []
    }

    func isBad(_ count: Int, _ rate: Double, _ calls: Int) -> Bool { count * 100 >= Int(rate * 100) * calls }

    mutating func judge(at now: Int64) {
        let tally = self.tally
        let calls = self.state == .halfOpen ? self.options.probes : tally.calls
        if self.state == .closed, calls < self.options.minimumCalls { return }
        let slowRate = self.options.slowCalls?.rate ?? 2
        if self.isBad(tally.failures, self.options.failureRate, calls) || self.isBad(tally.slow, slowRate, calls) {
            self.enter(.open)
            self.openUntil = now + 1_000_000_000
        } else if self.state == .halfOpen, tally.calls == calls {
            self.enter(.closed)
        }
    }

    mutating func forget(at now: Int64) {
        guard self.state == .closed else { return }
        switch self.options.window {
        case .calls(let size): self.results = self.results.suffix(size)
        case .time:
            // Slices of 100 ms.
            self.results.removeAll { $0.time / 100_000_000 <= now / 100_000_000 - 10 }
        }
    }

    mutating func pass(to now: Int64) {
        self.forget(at: now)
        if self.state == .open, now >= self.openUntil { self.enter(.halfOpen) }
        while self.state == .halfOpen, let first = self.probes.first, now - first.start >= 3_000_000_000 {
            self.probes.removeFirst()
            self.results.append((now, true, false))
            self.judge(at: now)
        }
    }

    mutating func admit(at now: Int64) -> Call? {
        self.pass(to: now)
        self.nextID += 1
        let call = Call(generation: self.generation, start: now, isProbe: self.state == .halfOpen, id: self.nextID)
        switch self.state {
        case .closed, .disabled: return call
        case .open, .forcedOpen: return nil
        case .halfOpen:
            guard self.probes.count + self.results.count < self.options.probes else { return nil }
            self.probes.append(call)
            return call
        }
    }

    mutating func end(_ call: Call, failed: Bool?, at now: Int64) {
        self.pass(to: now)
        guard call.generation == self.generation, self.state != .disabled else { return }
        if call.isProbe {
            guard let index = self.probes.firstIndex(where: { $0.id == call.id }) else { return }
            self.probes.remove(at: index)
        }
        guard let failed else { return }
        let isSlow = self.options.slowCalls.map { .nanoseconds(now - call.start) >= $0.duration } ?? false
        self.results.append((now, failed, isSlow))
        self.forget(at: now)
        self.judge(at: now)
    }
}

/// The breaker and the naive model on the same random schedule.
struct CircuitModelRun {
    private let clock = ManualClock()
    private let breaker: CircuitBreaker
    private var model: NaiveCircuit
    private var random: SeededGenerator
    private var underWay: [(NaiveCircuit.Call, HeldPermit)] = []
    /// How likely a call fails at present.
    private var trouble = 0.2

    var state: CircuitBreakerState { self.breaker.state }

    init(seed: Seed) throws {
        self.random = SeededGenerator(seed: seed)
        let size = Int.random(in: 1...20, using: &self.random)
        let options = try CircuitBreakerOptions(
            window: Bool.random(using: &self.random) ? .calls(size) : .time(.seconds(1)),
            failureRate: Double(Int.random(in: 1...4, using: &self.random)) / 4,
            slowCalls: Bool.random(using: &self.random) ? .init(longerThan: .milliseconds(200), rate: 0.75) : nil,
            minimumCalls: Int.random(in: 1...size, using: &self.random), wait: .init(.seconds(1)),
            probes: Int.random(in: 1...5, using: &self.random), probeTimeout: .seconds(3))
        self.breaker = CircuitBreaker(options, clock: self.clock)
        self.model = NaiveCircuit(options: options)
    }

    /// - Returns: In what they differ, if they do.
    mutating func step() -> String? {
        let now = self.clock.now.nanoseconds
        switch Int.random(in: 0..<1_000, using: &self.random) {
        case 0..<450:
            let call = self.model.admit(at: now)
            let permit = HeldPermit(of: self.breaker)
            if (call == nil) != (permit == nil) { return "one admits, the other does not: \(String(describing: call))" }
            if let call, let permit { self.underWay.append((call, permit)) }
            // Most calls end at once, so that there are enough of them between two changes of the state.
            if Bool.random(using: &self.random) { self.endOne(at: now) }
        case 450..<800: self.endOne(at: now)
        case 800..<960: self.clock.advance(by: .milliseconds(Int.random(in: 1...150, using: &self.random)))
        case 960..<970: self.clock.advance(by: .milliseconds(Int.random(in: 500...4_000, using: &self.random)))
        case 970..<985: self.trouble = Double.random(in: 0...1, using: &self.random)
        case 985..<988:
            if self.model.state != .forcedOpen { self.model.enter(.forcedOpen) }
            self.breaker.forceOpen()
        case 988..<991:
            if self.model.state != .disabled { self.model.enter(.disabled) }
            self.breaker.disable()
        default:
            self.model.enter(.closed)
            self.breaker.reset()
        }
        return self.difference()
    }

    private mutating func endOne(at now: Int64) {
        guard !self.underWay.isEmpty else { return }
        let (call, held) = self.underWay.remove(at: Int.random(in: 0..<self.underWay.count, using: &self.random))
        guard let permit = held.take() else { return }
        if self.random.happens(withProbability: 0.1) {
            self.model.end(call, failed: nil, at: now)
            permit.ignore()
        } else if self.random.happens(withProbability: self.trouble) {
            self.model.end(call, failed: true, at: now)
            permit.fail()
        } else {
            self.model.end(call, failed: false, at: now)
            permit.succeed()
        }
    }

    private mutating func difference() -> String? {
        self.model.pass(to: self.clock.now.nanoseconds)
        if self.breaker.state != self.model.state {
            return "the state is \(self.breaker.state), and \(self.model.state) in the model"
        }
        // Looking brings in what was counted without the lock, so it must not happen at each step.
        guard self.random.happens(withProbability: 0.2) else { return nil }
        let snapshot = self.breaker.snapshot
        let expected = self.model.tally
        if snapshot.tally != CircuitTally(calls: expected.calls, failures: expected.failures, slowCalls: expected.slow)
        {
            return "the tally is \(snapshot.tally), and \(expected) in the model"
        }
        if snapshot.probesUnderWay != self.model.probes.count { return "\(snapshot.probesUnderWay) probes under way" }
        return nil
    }
}
