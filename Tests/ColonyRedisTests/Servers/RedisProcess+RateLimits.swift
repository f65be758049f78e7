import ColonyCore
import ColonyRedis
import ColonyResilience

extension RedisProcess {
    /// An engine on this server; patient enough for a busy machine unless the test says otherwise.
    func limits(_ change: (inout RedisRateLimitEngineOptions) -> Void = { _ in }) throws -> RedisRateLimitEngine {
        var options = RedisRateLimitEngineOptions(servers: [self.address])
        options.timeout = .seconds(20)
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        change(&options)
        return try RedisRateLimitEngine(options)
    }
}

extension RedisClusterProcess {
    func limits(_ change: (inout RedisRateLimitEngineOptions) -> Void = { _ in }) throws -> RedisRateLimitEngine {
        try self.nodes[0].limits { options in
            options.isCluster = true
            options.servers = self.nodes.map(\.address)
            change(&options)
        }
    }
}

/// The error of a limit with which a call fails; `nil` if it does not.
func limitError(of call: () async throws -> some Any) async -> ResilienceError? {
    do {
        _ = try await call()
    } catch let error as ResilienceError {
        return error
    } catch {
        return ResilienceError(.invalidConfiguration, "not an error of a limit engine", cause: error)
    }
    return nil
}
