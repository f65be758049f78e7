public import ColonyBalancing
import ColonyCore
import ColonySimulation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A fleet of endpoints in simulated time, one of which is in trouble, under a balancer that is the real one.
///
/// Ten endpoints have four workers each and a queue. A call takes 10 ms of a worker on average, exponentially distributed; calls come at 60 % of
/// what the fleet can carry, independently of each other. A call that has no answer after a second is given up, but its endpoint still works
/// on it. Everything follows from the seed.
public struct FleetSimulation: Sendable {
    /// What is wrong with the first endpoint.
    public enum Trouble: String, Sendable, CaseIterable {
        /// Nothing.
        case none
        /// It needs four times as long for each call, which is too long for its share of the calls.
        case slow
        /// It refuses calls at once for two seconds out of four.
        case flapping
        /// It takes calls and never answers.
        case dead
        /// It is new after five seconds, and needs five times as long at first and normal time ten seconds later.
        case cold
    }

    /// What callers saw.
    public struct Outcome: Hashable, Sendable {
        /// The median of the time until an answer or until the call was given up, in milliseconds.
        public let medianMilliseconds: Double
        /// The 99th percentile of the same.
        public let p99Milliseconds: Double
        /// The share of calls that were refused or given up, from 0 to 1.
        public let failedShare: Double
    }

    /// How the balancer is set.
    public let options: BalancerOptions
    /// What is wrong.
    public let trouble: Trouble
    /// How many calls come.
    public let calls: Int

    /// Describes a run.
    public init(_ options: BalancerOptions, trouble: Trouble, calls: Int = 48_000) {
        self.options = options
        self.trouble = trouble
        self.calls = calls
    }

    /// Runs it.
    ///
    /// - Throws: What the balancer throws of its settings.
    public func run(seed: UInt64) throws -> Outcome {
        let fleet = try Fleet(self, seed: seed)
        return try fleet.run()
    }
}

/// The events of one run, and what they change.
private final class Fleet {
    private enum Event {
        case arrival
        case end(server: Int, call: Call)
        case giveUp(Call)
        case watch
        case newcomer
    }

    private final class Call {
        var pick: Pick?
        let start: Int64

        init(_ pick: consuming Pick, start: Int64) {
            self.pick = consume pick
            self.start = start
        }
    }

    private struct Server {
        var queue: [Call] = []
        var next = 0
        var busy = 0

        mutating func takeNext() -> Call? {
            guard self.next < self.queue.count else { return nil }
            defer { self.next += 1 }
            if self.next == 1_024 {
                self.queue.removeFirst(1_024)
                self.next = 0
            }
            return self.queue[self.next]
        }
    }

    private static let workers = 4
    private static let service = 10_000_000.0
    private static let limit: Int64 = 1_000_000_000
    private static let ever = MonotonicInstant(nanoseconds: .max)
    /// Between two calls on average: 60 % of ten endpoints with four workers each.
    private static let interval = service / (0.6 * 40)

    private let simulation: FleetSimulation
    private let clock = ManualClock()
    private let balancer: LoadBalancer
    private let origin: Int64
    private var now: Int64
    private var chance: SeededGenerator
    private var events = DeadlineHeap<Event>()
    private var servers: [Server]
    private var latencies: [Int64] = []
    private var failed = 0
    private var settled = 0

    init(_ run: FleetSimulation, seed: UInt64) throws {
        self.simulation = run
        self.chance = SeededGenerator(seed: Seed(rawValue: seed))
        self.servers = [Server](repeating: Server(), count: 10)
        let first = run.trouble == .cold ? 1 : 0
        self.balancer = try LoadBalancer(
            Self.endpoints(first..<10), options: run.options, clock: self.clock,
            generator: SeededGenerator(seed: Seed(rawValue: seed ^ 0xBA1A)))
        self.origin = self.clock.now.nanoseconds
        self.now = self.origin
    }

    private static func endpoints(_ numbers: Range<Int>) throws -> [Endpoint] {
        try numbers.map { try Endpoint("10.0.0.\($0 + 1):80", name: EndpointName("server-\($0)")) }
    }

