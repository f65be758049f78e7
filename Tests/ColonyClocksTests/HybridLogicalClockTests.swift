import ColonyClocks
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

@Suite("Hybrid logical clock")
struct HybridLogicalClockTests {
    private static let start: Int64 = 1_767_225_600_000

    private struct Host {
        let wall: ManualWallClock
        let clock: HybridLogicalClock
        var last: HybridTimestamp?

        init(skew: Int64, bound: Duration) {
            self.wall = ManualWallClock(now: WallTime(millisecondsSince1970: HybridLogicalClockTests.start + skew))
            self.clock = HybridLogicalClock(wallClock: self.wall, maximumDrift: bound)
        }
    }

    @Test("a cause has a smaller timestamp, and none leaves the bound, whatever the wall clocks do", arguments: seeds)
    func theorems(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        let bound: Int64 = 50
        var hosts = (0..<4).map { _ in
            Host(skew: .random(in: -60...60, using: &chance), bound: .milliseconds(bound))
        }
        var sent: [HybridTimestamp] = []
        for _ in 0..<300 {
            let index = Int.random(in: 0..<4, using: &chance)
            // Mostly forward, at times a step back.
            hosts[index].wall.step(
                by: .milliseconds(
                    chance.happens(withProbability: 0.1)
                        ? .random(in: -30...0, using: &chance) : Int.random(in: 0...3, using: &chance)))
            let wall = hosts[index].wall.now.millisecondsSince1970
            let before = hosts[index].clock.latest
            let message = chance.happens(withProbability: 0.5) ? sent.randomElement(using: &chance) : nil
            do {
                let event = try message.map { try hosts[index].clock.receive($0) } ?? hosts[index].clock.next()
                if let message { #expect(message < event, "\(seed)") }
                if let last = hosts[index].last { #expect(last < event, "\(seed)") }
                // The figure of the paper, written out.
                let greatest = max(Int64(before.milliseconds), Int64(message?.milliseconds ?? 0), wall)
                var counter = -1
                if greatest == Int64(before.milliseconds) { counter = max(counter, Int(before.counter)) }
                if let message, greatest == Int64(message.milliseconds) { counter = max(counter, Int(message.counter)) }
                #expect(Int64(event.milliseconds) == greatest && Int(event.counter) == counter + 1, "\(seed)")
                #expect(Int64(event.milliseconds) >= wall && Int64(event.milliseconds) - wall <= bound, "\(seed)")
                hosts[index].last = event
                sent.append(event)
            } catch let error as ClockError {
                #expect(hosts[index].clock.latest == before, "a refusal changed the clock")
                if error.code == .remoteAhead {
                    #expect(Int64(try #require(message).milliseconds) - wall > bound)
                } else {
                    #expect(error.code == .clockMovedBack)
                    #expect(Int64(before.milliseconds) - wall > bound)
                }
            }
        }
        #expect(sent.count > 20, "nearly everything was refused, so the run shows nothing")
    }

    @Test("a timestamp beyond the bound is refused with both times, and one at the bound is taken")
    func remoteBound() throws {
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 10_000))
        let clock = HybridLogicalClock(wallClock: wall, maximumDrift: .milliseconds(100))
        let far = try HybridTimestamp(milliseconds: 10_101, counter: 0)
        let error = #expect(throws: ClockError.self) { try clock.receive(far) }
        #expect(error?.code == .remoteAhead)
        #expect(error?.message.contains("10101") == true && error?.message.contains("10000") == true)
        #expect(clock.latest.rawValue == 0)
        let edge = try HybridTimestamp(milliseconds: 10_100, counter: 7)
        #expect(try clock.receive(edge) == HybridTimestamp(milliseconds: 10_100, counter: 8))
        #expect(throws: ClockError.self) { try clock.receive(HybridTimestamp(rawValue: .max)) }
    }

