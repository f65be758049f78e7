import ColonyConformance
import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Testing

@Suite("The embedded queue", .timeLimit(.minutes(3)))
struct SQLiteQueueModelTests {
    @Test("agrees with a naive queue over 30 seeds of 700 steps, on one file")
    func model() async throws {
        let folder = try TemporaryFolder()
        let (clock, wall) = (ManualClock(now: MonotonicInstant(nanoseconds: 0)), ManualWallClock())
        let engine = SQLiteQueueEngine(
            path: folder.store, clock: clock, wall: wall, boot: BootIdentity("boot-1"), registry: StoreRegistry())
        for seed in 0..<30 as Range<UInt64> {
            // The host clock of a file goes on; the civil one may step back.
            let start = clock.now.nanoseconds
            let surroundings = QueueModelRun.Surroundings(
                engine: engine, queue: try QueueName("q\(seed)")
            ) { now, civil in
                clock.advance(to: MonotonicInstant(nanoseconds: start + now * 1_000_000))
                wall.set(WallTime(millisecondsSince1970: civil))
            }
            try await QueueModelRun.run(
                steps: 700, in: surroundings, using: SeededGenerator(seed: Seed(rawValue: seed)))
        }
        await engine.close()
    }
}
