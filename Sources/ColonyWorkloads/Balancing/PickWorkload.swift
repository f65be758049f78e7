import ColonyBalancing
import ColonyCore

/// What it costs to choose an endpoint out of a hundred.
public enum PickWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.cost(.roundRobin, atMost: 15), self.cost(.leastRequest(.two), atMost: 30),
            self.cost(.weightedRoundRobin, atMost: 40), self.cost(.ringHash(loadFactor: 1.25), atMost: 120),
            self.cost(.random), self.cost(.weightedRandom), self.cost(.leastRequest(.all)),
            self.cost(.peakEWMA(decay: .seconds(10))), self.cost(.addressHash), self.cost(.ringHash(loadFactor: nil)),
            self.cost(.maglev), self.cost(.rendezvous),
            self.scaling(.roundRobin), self.scaling(.leastRequest(.two)), self.scaling(.weightedRoundRobin),
            self.scaling(.ringHash(loadFactor: 1.25)),
        ]
    }

    private static let onePick = "one pick"
    private static let scalingFact = "times one thread"

    private static func balancer(_ algorithm: BalancingAlgorithm) throws -> LoadBalancer {
        try LoadBalancer(
            (0..<100).map { number in
                // Smooth turns are what weights are for; the rest is measured with equal ones.
                try Endpoint("10.0.0.\(number):80", weight: algorithm == .weightedRoundRobin ? 1 + number % 7 : 1)
            }, options: BalancerOptions(algorithm: algorithm))
    }

    /// Picks in lots, whose ends are not timed.
    private static func cost(_ algorithm: BalancingAlgorithm, atMost limit: Double? = nil) -> Workload {
        Workload(
            name: "pick-\(algorithm)", title: "pick of one endpoint out of 100, \(algorithm), 1 thread",
            target: limit.map { .atMost($0, "ns", of: Self.onePick) }
        ) { workload, options in
            let balancer = try Self.balancer(algorithm)
            let lots = options.count(2_000, atLeast: 2)
            let clock = options.clock
            var alone = Rounds()
            for round in 0..<(Rounds.full + 1) {
                options.progress(workload.name, Double(round) / Double(Rounds.full + 1))
                let time = try await SpinningThreads.run(1) { _ in try PickLot.time(lots, from: balancer, clock) }
                if round > 0 { alone.add(operations: lots * PickLot.size, in: time[0]) }
            }
            let whole = try await Self.rounds(balancer, threads: 1, options)
            return Measurement(
                workload: workload.name, title: workload.title, figure: alone.median, unit: "picks/s",
                count: alone.count, spread: alone.spread,
                facts: [
                    .init(Self.onePick, 1e9 / alone.median, "ns"),
                    .init("a pick and its end", 1e9 / whole.median, "ns"),
                ], target: workload.target)
        }
    }

    private static func scaling(_ algorithm: BalancingAlgorithm) -> Workload {
        Workload(
            name: "pick-\(algorithm)-2",
            title: "picks and their ends, \(algorithm): 2 threads on one balancer, beside 1",
            target: .atLeast(1.3, "times", of: Self.scalingFact)
        ) { workload, options in
            let balancer = try Self.balancer(algorithm)
            var pairs: [(one: Rounds, two: Rounds)] = []
            for _ in 0..<3 {
                let one = try await Self.rounds(balancer, threads: 1, options)
                pairs.append((one, try await Self.rounds(balancer, threads: 2, options)))
            }
            let ratios = pairs.map { $0.two.median / $0.one.median }.sorted()
            let middle = pairs.sorted { $0.two.median / $0.one.median < $1.two.median / $1.one.median }[1]
            return Measurement(
                workload: workload.name, title: workload.title, figure: middle.two.median, unit: "picks/s",
                count: middle.two.count, spread: middle.two.spread,
                facts: [
                    .init("one thread", middle.one.median, "picks/s"), .init(Self.scalingFact, ratios[1], "times"),
                    .init("the smallest of three pairs", ratios[0], "times"),
                    .init("the largest of three pairs", ratios[2], "times"),
                ], target: workload.target)
        }
    }

    private static func rounds(_ balancer: LoadBalancer, threads: Int, _ options: WorkloadOptions) async throws
        -> Rounds
    {
        let isByKey = balancer.options.algorithm.isByKey
        return try await Rounds.measure(
            "pick", operations: options.count(2_000_000, atLeast: 100) * threads, options: options
        ) { operations in
            _ = try await SpinningThreads.run(threads) { thread in
                var key = UInt64(thread + 1)
                for _ in 0..<operations / threads {
                    key = key &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    let context = PickContext(hash: isByKey ? key ^ key >> 29 : nil)
                    try balancer.pick(context).succeed()
                }
            }
        }
    }
}

/// Picks that are made together and ended together.
private enum PickLot {
    static let size = 1_024

    /// The time of the picks alone.
    static func time(_ lots: Int, from balancer: LoadBalancer, _ clock: any MonotonicClock) throws -> Duration {
        let isByKey = balancer.options.algorithm.isByKey
        let picks = UnsafeMutablePointer<Pick>.allocate(capacity: Self.size)
        defer { picks.deallocate() }
        var key: UInt64 = 1
        var time = Duration.zero
        for _ in 0..<lots {
            var made = 0
            defer { picks.deinitialize(count: made) }
            let start = clock.now
            while made < Self.size {
                key = key &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let pick = try isByKey ? balancer.pick(PickContext(hash: key ^ key >> 29)) : balancer.pick()
                (picks + made).initialize(to: pick)
                made += 1
            }
            time += start.duration(to: clock.now)
        }
        return time
    }
}