    @Test("a small step back keeps counting, a large one is refused until the clock has caught up")
    func stepBack() throws {
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 10_000))
        let clock = HybridLogicalClock(wallClock: wall, maximumDrift: .milliseconds(100))
        let first = try clock.next()
        wall.step(by: .milliseconds(-100))
        #expect(try clock.next().rawValue == first.rawValue + 1)
        wall.step(by: .milliseconds(-50))
        let error = #expect(throws: ClockError.self) { try clock.next() }
        #expect(error?.code == .clockMovedBack)
        #expect(error?.retryAfter == .milliseconds(50))
        wall.step(by: .milliseconds(50))
        #expect(try clock.next().rawValue == first.rawValue + 2)
    }

    @Test("when the counter runs over, the milliseconds move ahead of the wall clock, up to the bound")
    func counterOverflow() throws {
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 5_000))
        let full = try HybridTimestamp(milliseconds: 5_000, counter: .max)
        let clock = HybridLogicalClock(wallClock: wall, maximumDrift: .milliseconds(1), after: full)
        #expect(try clock.next() == HybridTimestamp(milliseconds: 5_001, counter: 0))
        var count = 1
        let error = #expect(throws: ClockError.self) {
            while true {
                _ = try clock.next()
                count += 1
            }
        }
        #expect(error?.code == .clockMovedBack)
        #expect(count == 65_536)
        #expect(clock.latest == (try HybridTimestamp(milliseconds: 5_001, counter: .max)))
    }

    @Test("a wall clock before 1970 or after 48 bits is refused")
    func wallClockRange() throws {
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: -1))
        let clock = HybridLogicalClock(wallClock: wall)
        for now in [-1, Int64.min, Int64.max, 1 << 48] {
            wall.set(WallTime(millisecondsSince1970: now))
            let error = #expect(throws: ClockError.self) { try clock.next() }
            #expect(error?.code == .wallClockOutOfRange)
            #expect(throws: ClockError.self) { try clock.receive(HybridTimestamp(rawValue: 1)) }
        }
        wall.set(WallTime(millisecondsSince1970: (1 << 48) - 1))
        let last = HybridLogicalClock(wallClock: wall, after: HybridTimestamp(rawValue: .max))
        let error = #expect(throws: ClockError.self) { try last.next() }
        #expect(error?.code == .exhausted)
    }

    @Test(
        "several threads never get a timestamp twice, each gets them in order, and a jumping wall clock changes nothing"
    )
    func threads() async throws {
        let wall = JumpingWallClock()
        let clock = HybridLogicalClock(wallClock: wall, maximumDrift: .seconds(3_600))
        let perTask = 20_000
        let lists = try await withThrowingTaskGroup(of: [HybridTimestamp].self) { group in
            for task in 0..<4 {
                group.addTask {
                    var previous = HybridTimestamp(rawValue: 0)
                    return try (0..<perTask).map { round in
                        if round % 100 == 0 { wall.step(round % 300 == 0 ? -5 : 4) }
                        previous = try task == 0 ? clock.receive(previous) : clock.next()
                        return previous
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for list in lists { #expect(zip(list, list.dropFirst()).allSatisfy { $0 < $1 }) }
        #expect(Set(lists.joined()).count == 4 * perTask)
    }

    @Test("the text sorts like the time and comes back as it was", arguments: seeds.prefix(20))
    func text(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let first = HybridTimestamp(rawValue: chance.next() >> UInt64.random(in: 0..<64, using: &chance))
            let second = HybridTimestamp(rawValue: chance.next() >> UInt64.random(in: 0..<64, using: &chance))
            #expect((first < second) == (first.description < second.description))
            #expect(try HybridTimestamp(first.description) == first)
        }
    }

    @Test(
        "text in another form is refused and quoted",
        arguments: [
            "", "0199b3c2f4a1", "0199b3c2f4a1-", "0199b3c2f4a1-00030", "0199B3C2F4A1-0003", "0199b3c2f4a10-003",
            "0199b3c2f4a1-000\u{7}", "+199b3c2f4a1-0003", "0199b3c2f4a1-00é",
        ])
    func malformedText(text: String) {
        let error = #expect(throws: ClockError.self) { try HybridTimestamp(text) }
        #expect(error?.code == .malformedValue)
        #expect(error?.message.contains("\u{7}") == false)
    }

    @Test("a time that does not fit is refused")
    func range() throws {
        #expect(throws: ClockError.self) { try HybridTimestamp(milliseconds: 1 << 48, counter: 0) }
        let latest = try HybridTimestamp(milliseconds: HybridTimestamp.maximumMilliseconds, counter: .max)
        #expect(latest.rawValue == .max)
        #expect(latest.description == "ffffffffffff-ffff")
    }
}

/// Civil time on one atomic word, which the thread sanitizer understands; it does not see the system calls of a `Mutex`.
private final class JumpingWallClock: WallClock {
    private let milliseconds = Atomic<Int64>(1_767_225_600_000)

    var now: WallTime { WallTime(millisecondsSince1970: self.milliseconds.load(ordering: .acquiring)) }

    func step(_ milliseconds: Int64) {
        self.milliseconds.add(milliseconds, ordering: .acquiringAndReleasing)
    }
}
