import ColonyCore

/// A harness whose durations are longer than those of another, for machines on which those are over too soon.
struct SlowedHarness: LeaseHarness {
    private let base: any LeaseHarness
    let timeScale: Double

    /// - Parameter factor: At least 1. The durations are at most those that the cases speak of.
    init(_ base: any LeaseHarness, by factor: Double) {
        self.base = base
        self.timeScale = max(base.timeScale, min(base.timeScale * factor, 1))
    }

    func makeEngine() async throws -> any LeaseEngine { try await self.base.makeEngine() }
    var clock: any MonotonicClock { self.base.clock }
    var grace: Duration { self.base.grace }
    var patience: Duration { self.base.patience }
    var effort: Double { self.base.effort }
    var longestLease: Duration { self.base.longestLease }
    func advance(by duration: Duration) async throws { try await self.base.advance(by: duration) }
    func settle() async throws { try await self.base.settle() }
}
