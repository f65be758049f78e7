import ColonyCaches
import ColonyCore
import ColonyWorkloads
import Foundation

/// Our cache beside Caffeine: the same keys in the same order, on as many threads, one right after the other.
///
/// Both run three times in turn, and the pair with the middle ratio is reported: a machine that is shared changes its
/// speed while it is measured, and the middle one of three quotients does not. Caffeine runs with its default executor
/// and with one that leaves maintenance to the caller; the first pair shows which is faster here, and that one is
/// compared with.
struct CacheComparison {
    /// Our rate divided by Caffeine's, as a fact of the comparisons.
    static let times = "times Caffeine"
    /// The rate on two threads divided by that on one, as a fact.
    static let scaling = "times one thread"

    let caffeine: CaffeinePeer
    var policy = EvictionPolicy.adaptive

    var all: [Workload] {
        [
            self.comparison(.hits, threads: 1, target: .atLeast(30_000_000, "ops/s")),
            self.scalingOfHits,
            self.comparison(.hits, threads: 2),
            self.comparison(.getOrPut, threads: 1, target: .atLeast(1.2, "times", of: Self.times)),
            self.comparison(.getOrPut, threads: 2, target: .atLeast(1.2, "times", of: Self.times)),
        ]
    }

    /// What one side did in one run.
    private struct Run {
        var rates: [Double]
        var hitRatio: Double
        var median: Double { Median.of(self.rates) }
    }

    private func comparison(_ load: CacheLoad, threads: Int, target: MeasurementTarget? = nil) -> Workload {
        Workload(
            name: "cache-\(load.rawValue)-\(threads)",
            title: "\(load.title), \(threads) \(threads == 1 ? "thread" : "threads"), beside Caffeine", target: target
        ) { [self] workload, options in
            let operations = options.count(load.operations, atLeast: 1_000)
            let keys = KeySequence(keySpace: load.keySpace, threads: threads)
            let loadAtStart = LoadAverage.now
            var pairs: [(own: Run, theirs: CaffeinePeer.Outcome)] = []
            var executor: CaffeinePeer.Executor?
            var byExecutor: [Measurement.Fact] = []
            for pair in 0..<3 {
                let own = try Self.own(load, keys, operations, policy: self.policy, options)
                let outcomes = try ScratchFolder.blocking(in: options.directory) { folder in
                    try (executor.map { [$0] } ?? CaffeinePeer.Executor.allCases).map { executor in
                        let outcome = try self.caffeine.measure(
                            load, threads: threads, executor: executor, rounds: 5, operations: operations,
                            warmUpSeconds: max(0.1, 2 * min(1, options.scale)), folder: folder)
                        guard outcome.keys == String(keys.checksum()) else {
                            throw WorkloadError("Caffeine was asked for other keys: \(outcome.keys)")
                        }
                        return (executor, outcome)
                    }
                }
                guard let fastest = outcomes.max(by: { $0.1.median < $1.1.median }) else { continue }
                if executor == nil {
                    executor = fastest.0
                    byExecutor = outcomes.map { .init("\($0.0.title), first pair", $0.1.median, "ops/s") }
                }
                pairs.append((own, fastest.1))
                options.progress(workload.name, Double(pair + 1) / 3)
            }
            pairs.sort { $0.own.median / $0.theirs.median < $1.own.median / $1.theirs.median }
            let ratios = pairs.map { $0.own.median / $0.theirs.median }
            let (own, theirs) = pairs[1]
            return Measurement(
                workload: workload.name, title: workload.title, figure: own.median, unit: "ops/s",
                count: 15 * operations * threads, spread: (own.rates.min() ?? 0)...(own.rates.max() ?? 0),
                facts: [
                    .init("\(theirs.version), \(executor?.title ?? "")", theirs.median, "ops/s"),
                    .init("its slowest round", theirs.rates.min() ?? 0, "ops/s"),
                    .init("its fastest round", theirs.rates.max() ?? 0, "ops/s"),
                    .init(Self.times, ratios[1], "times"),
                    .init("the smallest of three pairs", ratios[0], "times"),
                    .init("the largest of three pairs", ratios[2], "times"),
                    .init("hits", 100 * own.hitRatio, "%"),
                    .init("hits of Caffeine", 100 * theirs.hit_ratio, "%"),
                    .init("load average before", loadAtStart, "threads"),
                ] + byExecutor,
                target: workload.target)
        }
    }

    /// Two threads beside one, in turn, so that both see the machine at the same speed.
    private var scalingOfHits: Workload {
        Workload(
            name: "cache-hits-scaling", title: "\(CacheLoad.hits.title), 2 threads beside 1",
            target: .atLeast(1.6, "times", of: Self.scaling)
        ) { [policy] workload, options in
            let operations = options.count(CacheLoad.hits.operations, atLeast: 1_000)
            let one = KeySequence(keySpace: CacheLoad.hits.keySpace, threads: 1)
            let two = KeySequence(keySpace: CacheLoad.hits.keySpace, threads: 2)
            var pairs: [(one: Run, two: Run)] = []
            for _ in 0..<3 {
                pairs.append(
                    (
                        try Self.own(.hits, one, operations, policy: policy, options),
                        try Self.own(.hits, two, operations, policy: policy, options)
                    ))
            }
            pairs.sort { $0.two.median / $0.one.median < $1.two.median / $1.one.median }
            let ratios = pairs.map { $0.two.median / $0.one.median }
            return Measurement(
                workload: workload.name, title: workload.title, figure: pairs[1].two.median, unit: "ops/s",
                count: 45 * operations,
                spread: (pairs[1].two.rates.min() ?? 0)...(pairs[1].two.rates.max() ?? 0),
                facts: [
                    .init("one thread", pairs[1].one.median, "ops/s"),
                    .init(Self.scaling, ratios[1], "times"),
                    .init("the smallest of three pairs", ratios[0], "times"),
                    .init("the largest of three pairs", ratios[2], "times"),
                ],
                target: workload.target)
        }
    }

    /// A new cache, one round unmeasured, and five rounds.
    private static func own(
        _ load: CacheLoad, _ keys: KeySequence, _ operations: Int, policy: EvictionPolicy, _ options: WorkloadOptions
    ) throws -> Run {
        let cache = try load.makeCache(policy: policy)
        _ = load.run(cache, keys, operations: operations, clock: options.clock)
        let rounds = (0..<5).map { _ in load.run(cache, keys, operations: operations, clock: options.clock) }
        let hitRatio = rounds.map(\.hitRatio).reduce(0, +) / Double(rounds.count)
        guard load != .hits || hitRatio == 1 else {
            throw WorkloadError("\(100 * (1 - hitRatio)) % of the look-ups missed, and none may")
        }
        return Run(rates: rounds.map(\.operationsPerSecond), hitRatio: hitRatio)
    }
}

extension CacheLoad {
    fileprivate var title: String {
        switch self {
        case .hits: "look-ups of 100,000 Int keys, Zipf 0.99, all hits"
        case .getOrPut: "get, and put on a miss, of 1,000,000 Int keys, Zipf 0.99, capacity 100,000"
        }
    }
}

extension CaffeinePeer.Executor {
    fileprivate var title: String {
        switch self {
        case .pool: "Caffeine maintained by the common pool"
        case .caller: "Caffeine maintained by the caller"
        }
    }
}

/// How many threads want to run on this machine, on average over the last minute.
enum LoadAverage {
    static var now: Double {
        var averages = [0.0]
        return getloadavg(&averages, 1) == 1 ? averages[0] : .nan
    }
}
