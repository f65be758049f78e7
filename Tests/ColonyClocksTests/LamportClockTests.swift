import ColonyClocks
import ColonyCore
import ColonySimulation
import Testing

@Suite("Lamport clock")
struct LamportClockTests {
    @Test("a cause has a smaller timestamp than its effect, and no timestamp is given twice", arguments: seeds)
    func clockCondition(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        var clocks = (0..<4).map { LamportClock(node: node($0)) }
        var last = [LamportTimestamp?](repeating: nil, count: 4)
        var sent: [LamportTimestamp] = []
        var all: Set<LamportTimestamp> = []
        for _ in 0..<300 {
            let index = Int.random(in: 0..<4, using: &chance)
            let event: LamportTimestamp
            if let message = sent.randomElement(using: &chance), chance.happens(withProbability: 0.5) {
                event = try clocks[index].observe(message)
                #expect(message < event)
            } else {
                event = try clocks[index].tick()
                sent.append(event)
            }
            if let before = last[index] { #expect(before < event) }
            last[index] = event
            #expect(all.insert(event).inserted)
        }
    }

    @Test("the end of the numbers is an error, and changes nothing")
    func exhaustion() throws {
        var clock = LamportClock(node: node(0), after: .max - 1)
        #expect(try clock.tick().time == .max)
        let error = #expect(throws: ClockError.self) { try clock.tick() }
        #expect(error?.code == .exhausted)
        #expect(clock.time == .max)

        var young = LamportClock(node: node(0))
        let refused = #expect(throws: ClockError.self) {
            try young.observe(LamportTimestamp(time: .max, node: node(1)))
        }
        #expect(refused?.code == .exhausted)
        #expect(young.time == 0)
    }

    @Test("equal numbers are ordered by node, and only by it")
    func totalOrder() {
        let first = LamportTimestamp(time: 3, node: node(0))
        let second = LamportTimestamp(time: 3, node: node(1))
        #expect(first < second)
        #expect(!(second < first))
        #expect(!(first < first))
    }

    @Test("several threads get different timestamps, and each gets them in order")
    func threads() async throws {
        let clock = SharedLamportClock(node: node(0), after: 10)
        let perTask = 20_000
        let lists = try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for task in 0..<4 {
                group.addTask {
                    try (0..<perTask).map { round in
                        let remote = LamportTimestamp(time: UInt64(round), node: node(1))
                        return try task == 0 ? clock.observe(remote).time : clock.tick().time
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for list in lists { #expect(zip(list, list.dropFirst()).allSatisfy { $0 < $1 }) }
        #expect(Set(lists.joined()).count == 4 * perTask)
        #expect(clock.time >= UInt64(10 + 4 * perTask))
    }
}
