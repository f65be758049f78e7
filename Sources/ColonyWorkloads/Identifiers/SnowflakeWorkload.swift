import ColonyCore
import ColonyIdentifiers

/// How fast Snowflake identifiers come, at the limit of their layout and below it.
public enum SnowflakeWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.sustained, self.waiting, self.cost("snowflake-cost", "exact clock", SystemWallClock()),
            self.cost("snowflake-coarse", "coarse clock", CoarseWallClock()), self.batches,
        ]
    }

    // MARK: At the limit

    private static let limit = 4_096_000.0
    private static let defects = "ids issued twice or out of order"

    /// Two threads that ask again and again, for ten seconds, on one generator.
    public static let sustained = Workload(
        name: "snowflake-limit", title: "snowflakes of the classic layout at its limit, tryNext(), 2 threads, 10 s",
        // A tick that was begun before the clock was first read is not whole.
        target: .atLeast(Self.limit, "ids/s")
    ) { workload, options in
        let generator = try SnowflakeGenerator(worker: 1, clock: options.clock)
        let duration = Duration.milliseconds(options.milliseconds(10_000))
        let clock = options.clock
        let start = clock.now
        let deadline = start.advanced(by: duration)
        let lists = try await SpinningThreads.run(2) { _ in
            var ids = Self.list(for: duration)
            var asked = 0
            while true {
                if let id = try generator.tryNext() { ids.append(id.rawValue) }
                asked &+= 1
                // Reading the clock costs as much as an identifier.
                if asked & 255 == 0, clock.now >= deadline { return ids }
            }
        }
        return try Self.measurement(of: workload, lists, in: start.duration(to: clock.now))
    }

    /// Two tasks that wait for each identifier.
    public static let waiting = Workload(
        name: "snowflake-waiting",
        title: "snowflakes of the classic layout at its limit, next(waitingUpTo:), 2 tasks, 2 s"
    ) { workload, options in
        let generator = try SnowflakeGenerator(worker: 1, clock: options.clock)
        let duration = Duration.milliseconds(options.milliseconds(2_000))
        let clock = options.clock
        let start = clock.now
        let deadline = start.advanced(by: duration)
        let lists = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<2 {
                group.addTask { @concurrent in
                    var ids = Self.list(for: duration)
                    repeat {
                        for _ in 0..<256 { ids.append(try await generator.next(waitingUpTo: .seconds(1)).rawValue) }
                    } while clock.now < deadline
                    return ids
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        return try Self.measurement(of: workload, lists, in: start.duration(to: clock.now))
    }

    /// A list that need not grow while it is measured.
    private static func list(for duration: Duration) -> [Int64] {
        var ids: [Int64] = []
        ids.reserveCapacity(Int(duration.clampedMilliseconds) * 4_096 + 8_192)
        return ids
    }

    /// Looks at every identifier before it gives a figure.
    private static func measurement(
        of workload: Workload, _ lists: [[Int64]], in time: Duration
    ) throws -> Measurement {
        let count = lists.reduce(0) { $0 + $1.count }
        let found = Self.countDefects(lists)
        guard found == 0 else { throw WorkloadError("\(found) of \(count) ids were issued twice or out of order") }
        let rate = Double(count) / max(1e-9, Double(time.clampedNanoseconds) / 1e9)
        return Measurement(
            workload: workload.name, title: workload.title, figure: rate, unit: "ids/s", count: count,
            facts: [.init(Self.defects, Double(found), "ids")], target: workload.target)
    }

    /// How many identifiers do not exceed the one before them in their list, or are in both lists; by one merge, O(*n*).
    static func countDefects(_ lists: [[Int64]]) -> Int {
        var found = 0
        for list in lists {
            var last: Int64 = -1
            for id in list {
                if id <= last { found += 1 }
                last = id
            }
        }
        guard lists.count == 2 else { return found }
        var (i, j) = (0, 0)
        while i < lists[0].count, j < lists[1].count {
            let (first, second) = (lists[0][i], lists[1][j])
            if first == second { found += 1 }
            if first <= second { i += 1 } else { j += 1 }
        }
        return found
    }

    // MARK: Below the limit

    /// A layout whose limit, a million in a millisecond, nobody reaches, so that only the calls are measured.
    private static func roomy() throws -> SnowflakeLayout {
        try SnowflakeLayout(timeBits: 41, workerBits: 2, sequenceBits: 20, epoch: SnowflakeLayout.classic.epoch)
    }

    private static func cost(_ name: String, _ clockName: String, _ wallClock: any WallClock) -> Workload {
        Workload(
            name: name, title: "one snowflake below the limit, next(), \(clockName), 20 sequence bits, 1 thread",
            target: .atMost(25, "ns", of: "one id")
        ) { workload, options in
            let generator = try SnowflakeGenerator(layout: Self.roomy(), worker: 1, wallClock: wallClock)
            return try await Self.rate(of: workload, options) { count in
                var last: Int64 = -1
                for _ in 0..<count {
                    let id = try generator.next().rawValue
                    guard id > last else { throw WorkloadError("\(id) was issued after \(last)") }
                    last = id
                }
            }
        }
    }

    /// A hundred at a time.
    public static let batches = Workload(
        name: "snowflake-batch", title: "snowflakes below the limit in batches of 100, 20 sequence bits, 1 thread",
        target: .atMost(25, "ns", of: "one id")
    ) { workload, options in
        let generator = try SnowflakeGenerator(layout: Self.roomy(), worker: 1)
        return try await Self.rate(of: workload, options) { count in
            var (last, missing) = (-1 as Int64, count)
            while missing > 0 {
                guard let batch = try generator.tryNext(upTo: min(100, missing)) else { continue }
                for id in batch {
                    guard id.rawValue > last else { throw WorkloadError("\(id) was issued after \(last)") }
                    last = id.rawValue
                }
                missing -= batch.count
            }
        }
    }

    private static func rate(
        of workload: Workload, _ options: WorkloadOptions, _ loop: @escaping @Sendable (_ count: Int) throws -> Void
    ) async throws -> Measurement {
        let rounds = try await Rounds.measure(
            workload.name, operations: options.count(10_000_000, atLeast: 100), options: options
        ) { operations in _ = try await SpinningThreads.run(1) { _ in try loop(operations) } }
        return Measurement(
            workload: workload.name, title: workload.title, figure: rounds.median, unit: "ids/s", count: rounds.count,
            spread: rounds.spread, facts: [.init("one id", 1e9 / rounds.median, "ns")], target: workload.target)
    }
}
