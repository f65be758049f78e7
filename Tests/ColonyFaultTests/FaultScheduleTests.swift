import ColonySimulation
import FaultHarness
import Testing

@Suite("Schedules of faults")
struct FaultScheduleTests {
    private let scope = FaultScope(servers: 3, contenders: 4, hasNetwork: true, hasWallClocks: true, lease: .seconds(2))

    private func steps(_ seed: Seed, _ scope: FaultScope, _ count: Int = 200) -> [FaultSchedule.Step] {
        var schedule = FaultSchedule(seed: seed, scope: scope)
        return (0..<count).map { _ in schedule.next() }
    }

    @Test
    func `a seed gives the same faults again, and another one others`() {
        #expect(self.steps(7, self.scope) == self.steps(7, self.scope))
        #expect(self.steps(7, self.scope) != self.steps(8, self.scope))
    }

    @Test
    func `every kind has its turn in the first ten`() {
        let kinds = Set(self.steps(1, self.scope, 10).map { "\($0.fault)".prefix { !$0.isNumber } })
        #expect(kinds.count == 10)
    }

    @Test
    func `what is not there is not touched`() {
        let bare = FaultScope(servers: 0, contenders: 2, hasNetwork: false, hasWallClocks: false, lease: .seconds(1))
        for step in self.steps(3, bare) {
            switch step.fault {
            case .killContender(let index), .pauseContender(let index), .killHolder(let index), .pauseHolder(let index):
                #expect((0..<2).contains(index))
            default: Issue.record("\(step.fault) cannot be")
            }
        }
    }

    @Test
    func `a contender stands still for longer than its lease`() {
        for step in self.steps(5, self.scope) {
            if case .pauseContender = step.fault { #expect(step.length > self.scope.lease) }
        }
    }
}
