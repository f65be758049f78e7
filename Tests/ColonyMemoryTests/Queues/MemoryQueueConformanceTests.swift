import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySimulation
import Testing

private let everyCase = QueueConformance.cases + ExchangeConformance.cases + TopicConformance.cases

/// Queues in memory on clocks that the cases move.
private struct ManualQueueHarness: QueueHarness {
    private let manualClock = ManualClock()
    private let wallClock = ManualWallClock()
    private let engine: MemoryQueueEngine

    init() {
        self.engine = MemoryQueueEngine(clock: self.manualClock, wallClock: self.wallClock)
    }

    var clock: any MonotonicClock { self.manualClock }
    var timeScale: Double { 1 }
    var resolution: Duration { .zero }
    var effort: Double { 1 }

    func makeEngine() async throws -> any QueueEngine { self.engine }

    func advance(by duration: Duration) async throws {
        self.wallClock.step(by: duration)
        self.manualClock.advance(by: duration)
    }
}

@Suite("Queues in memory keep the promises of the port of queues", .timeLimit(.minutes(5)))
struct MemoryQueueConformanceTests {
    @Test(arguments: everyCase)
    func `on a manual clock`(check: QueueCase) async {
        let outcome = await check.run(on: ManualQueueHarness())
        #expect(outcome == .passed)
    }

    @Test(arguments: everyCase)
    func `on the clock of the host`(check: QueueCase) async {
        let engine = MemoryQueueEngine()
        let outcome = await check.run(on: LiveQueueHarness(timeScale: 0.1) { engine })
        #expect(outcome == .passed)
    }

    @Test(arguments: ScheduleConformance.cases)
    func `schedules, on a manual clock`(check: QueueCase) async {
        let outcome = await check.run(on: ManualQueueHarness())
        #expect(outcome == .passed)
    }

    @Test func `names of cases are unique, and every subject has one`() {
        let cases = everyCase + ScheduleConformance.cases
        #expect(Set(cases.map(\.name)).count == cases.count)
        #expect(Set(cases.map(\.property)) == Set(QueueCase.Property.allCases))
    }
}
