import ColonyCoordination
public import ColonyCore

/// The loads of coordination figures, on whatever engine they are given: what `colony bench locks --store URL` runs, and what
/// the Benchmarks package runs beside the clients that servers bring with them.
public enum EngineLoad {
    /// How many clients the figures are about.
    public static let clients = 64

    /// What a round of acquisitions and releases gave.
    public struct Pairs: Sendable {
        /// How many were finished.
        public var count: Int
        /// How many were finished in a second.
        public var rate: Double
        /// How long each took.
        public var samples: [Duration]
    }

    /// Acquires and releases from many tasks, a name each that nobody else wants, through the port.
    ///
    /// - Parameters:
    ///   - tasks: At least one; they share the engine.
    ///   - span: For how long tasks begin new pairs. Each finishes the pair that it has begun.
    ///   - folder: What the names begin with, in front of a slash.
    /// - Throws: What the engine threw, or ``WorkloadError`` if somebody else holds one of the names.
    @concurrent
    public static func pairs(
        for span: Duration, tasks: Int = EngineLoad.clients, under folder: String, on engine: any LeaseEngine,
        clock: any MonotonicClock
    ) async throws -> Pairs {
        let start = clock.now
        let end = start.advanced(by: span)
        let samples = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for task in 0..<tasks {
                let name = try LeaseName("\(folder)/\(task)")
                group.addTask { try await Self.pairs(until: end, of: name, on: engine, clock: clock) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let elapsed = start.duration(to: clock.now)
        return Pairs(
            count: samples.count, rate: Double(samples.count) / (Double(elapsed.clampedNanoseconds) / 1e9),
            samples: samples)
    }

    private static func pairs(
        until end: MonotonicInstant, of name: LeaseName, on engine: some LeaseEngine, clock: any MonotonicClock
    ) async throws -> [Duration] {
        var samples: [Duration] = []
        var before = clock.now
        while before < end {
            try await PairLoad.run(1, of: name, on: engine)
            let after = clock.now
            samples.append(before.duration(to: after))
            before = after
        }
        return samples
    }

    /// Has many contenders take one lock in turn: each waits for it, releases it as soon as it has it, and waits again.
    ///
    /// - Parameters:
    ///   - span: For how long holders go back to the queue.
    ///   - name: A name that nobody else wants.
    ///   - engines: One contender for each. Those of one engine wait in the queue of this process, and only the first of
    ///     them in that of the store.
    /// - Returns: The time from just before each release to just after the grant that followed it. Those of the first two
    ///   rounds, in which not all are waiting yet, are left out.
    /// - Throws: What the engine threw, or ``WorkloadError`` if the lock was not handed over for a minute.
    public static func handOvers(
        for span: Duration, of name: LeaseName, on engines: [any LeaseEngine], clock: any MonotonicClock
    ) async throws -> [Duration] {
        let locks = engines.map { DistributedLock(name, on: $0) }
        let end = clock.now.advanced(by: span)
        let samples = try await HandOverLoad.run(among: locks, clock: clock) { count in
            clock.now >= end && count > 2 * locks.count
        }
        guard samples.count > 2 * locks.count else { throw WorkloadError("the lock \(name) was not handed over") }
        return Array(samples.dropFirst(2 * locks.count))
    }
}
