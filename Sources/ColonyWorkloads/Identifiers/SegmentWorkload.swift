import ColonyCore
import ColonyIdentifiers
import ColonySQLite

/// The workloads of segment identifiers on the embedded engine.
public enum SegmentWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] { [self.oneThread, self.twoThreads, self.refill] }

    /// Numbers as fast as they come, to one task.
    public static let oneThread = Self.rate(
        name: "segment-1", title: "segment numbers from SQLite, next(), 1 task", tasks: 1,
        target: .atLeast(20_000_000, "ids/s"))

    /// Numbers as fast as they come, to two tasks that share a generator.
    public static let twoThreads = Self.rate(
        name: "segment-2", title: "segment numbers from SQLite, next(), 2 tasks on one generator", tasks: 2)

    /// How long single calls take while ranges change under them.
    public static let refill = Workload(
        name: "segment-refill",
        title: "segment numbers from SQLite, single calls over some refills, 1 task: waits for the store",
        target: .atMost(0, "calls", of: "calls that waited for the store")
    ) { workload, options in
        try await Self.withGenerator(options) { generator in
            try await SegmentLoad.run(options.count(40_000_000, atLeast: 10), tasks: 1, from: generator)
            let before = generator.statistics
            let samples = try await SegmentLoad.latency(
                numbers: options.count(40_000_000, atLeast: 1_000), from: generator, clock: options.clock)
            let after = generator.statistics
            let percentiles = Percentiles(samples)
            return Measurement(
                workload: workload.name, title: workload.title, figure: percentiles.p99Microseconds * 1_000, unit: "ns",
                count: samples.count, latency: percentiles,
                facts: [
                    .init("calls that waited for the store", Double(after.waits - before.waits), "calls"),
                    .init("ranges fetched meanwhile", Double(after.requests - before.requests), "ranges"),
                    .init(
                        "slowest call", Double((samples.max() ?? .zero).clampedNanoseconds) / 1_000, "µs"),
                ], target: workload.target)
        }
    }

    private static func rate(
        name: String, title: String, tasks: Int, target: MeasurementTarget? = nil
    ) -> Workload {
        Workload(name: name, title: title, target: target) { workload, options in
            try await Self.withGenerator(options) { generator in
                // A cold generator looks for its step; the figure is that of a warm one, and the waits before are told.
                try await SegmentLoad.run(options.count(40_000_000, atLeast: 10), tasks: tasks, from: generator)
                let cold = generator.statistics
                let rounds = try await Rounds.measure(
                    workload.name, operations: options.count(10_000_000, atLeast: 100), options: options
                ) { try await SegmentLoad.run($0, tasks: tasks, from: generator) }
                let warm = generator.statistics
                return Measurement(
                    workload: workload.name, title: workload.title, figure: rounds.median, unit: "ids/s",
                    count: rounds.count, spread: rounds.spread,
                    facts: [
                        .init("waits while the step was found", Double(cold.waits), "calls"),
                        .init("waits after that", Double(warm.waits - cold.waits), "calls"),
                        .init("ranges fetched after that", Double(warm.requests - cold.requests), "ranges"),
                        .init("numbers in a range at the end", Double(warm.step), "numbers"),
                    ], target: workload.target)
            }
        }
    }

    /// Makes a generator on a file of its own, and closes both before the folder is removed.
    private static func withGenerator<Result>(
        _ options: WorkloadOptions, _ body: (SegmentIDGenerator) async throws -> Result
    ) async throws -> Result {
        try await ScratchFolder.with(in: options.directory) { folder in
            let engine = SQLiteSegmentEngine(path: "\(folder)/colony.db")
            let generator = SegmentIDGenerator("bench", on: engine, clock: options.clock)
            do {
                let result = try await body(generator)
                await generator.close()
                await engine.close()
                return result
            } catch {
                await generator.close()
                await engine.close()
                throw error
            }
        }
    }
}