    func run() throws -> FleetSimulation.Outcome {
        var arrivals = 0
        self.schedule(.arrival, in: 0)
        self.schedule(.watch, in: 100_000_000)
        if self.simulation.trouble == .cold { self.schedule(.newcomer, in: 5_000_000_000) }
        while self.settled < self.simulation.calls, let entry = self.events.popDue(at: Self.ever) {
            self.clock.advance(by: .nanoseconds(entry.deadline.nanoseconds - self.now))
            self.now = entry.deadline.nanoseconds
            switch entry.value {
            case .arrival:
                arrivals += 1
                try self.arrive()
                if arrivals < self.simulation.calls { self.schedule(.arrival, in: self.draw(Self.interval)) }
            case .end(let server, let call): self.end(call, at: server)
            case .giveUp(let call): self.giveUp(call)
            case .watch:
                self.balancer.advance()
                self.schedule(.watch, in: 100_000_000)
            case .newcomer: try self.balancer.setEndpoints(Self.endpoints(0..<10))
            }
        }
        return self.outcome()
    }

    private func schedule(_ event: Event, in nanoseconds: Int64) {
        _ = self.events.insert(event, at: MonotonicInstant(nanoseconds: self.now + nanoseconds))
    }

    /// A time with an exponential distribution.
    private func draw(_ mean: Double) -> Int64 {
        Int64(-log(1 - Double.random(in: 0..<1, using: &self.chance)) * mean) + 1
    }

    // MARK: Calls

    private func arrive() throws {
        let key = UInt64.random(in: 0..<1_000, using: &self.chance)
        let pick = try self.balancer.pick(PickContext(key: "key-\(key)"))
        let server = self.number(of: pick.endpoint)
        if server == 0, self.isRefusing {
            self.failed += 1
            self.settled += 1
            pick.fail(.connectFailed)
            return
        }
        let call = Call(pick, start: self.now)
        self.schedule(.giveUp(call), in: Self.limit)
        if server == 0, self.simulation.trouble == .dead { return }
        if self.servers[server].busy < Self.workers {
            self.work(on: call, at: server)
        } else {
            self.servers[server].queue.append(call)
        }
    }

    private func number(of endpoint: Endpoint) -> Int {
        Int(endpoint.name.rawValue.dropFirst("server-".count)) ?? 0
    }

    private var isRefusing: Bool {
        self.simulation.trouble == .flapping && (self.now - self.origin) % 4_000_000_000 >= 2_000_000_000
    }

    private func work(on call: Call, at server: Int) {
        self.servers[server].busy += 1
        self.schedule(.end(server: server, call: call), in: self.draw(Self.service * self.slowness(of: server)))
    }

    private func slowness(of server: Int) -> Double {
        guard server == 0 else { return 1 }
        switch self.simulation.trouble {
        case .slow: return 4
        case .cold:
            let warm = Double(self.now - self.origin - 5_000_000_000) / 10_000_000_000
            return max(1, 5 - 4 * warm)
        case .none, .flapping, .dead: return 1
        }
    }

    private func end(_ call: Call, at server: Int) {
        if let pick = call.pick.take() {
            self.latencies.append(self.now - call.start)
            self.settled += 1
            pick.succeed()
        }
        self.servers[server].busy -= 1
        if let next = self.servers[server].takeNext() { self.work(on: next, at: server) }
    }

    private func giveUp(_ call: Call) {
        guard let pick = call.pick.take() else { return }
        self.failed += 1
        self.settled += 1
        self.latencies.append(Self.limit)
        pick.fail(.timedOut)
    }

    private func outcome() -> FleetSimulation.Outcome {
        let sorted = self.latencies.sorted()
        func milliseconds(_ share: Double) -> Double {
            sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]) / 1_000_000
        }
        return FleetSimulation.Outcome(
            medianMilliseconds: milliseconds(0.5), p99Milliseconds: milliseconds(0.99),
            failedShare: Double(self.failed) / Double(self.simulation.calls))
    }
}
