import ColonyCaches
import ColonyConformance
import ColonyCore
import ColonySimulation

/// Puts a tier in this process to the conformance cases on a clock that is moved by hand, so that no case waits.
struct ManualCacheTierHarness: CacheTierHarness {
    private let manualClock: ManualClock
    private let connect: @Sendable () -> any CacheTier

    let patience: Duration
    let effort: Double

    /// - Parameters:
    ///   - patience: Shorter than usual only for tiers that are meant to fail.
    ///   - effort: Less than all of it only for those.
    ///   - make: Opens a store on the clock of the harness and gives what makes its clients.
    init(
        patience: Duration = .seconds(20), effort: Double = 1,
        _ make: (ManualClock) -> @Sendable () -> any CacheTier
    ) {
        self.patience = patience
        self.effort = effort
        self.manualClock = ManualClock()
        self.connect = make(self.manualClock)
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var resolution: Duration { .zero }

    func makeTier() async throws -> any CacheTier { self.connect() }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }
}
