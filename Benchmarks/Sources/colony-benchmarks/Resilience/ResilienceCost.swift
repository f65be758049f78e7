import CAllocations
import ColonyWorkloads

/// What the layers of resilience allocate for a call while nothing fails and nobody waits.
enum ResilienceCost {
    static let all = [
        Workload(
            name: "resilience-allocations",
            title: "allocations of a call: closed breaker, limiter, bulkhead, and timeout around an asynchronous no-op",
            target: .atMost(2, "allocations")
        ) { workload, options in
            guard colony_counts_allocations() else {
                throw WorkloadError("allocations are counted on Linux with glibc only")
            }
            let calls = options.count(100_000, atLeast: 1_000)
            let layers = try ResilienceLayers()
            var facts: [Measurement.Fact] = []
            for load in ResilienceLoad.allCases where load != .bare && load != .pipeline {
                facts.append(.init(load.rawValue, try await Self.count(load, calls, on: layers), "allocations"))
            }
            let figure = try await Self.count(.pipeline, calls, on: layers)
            return Measurement(
                workload: workload.name, title: workload.title, figure: figure, unit: "allocations", count: calls,
                facts: facts, target: workload.target)
        }
    ]

    /// A task that does not suspend stays on its thread, whose allocations are counted.
    private static func count(_ load: ResilienceLoad, _ calls: Int, on layers: ResilienceLayers) async throws -> Double
    {
        let allocations = try await load.run(calls, tasks: 1, on: layers) { Int(colony_allocations()) }
        return Double(allocations) / Double(calls)
    }
}
