import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("Exchanges and topics in memory", .timeLimit(.minutes(3)))
struct MemoryRoutingModelTests {
    @Test("agree with a naive router over 200 seeds of 300 steps")
    func exchanges() async throws {
        for seed in 0..<200 as Range<UInt64> {
            do {
                try await ExchangeModelRun.run(
                    steps: 300, on: MemoryQueueEngine(), prefix: "",
                    using: SeededGenerator(seed: Seed(rawValue: seed)))
            } catch let failure as ConformanceFailure {
                Issue.record("seed \(seed), \(failure.message)")
            }
        }
    }

    @Test("agree with a naive log over 200 seeds of 300 steps")
    func topics() async throws {
        for seed in 0..<200 as Range<UInt64> {
            let clock = ManualClock(now: MonotonicInstant(nanoseconds: 0))
            do {
                try await TopicModelRun.run(
                    steps: 300, on: MemoryQueueEngine(clock: clock, wallClock: ManualWallClock()), prefix: "t",
                    setTime: { clock.advance(to: MonotonicInstant(nanoseconds: $0 * 1_000_000)) },
                    using: SeededGenerator(seed: Seed(rawValue: seed)))
            } catch let failure as ConformanceFailure {
                Issue.record("seed \(seed), \(failure.message)")
            }
        }
    }
}
