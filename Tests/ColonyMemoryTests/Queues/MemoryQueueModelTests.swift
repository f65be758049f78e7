import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Testing

@Suite("A queue in memory", .timeLimit(.minutes(2)))
struct MemoryQueueModelTests {
    @Test("agrees with a naive queue over 200 seeds of 1,000 steps")
    func model() async throws {
        for seed in 0..<200 as Range<UInt64> {
            let (clock, wall) = (ManualClock(now: MonotonicInstant(nanoseconds: 0)), ManualWallClock())
            let surroundings = QueueModelRun.Surroundings(
                engine: MemoryQueueEngine(clock: clock, wallClock: wall), queue: "q"
            ) { now, civil in
                clock.advance(to: MonotonicInstant(nanoseconds: now * 1_000_000))
                wall.set(WallTime(millisecondsSince1970: civil))
            }
            try await QueueModelRun.run(
                steps: 1_000, in: surroundings, using: SeededGenerator(seed: Seed(rawValue: seed)))
        }
    }
}
