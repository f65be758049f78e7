import ColonyConformance
import ColonyCore
import ColonyResilience
import ColonySQLite
import ColonySimulation
import Synchronization
import Testing

/// Each client stands for a process of its own on a clock that is moved by hand: it shares the file and the clock with the others,
/// and nothing else.
private final class RateLimitProcessesHarness: RateLimitHarness {
    private let folder: TemporaryFolder
    private let manualClock = ManualClock()
    private let engines = Mutex<[SQLiteRateLimitEngine]>([])

    init() throws {
        self.folder = try TemporaryFolder()
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var resolution: Duration { .zero }
    var effort: Double { 0.2 }

    func makeEngine() async throws -> any RateLimitEngine {
        let engine = SQLiteRateLimitEngine(
            path: self.folder.store, clock: self.manualClock, boot: BootIdentity("boot-1"), registry: StoreRegistry())
        self.engines.withLock { $0.append(engine) }
        return engine
    }

    func reopen() async throws -> any RateLimitEngine {
        for engine in self.engines.withLock({ $0 }) { await engine.close() }
        return try await self.makeEngine()
    }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }
}

@Suite("The embedded engine keeps the promises of the port of shared limits", .timeLimit(.minutes(5)))
struct SQLiteRateLimitConformanceTests {
    @Test(arguments: RateLimitConformance.cases)
    func `several processes, to the nanosecond`(check: RateLimitCase) async throws {
        switch await check.run(on: try RateLimitProcessesHarness()) {
        case .passed: break
        case .failed(let finding): Issue.record("\(finding)")
        // The engine lives in the process of its client, whose clock is the store's.
        case .skipped(let reason): #expect(check.property == .clocks, "\(reason)")
        }
    }

    @Test func `one process, on the host's clock`() async throws {
        let folder = try TemporaryFolder()
        let report = await RateLimitConformance.run(
            on: LiveRateLimitHarness(timeScale: 0.05) { SQLiteRateLimitEngine.sqlite(path: folder.store) })
        #expect(report.isPassed, "\(report.text)")
    }
}
