import ColonyCluster
import ColonyCore
import Logging
import Synchronization

extension ClusterNode {
    /// How often it is looked whether the node is alone.
    private static let seedInterval = Duration.seconds(10)
    /// For how long a source of seeds is waited for.
    private static let seedTimeout = Duration.seconds(10)
    private static let mostSeeds = 1_000

    /// Starts the membership with the seeds that there are, and looks for others while the node is alone, until it is cancelled.
    func findSeeds() async {
        let backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(30))
        var failures = 0
        while !Task.isCancelled {
            let isAlone = self.state.withLock { ($0.membership?.count ?? 1) <= 1 }
            var pause = Self.seedInterval
            if isAlone {
                failures += 1
                if let seeds = await self.lookUpSeeds() { self.take(seeds) }
                pause = self.state.withLock { backoff.delay(after: failures, using: &$0.generator) }
            } else {
                failures = 0
            }
            guard (try? await self.clock.sleep(for: pause)) != nil else { return }
        }
    }

    private func take(_ seeds: [MemberAddress]) {
        self.act { state, now in
            guard state.phase == .running, state.membership != nil else { return [] }
            guard state.isStarted else {
                state.isStarted = true
                return state.membership?.start(seeds: seeds, at: now) ?? []
            }
            state.membership?.replace(seeds: seeds)
            return []
        }
    }

    /// All addresses of all seeds; `nil` if it is not known whether there are any.
    private func lookUpSeeds() async -> [MemberAddress]? {
        var seeds = self.configuration.seeds
        if let source = self.configuration.seedSource {
            do {
                seeds += try await BoundedCall.run(
                    upTo: Self.seedTimeout, on: self.clock, timeOut: ClusterError(.unavailable, "no answer in time")
                ) { () throws(ClusterError) in
                    do {
                        return try await source.seeds()
                    } catch {
                        throw ClusterError(.unavailable, "\(error)")
                    }
                }
            } catch {
                self.logger.info("cannot find seeds", metadata: ["error": "\(error)"])
                if seeds.isEmpty { return nil }
            }
        }
        var addresses: [MemberAddress] = []
        for seed in seeds.prefix(Self.mostSeeds) {
            if TransportAddress.socket(host: seed.host, port: Int(seed.port)) != nil {
                addresses.append(seed)
                continue
            }
            let found = await self.addresses(of: seed.host)
            let members = found.compactMap { try? MemberAddress(host: $0, port: Int(seed.port)) }
            // A name without an address is kept: without any seed the node would be the first of a cluster of its own.
            addresses += members.isEmpty ? [seed] : members
        }
        return addresses
    }

    private func addresses(of host: String) async -> [String] {
        let names = self.names
        // The system may not answer for long, and cannot be told to give up.
        let found = try? await BoundedCall.run(
            upTo: Self.seedTimeout, on: self.clock, timeOut: ClusterError(.unavailable, "no answer in time")
        ) { () throws(ClusterError) in await names.addresses(of: host) }
        return found ?? []
    }
}
