import ColonyCore
import ColonyResilience

/// What the layers of resilience cost while nothing fails and nobody waits.
public enum ResilienceWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.cost(.bare, "an asynchronous no-op alone"),
            self.cost(.breaker, "closed breaker around an asynchronous no-op", atMost: 60),
            self.cost(.take, "token bucket (GCRA), tryTake()", atMost: 50),
            self.cost(.limiter, "token bucket around an asynchronous no-op"),
            self.cost(.bulkhead, "bulkhead around an asynchronous no-op"),
            self.cost(.timeout, "timeout around an asynchronous no-op"),
            self.cost(
                .pipeline, "closed breaker, limiter, bulkhead, and timeout around an asynchronous no-op", atMost: 1_500),
            self.scaling(.breaker, "closed breaker"), self.scaling(.take, "token bucket, tryTake()"),
            self.scaling(.pipeline, "closed breaker, limiter, bulkhead, and timeout", target: 1.3),
        ] + RateLimitWorkload.all
    }

    /// The fact that holds the time of one call, in nanoseconds.
    public static let oneCall = "one call"
    private static let scalingFact = "times one thread"

    private static func cost(_ load: ResilienceLoad, _ title: String, atMost limit: Double? = nil) -> Workload {
        Workload(
            name: "resilience-\(load.rawValue)", title: "\(title), 1 task",
            target: limit.map { .atMost($0, "ns", of: Self.oneCall) }
        ) { workload, options in
            let rounds = try await Self.rounds(load, tasks: 1, options)
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median, unit: "calls/s",
                count: rounds.count, spread: rounds.spread, facts: [.init(Self.oneCall, 1e9 / rounds.median, "ns")],
                target: workload.target)
        }
    }

    /// Five rounds on new layers.
    private static func rounds(_ load: ResilienceLoad, tasks: Int, _ options: WorkloadOptions) async throws -> Rounds {
        let layers = try ResilienceLayers()
        let full = load == .pipeline || load == .timeout ? 400_000 : 4_000_000
        return try await Rounds.measure(
            load.rawValue, operations: options.count(full, atLeast: 100) * tasks, options: options
        ) { calls in try await load.run(calls, tasks: tasks, on: layers) }
    }

    /// Two tasks beside one, in turn, so that both see the machine at the same speed.
    private static func scaling(_ load: ResilienceLoad, _ title: String, target: Double? = nil) -> Workload {
        Workload(
            name: "resilience-\(load.rawValue)-2", title: "\(title): the same layers for 2 tasks, beside 1",
            target: target.map { .atLeast($0, "times", of: Self.scalingFact) }
        ) { workload, options in
            var pairs: [(one: Rounds, two: Rounds)] = []
            for _ in 0..<3 {
                let one = try await Self.rounds(load, tasks: 1, options)
                pairs.append((one, try await Self.rounds(load, tasks: 2, options)))
            }
            pairs.sort { $0.two.median / $0.one.median < $1.two.median / $1.one.median }
            let ratios = pairs.map { $0.two.median / $0.one.median }
            let (one, two) = pairs[1]
            return Measurement(
                workload: workload.name, title: workload.title, figure: two.median, unit: "calls/s",
                count: two.count, spread: two.spread,
                facts: [
                    .init("one task", one.median, "calls/s"),
                    .init(Self.scalingFact, ratios[1], "times"),
                    .init("the smallest of three pairs", ratios[0], "times"),
                    .init("the largest of three pairs", ratios[2], "times"),
                ], target: workload.target)
        }
    }
}
