import ColonyConformance
import ColonyCore
import ColonySQLite
import ColonySimulation
import Testing

/// Puts the embedded engine to the conformance cases on a clock that is moved by hand.
///
/// Each client stands for a process of its own: it shares the file and the clock with the others, and nothing else.
private final class ManualProcessesHarness: LeaseHarness {
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

@Suite("The embedded engine keeps the promises of the lease port", .timeLimit(.minutes(5)))
struct SQLiteLeaseConformanceTests {
    static let cases = LeaseConformance.cases(
        supportedBy: [.administration, .batchRenewal, .fairness, .observation])

    @Test func `it has all four powers`() {
        let capabilities = SQLiteLeaseEngine.sqlite(path: "unused.db").capabilities
        #expect(capabilities == [.administration, .batchRenewal, .fairness, .observation])
    }

    @Test(arguments: Self.cases)
    func `several processes on a manual clock`(check: LeaseCase) async throws {
        let entry = await check.run(on: try ManualProcessesHarness())
        #expect(entry.outcome == .passed)
    }

    @Test(arguments: Self.cases)
    func `one process on the clock of the host`(check: LeaseCase) async throws {
        let folder = try TemporaryFolder()
        let entry = await check.run(on: LiveLeaseHarness { SQLiteLeaseEngine.sqlite(path: folder.store) })
        #expect(entry.outcome == .passed)
    }
}
