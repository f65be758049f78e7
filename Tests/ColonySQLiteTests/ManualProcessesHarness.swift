import ColonyConformance
import ColonyCore
import ColonySQLite
import ColonySimulation

/// Puts the embedded engine to the conformance cases on a clock that is moved by hand.
///
/// Each client stands for a process of its own: it shares the file and the clock with the others, and nothing else.
final class ManualProcessesHarness: LeaseHarness {
    private let folder: TemporaryFolder
    private let manualClock = ManualClock()

    init() throws {
        self.folder = try TemporaryFolder()
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var grace: Duration { .zero }
    var effort: Double { 0.5 }

    func makeEngine() async throws -> any LeaseEngine {
        SimulatedHost(path: self.folder.store, clock: self.manualClock).process()
    }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }

    func settle() async throws {
        try await HostClock().sleep(for: .milliseconds(20))
    }
}
