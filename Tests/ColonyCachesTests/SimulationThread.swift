import ColonyCore

/// Runs what computes for long in simulated time on a thread of its own, so that tests beside it, which measure real time,
/// keep those of the global pool.
func onSimulationThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await Task(executorPreference: SimulationThread.executor) { try body() }.value
}

private enum SimulationThread {
    static let executor = DedicatedExecutor(named: "simulation")
}
