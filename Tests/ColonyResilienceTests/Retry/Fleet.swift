import ColonyCore
import ColonyResilience
import ColonySimulation
import Foundation

/// Clients that call servers of a limited capacity, as a simulation on a queue of events; the same seed gives the same run.
///
/// A server works on one request at a time, keeps a bounded queue, and does not learn that a client has stopped waiting: it then works for
/// nobody. That is what lets a storm of retries outlive its cause. Clients choose a server at random, wait for a limited time, and repeat by
/// the decisions and budgets of ``Retry``.
struct Fleet {
    struct Settings {
        var clients = 50
        var servers = 10
        /// Of each client.
        var callsPerSecond = 12.0
        /// How long a server works on a request, at least and at most.
        var work = 7_500_000...17_500_000 as ClosedRange<Int64>
        var queueLimit = 50
        var timeout: Duration = .milliseconds(200)
        var options: RetryOptions
        /// The budget of each client, or none.
        var budget: (() throws -> RetryBudget)?
        /// The breaker that each client has for each server, or none.
        var breaker: ((any MonotonicClock, Seed) throws -> CircuitBreaker)?
        /// How many servers refuse everything, and from when to when.
        var broken = 6
        var fault = 10.0..<20.0
        var end = 40.0
    }

    /// What came of the calls that began in a second.
    struct Second {
        var calls = 0
        var attempts = 0
        var successes = 0
    }

    private enum Event {
        case call(client: Int)
        case attempt(call: Int)
        case served(server: Int)
        case timedOut(attempt: Int)
    }

    private struct Call {
        let client: Int
        let second: Int
        var decision: RetryDecision
    }

    private struct Attempt {
        let call: Int
        let permit: Permit?
        var isOpen = true
    }

    /// A permit that waits for the end of its attempt.
    private final class Permit {
        private var permit: CircuitPermit?

        init(_ permit: consuming CircuitPermit) { self.permit = consume permit }

        func end(_ error: (any Error)?) {
            guard let permit = self.permit.take() else { return }
            if let error { permit.fail(error) } else { permit.succeed() }
        }
    }

    private struct Server {
        var queue: [Int] = []
        var head = 0

        var count: Int { self.queue.count - self.head }
    }

    private struct Refused: Error {}
    private struct TimedOut: Error {}

    private let settings: Settings
    private var generator: SeededGenerator
    private var events = EventQueue<Event>()
    private var calls: [Call] = []
    private var attempts: [Attempt] = []
    private var servers: [Server]
    private var budgets: [RetryBudget?]
    /// Of each client, for each server; none without breakers.
    private var breakers: [[CircuitBreaker]] = []
    private let clock = ManualClock(now: MonotonicInstant(nanoseconds: 0))
    private(set) var seconds: [Second]

    init(_ settings: Settings, seed: Seed) throws {
        self.settings = settings
        self.generator = SeededGenerator(seed: seed)
        self.servers = Array(repeating: Server(), count: settings.servers)
        self.budgets = try (0..<settings.clients).map { _ in try settings.budget?() }
        self.seconds = Array(repeating: Second(), count: Int(settings.end) + 1)
        if let breaker = settings.breaker {
            let clock = self.clock
            self.breakers = try (0..<settings.clients).map { client in
                try (0..<settings.servers).map { server in
                    try breaker(clock, seed.derived(for: "breaker of \(client) for \(server)"))
                }
            }
        }
    }

    mutating func run() {
        for client in 0..<self.settings.clients { self.scheduleCall(of: client, after: 0) }
        while let (now, event) = self.events.next(), Double(now) / 1e9 < self.settings.end {
            self.clock.advance(to: MonotonicInstant(nanoseconds: now))
            switch event {
            case .call(let client): self.begin(client, at: now)
            case .attempt(let call): self.send(call, at: now)
            case .served(let server): self.served(server, at: now)
            case .timedOut(let attempt): self.end(attempt, TimedOut(), at: now)
            }
        }
    }

    private mutating func scheduleCall(of client: Int, after now: Int64) {
        // Calls come independently of each other: the gaps are exponential.
        let gap = -log(1 - Double.random(in: 0..<1, using: &self.generator)) / self.settings.callsPerSecond
        self.events.add(.call(client: client), at: now + Int64(gap * 1e9))
    }

    private mutating func begin(_ client: Int, at now: Int64) {
        self.scheduleCall(of: client, after: now)
        let second = Int(now / 1_000_000_000)
        self.seconds[second].calls += 1
        self.budgets[client]?.deposit(at: MonotonicInstant(nanoseconds: now))
        self.calls.append(Call(client: client, second: second, decision: RetryDecision(self.settings.options)))
        self.send(self.calls.count - 1, at: now)
    }

