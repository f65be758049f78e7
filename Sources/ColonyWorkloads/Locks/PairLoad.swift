import ColonyCoordination
import ColonyCore

/// Acquire and release, over and over: the load of most lock figures.
enum PairLoad {
    /// The lease of a benchmark: long enough that no renewal falls into a pair.
    static let duration: Duration = .seconds(30)

    /// Through the port, from one task; each pair has a new owner, as each acquisition of a lock has.
    @concurrent
    static func run(_ pairs: Int, of name: LeaseName, on engine: some LeaseEngine) async throws {
        for _ in 0..<pairs {
            let owner = OwnerID.unique()
            guard case .granted(let lease) = try await engine.tryAcquire(name, owner: owner, for: Self.duration),
                try await engine.release(name, owner: owner, token: lease.token)
            else { throw WorkloadError("the lock \(name) of a benchmark was held by somebody else") }
        }
    }

    /// Through the front door, from one task.
    @concurrent
    static func run(_ pairs: Int, of lock: DistributedLock) async throws {
        for _ in 0..<pairs {
            guard let held = try await lock.tryAcquire(), try await held.release() else {
                throw WorkloadError("the lock \(lock.name) of a benchmark was held by somebody else")
            }
        }
    }

    /// Through the port, from many tasks with a name of their own each.
    @concurrent
    static func run(_ pairs: Int, tasks: Int, on engine: some LeaseEngine) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                let share = pairs / tasks + (task < pairs % tasks ? 1 : 0)
                let name = try LeaseName("bench/\(task)")
                group.addTask { try await Self.run(share, of: name, on: engine) }
            }
            try await group.waitForAll()
        }
    }

    /// How long single pairs take. Apart from the rounds, because reading the clock costs as much as some pairs do.
    @concurrent
    static func latency(
        samples: Int, tasks: Int, clock: any MonotonicClock, on engine: some LeaseEngine
    ) async throws -> Percentiles {
        let all = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for task in 0..<tasks {
                let name = try LeaseName("bench/\(task)")
                group.addTask {
                    var own: [Duration] = []
                    for _ in 0..<max(1, samples / tasks) {
                        let start = clock.now
                        try await Self.run(1, of: name, on: engine)
                        own.append(start.duration(to: clock.now))
                    }
                    return own
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Percentiles(all)
    }
}
