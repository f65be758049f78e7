import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation

/// Puts an engine in this process to the conformance cases on a clock that is moved by hand, so that no case waits.
struct ManualLeaseHarness: LeaseHarness {
    private let manualClock: ManualClock
    private let engine: any LeaseEngine

    let patience: Duration
    let effort: Double

    /// - Parameters:
    ///   - patience: Shorter than usual only for engines that are meant to fail.
    ///   - effort: Less than all of it only for those.
    ///   - make: Makes the engine under test, on the clock of the harness.
    init(
        patience: Duration = .seconds(20), effort: Double = 1,
        _ make: (ManualClock) -> any LeaseEngine = { MemoryLeaseEngine(clock: $0) }
    ) {
        self.patience = patience
        self.effort = effort
        self.manualClock = ManualClock()
        self.engine = make(self.manualClock)
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var grace: Duration { .zero }

    /// Memory is shared by those who share the engine.
    func makeEngine() async throws -> any LeaseEngine { self.engine }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }

    func settle() async throws {
        // Whoever waits on the memory engine sleeps on its clock. A case in which nobody waits goes on after a moment. Who
        // sleeps already may have been woken and not know it yet, which the short rest is for.
        let clock = HostClock()
        try await clock.sleep(for: .milliseconds(1))
        do {
            try await self.manualClock.waitForSleepers(1, within: .milliseconds(10))
        } catch is NobodySleeps {
            return
        }
    }
}