    private mutating func send(_ call: Int, at now: Int64) {
        guard let (server, permit) = self.choose(self.calls[call].client) else {
            return self.failed(call, Refused(), at: now)
        }
        self.seconds[Int(now / 1_000_000_000)].attempts += 1
        let attempt = self.attempts.count
        self.attempts.append(Attempt(call: call, permit: permit))
        let isBroken = server < self.settings.broken && self.settings.fault.contains(Double(now) / 1e9)
        guard !isBroken, self.servers[server].count < self.settings.queueLimit else {
            return self.end(attempt, Refused(), at: now)
        }
        self.events.add(.timedOut(attempt: attempt), at: now + self.settings.timeout.nanosecondCount)
        self.servers[server].queue.append(attempt)
        if self.servers[server].count == 1 { self.work(server, at: now) }
    }

    /// A server by chance; with breakers the first from there on whose breaker lets the client through.
    private mutating func choose(_ client: Int) -> (server: Int, permit: Permit?)? {
        let first = Int.random(in: 0..<self.settings.servers, using: &self.generator)
        if self.breakers.isEmpty { return (first, nil) }
        for step in 0..<self.settings.servers {
            let server = (first + step) % self.settings.servers
            if let permit = self.breakers[client][server].tryAcquire() { return (server, Permit(permit)) }
        }
        return nil
    }

    private mutating func work(_ server: Int, at now: Int64) {
        self.events.add(.served(server: server), at: now + Int64.random(in: self.settings.work, using: &self.generator))
    }

    private mutating func served(_ server: Int, at now: Int64) {
        let attempt = self.servers[server].queue[self.servers[server].head]
        self.servers[server].head += 1
        if self.close(attempt, nil) { self.seconds[self.calls[self.attempts[attempt].call].second].successes += 1 }
        if self.servers[server].count > 0 { self.work(server, at: now) }
    }

    /// Ends an attempt; `false` if it has ended before.
    private mutating func close(_ attempt: Int, _ error: (any Error)?) -> Bool {
        guard self.attempts[attempt].isOpen else { return false }
        self.attempts[attempt].isOpen = false
        self.attempts[attempt].permit?.end(error)
        return true
    }

    private mutating func end(_ attempt: Int, _ error: any Error, at now: Int64) {
        if self.close(attempt, error) { self.failed(self.attempts[attempt].call, error, at: now) }
    }

    private mutating func failed(_ call: Int, _ error: any Error, at now: Int64) {
        let instant = MonotonicInstant(nanoseconds: now)
        let directive = self.calls[call].decision.failed(
            error, isCancelled: false, allowsMore: true, deadline: nil, now: { instant }, using: &self.generator)
        guard case .wait(let delay) = directive else { return }
        if let budget = self.budgets[self.calls[call].client], !budget.withdraw(at: instant) { return }
        self.events.add(.attempt(call: call), at: now + delay.nanosecondCount)
    }

    /// Attempts for each call, and the share of calls that succeeded, of the calls that began in some seconds.
    func summary(_ range: Range<Int>) -> (amplification: Double, success: Double) {
        let calls = Double(self.seconds[range].reduce(0) { $0 + $1.calls })
        let attempts = Double(self.seconds[range].reduce(0) { $0 + $1.attempts })
        let successes = Double(self.seconds[range].reduce(0) { $0 + $1.successes })
        return (attempts / calls, successes / calls)
    }
}

extension Duration {
    fileprivate var nanosecondCount: Int64 {
        self.components.seconds * 1_000_000_000 + self.components.attoseconds / 1_000_000_000
    }
}

/// Events in the order of their time, and among those of the same time in the order in which they were added.
private struct EventQueue<Event> {
    private var heap: [(time: Int64, number: Int, event: Event)] = []
    private var count = 0

    mutating func add(_ event: Event, at time: Int64) {
        self.count += 1
        self.heap.append((time, self.count, event))
        var index = self.heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard self.isBefore(index, parent) else { return }
            self.heap.swapAt(index, parent)
            index = parent
        }
    }

    mutating func next() -> (Int64, Event)? {
        guard let first = self.heap.first else { return nil }
        let last = self.heap.removeLast()
        guard !self.heap.isEmpty else { return (first.time, first.event) }
        self.heap[0] = last
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < self.heap.count else { break }
            if child + 1 < self.heap.count, self.isBefore(child + 1, child) { child += 1 }
            guard self.isBefore(child, index) else { break }
            self.heap.swapAt(index, child)
            index = child
        }
        return (first.time, first.event)
    }

    private func isBefore(_ first: Int, _ second: Int) -> Bool {
        (self.heap[first].time, self.heap[first].number) < (self.heap[second].time, self.heap[second].number)
    }
}
