import ColonyCore
import ColonyIdentifiers

/// Numbers from a generator as fast as they come: the load of the segment figures.
enum SegmentLoad {
    /// So many numbers from one task.
    ///
    /// - Throws: ``WorkloadError`` if a number does not rise.
    @concurrent
    static func run(_ numbers: Int, from generator: SegmentIDGenerator) async throws {
        var last: Int64 = 0
        for _ in 0..<numbers {
            let number = try await generator.next()
            guard number > last else { throw WorkloadError("the number \(number) was given after \(last)") }
            last = number
        }
    }

    /// So many numbers, shared by `tasks` tasks.
    @concurrent
    static func run(_ numbers: Int, tasks: Int, from generator: SegmentIDGenerator) async throws {
        if tasks == 1 { return try await Self.run(numbers, from: generator) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                let share = numbers / tasks + (task < numbers % tasks ? 1 : 0)
                group.addTask { try await Self.run(share, from: generator) }
            }
            try await group.waitForAll()
        }
    }

    /// How long single calls take, over as many refills as the numbers need: the clock is read once for each call.
    @concurrent
    static func latency(
        numbers: Int, from generator: SegmentIDGenerator, clock: any MonotonicClock
    ) async throws -> [Duration] {
        var samples: [Duration] = []
        samples.reserveCapacity(numbers)
        var before = clock.now
        for _ in 0..<numbers {
            _ = try await generator.next()
            let after = clock.now
            samples.append(before.duration(to: after))
            before = after
        }
        return samples
    }
}
