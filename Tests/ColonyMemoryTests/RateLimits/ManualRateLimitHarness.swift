import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation

/// Puts an engine in this process to the conformance cases on a clock that is moved by hand, so that no case waits.
struct ManualRateLimitHarness: RateLimitHarness {
    private let manualClock: ManualClock
    private let engine: any RateLimitEngine
    private let makeSkewed: @Sendable (ManualClock, Duration) -> (any RateLimitEngine)?
    let effort: Double

    /// - Parameter make: Makes the engine under test, on the clock of the harness.
    init(
        effort: Double = 1,
        skewed: @escaping @Sendable (ManualClock, Duration) -> (any RateLimitEngine)? = { _, _ in nil },
        _ make: (ManualClock) -> any RateLimitEngine = { MemoryRateLimitEngine(clock: $0) }
    ) {
        self.effort = effort
        self.manualClock = ManualClock(now: MonotonicInstant(nanoseconds: 10_000_000_000_000))
        self.engine = make(self.manualClock)
        self.makeSkewed = skewed
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var resolution: Duration { .zero }

    /// Memory is shared by those who share the engine.
    func makeEngine() async throws -> any RateLimitEngine { self.engine }

    func makeSkewedEngine(by offset: Duration) async throws -> (any RateLimitEngine)? {
        self.makeSkewed(self.manualClock, offset)
    }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }
}
