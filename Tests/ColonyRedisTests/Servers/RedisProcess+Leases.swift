import ColonyCore
import ColonyRESP
import ColonyRedis
import Testing

extension RedisProcess {
    /// An engine on this server; patient enough for a busy machine unless the test says otherwise.
    func leases(_ change: (inout RedisLeaseEngineOptions) -> Void = { _ in }) throws -> RedisLeaseEngine {
        var options = RedisLeaseEngineOptions(servers: [self.address])
        options.timeout = .seconds(20)
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        change(&options)
        return try RedisLeaseEngine(options)
    }

    /// How often a command was run since the statistics were last set back.
    func calls(of command: String) throws -> Int {
        let statistics = try self.connect().ask("INFO", "commandstats").text ?? ""
        for line in statistics.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_\(command):calls=") {
            return Int(line.dropFirst("cmdstat_\(command):calls=".count).prefix { $0.isNumber }) ?? 0
        }
        return 0
    }
}

extension RedisClusterProcess {
    func leases(_ change: (inout RedisLeaseEngineOptions) -> Void = { _ in }) throws -> RedisLeaseEngine {
        try self.nodes[0].leases { options in
            options.isCluster = true
            options.servers = self.nodes.map(\.address)
            change(&options)
        }
    }
}

/// The code of the lease error with which a call fails; `nil` if it does not.
func leaseError(of call: () async throws -> some Any) async -> LeaseError? {
    do {
        _ = try await call()
    } catch let error as LeaseError {
        return error
    } catch {
        Issue.record("not an error of a lease engine: \(error)")
    }
    return nil
}
