import ColonyConformance
import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Synchronization
import Testing

private let everyCase = QueueConformance.cases + ExchangeConformance.cases + TopicConformance.cases

/// Each client stands for a process of its own: it shares the file with the others, and nothing else.
private final class QueueProcessesHarness: QueueHarness {
    private let folder: TemporaryFolder
    private let engines = Mutex<[SQLiteQueueEngine]>([])
    private let manualClock = ManualClock()
    private let wallClock = ManualWallClock()

    init() throws {
        self.folder = try TemporaryFolder()
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var resolution: Duration { .zero }
    var effort: Double { 0.4 }

    func makeEngine() async throws -> any QueueEngine {
        let engine = SQLiteQueueEngine(
            path: self.folder.store, clock: self.manualClock, wall: self.wallClock, boot: BootIdentity("boot-1"),
            registry: StoreRegistry())
        self.engines.withLock { $0.append(engine) }
        return engine
    }

    func advance(by duration: Duration) async throws {
        self.wallClock.step(by: duration)
        self.manualClock.advance(by: duration)
    }

    func close() async {
        for engine in self.engines.withLock({ $0 }) { await engine.close() }
    }
}

@Suite("The embedded engine keeps the promises of the port of queues", .timeLimit(.minutes(5)))
struct SQLiteQueueConformanceTests {
    @Test(arguments: everyCase)
    func `several processes on a manual clock`(check: QueueCase) async throws {
        let harness = try QueueProcessesHarness()
        let outcome = await check.run(on: harness)
        #expect(outcome == .passed)
        await harness.close()
    }

    @Test(arguments: everyCase)
    func `one process on the clock of the host`(check: QueueCase) async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        let outcome = await check.run(on: LiveQueueHarness(timeScale: 0.2, effort: 0.2) { engine })
        #expect(outcome == .passed)
        await engine.close()
    }

    @Test(arguments: ScheduleConformance.cases)
    func `schedules of several processes on a manual clock`(check: QueueCase) async throws {
        let harness = try QueueProcessesHarness()
        let outcome = await check.run(on: harness)
        #expect(outcome == .passed)
        await harness.close()
    }

    @Test(arguments: ScheduleConformance.cases)
    func `schedules of one process on the clock of the host`(check: QueueCase) async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        let outcome = await check.run(on: LiveQueueHarness(timeScale: 0.2, effort: 0.2) { engine })
        #expect(outcome == .passed)
        await engine.close()
    }
}
