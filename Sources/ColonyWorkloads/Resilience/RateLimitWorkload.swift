import ColonyCore
import ColonyMemory
import ColonyResilience

/// Limits for many keys, and limits that are leased from a store in batches.
enum RateLimitWorkload {
    static var all: [Workload] {
        [
            self.keyed("limiter-keys", "Int keys") { $0 },
            // Fourteen bytes, as an address has.
            self.keyed("limiter-keys-text", "keys of 14 bytes") { "10.1.1\($0 + 10_000_000)" },
            self.twoTier(tasks: 1), self.twoTier(tasks: 2),
        ]
    }

    /// The growth of the whole process: what the allocator adds counts as well.
    private static func keyed<Key: Hashable & Sendable>(
        _ name: String, _ what: String, _ key: @escaping @Sendable (Int) -> Key
    ) -> Workload {
        Workload(
            name: name, title: "keyed limiter of 1,000,000 \(what), none of them full: growth of the resident memory",
            target: .atMost(120, "MiB")
        ) { workload, options in
            let count = options.count(1_000_000, atLeast: 1_000)
            // One permit comes back in an hour, so that no limit is full again and forgotten.
            let rule = try RateLimitRule(10, per: .seconds(36_000))
            guard let before = ProcessUse.residentMebibytes else {
                throw WorkloadError("this system does not say how much memory is resident")
            }
            // Keys do not spread evenly over the stripes, least of all a few. Room that is not used costs nothing.
            let limiter = try KeyedRateLimiter<Key>(rule, capacity: 2 * count, clock: options.clock)
            let start = options.clock.now
            for index in 0..<count { try limiter.take(for: key(index)) }
            let filled = options.clock.now
            let after = ProcessUse.residentMebibytes ?? before
            for index in 0..<count { try limiter.take(for: key(index)) }
            let again = options.clock.now
            guard limiter.count == count else { throw WorkloadError("\(limiter.count) keys of \(count) are kept") }
            func cost(_ from: MonotonicInstant, _ to: MonotonicInstant) -> Double {
                Double(from.duration(to: to).clampedNanoseconds) / Double(count)
            }
            return Measurement(
                workload: workload.name, title: workload.title, figure: max(0, after - before), unit: "MiB",
                count: count,
                facts: [
                    .init("one key", max(0, after - before) * 1_048_576 / Double(count), "bytes"),
                    .init("the first take of a key", cost(start, filled), "ns"),
                    .init("the second take of a key", cost(filled, again), "ns"),
                ], target: workload.target)
        }
    }

    /// Takes that were granted; a refusal is no take.
    private static func twoTier(tasks: Int) -> Workload {
        Workload(
            name: "limiter-two-tier-\(tasks)",
            title:
                "two-tier limiter on the memory engine, leases of 1,000,000, tryTake(), \(tasks) task\(tasks == 1 ? "" : "s")",
            target: .atLeast(5_000_000, "takes/s")
        ) { workload, options in
            let rule = try RateLimitRule(1_000_000_000, per: .seconds(1))
            let limiter = try TwoTierRateLimiter(
                "bench", rule, on: MemoryRateLimitEngine(clock: options.clock), TwoTierOptions(leaseSize: 1_000_000),
                clock: options.clock)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await limiter.run() }
                let rounds = try await Rounds.measure(
                    workload.name, operations: options.count(8_000_000, atLeast: 1_000) * tasks, options: options
                ) { takes in try await Self.take(takes, tasks: tasks, from: limiter) }
                group.cancelAll()
                return Measurement(
                    workload: workload.name, title: workload.title, figure: rounds.median, unit: "takes/s",
                    count: rounds.count, spread: rounds.spread,
                    facts: [.init("one take", 1e9 / rounds.median, "ns")], target: workload.target)
            }
        }
    }

    private static func take(_ takes: Int, tasks: Int, from limiter: TwoTierRateLimiter) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks {
                group.addTask { @concurrent in
                    var left = takes / tasks
                    while left > 0 {
                        if limiter.tryTake() {
                            left &-= 1
                        } else if try await limiter.take().isAllowed {
                            left &-= 1
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
