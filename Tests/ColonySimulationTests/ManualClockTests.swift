import ColonyCore
import ColonySimulation
import Testing

@Suite("Manual clock", .timeLimit(.minutes(5)))
struct ManualClockTests {
    @Test func `it stands still until it is moved`() {
        let clock = ManualClock(now: MonotonicInstant(nanoseconds: 5))
        #expect(clock.now.nanoseconds == 5)
        clock.advance(by: .nanoseconds(10))
        #expect(clock.now.nanoseconds == 15)
        clock.advance(to: MonotonicInstant(nanoseconds: 12))
        #expect(clock.now.nanoseconds == 15)
        clock.advance(to: MonotonicInstant(nanoseconds: 20))
        #expect(clock.now.nanoseconds == 20)
    }

    @Test func `sleepers are woken in the order of their deadlines, equal ones in the order of their sleep`() {
        let clock = ManualClock()
        let executor = ManualExecutor()
        let woken = Recorded<[Int]>([])
        for (number, delay) in [30, 10, 20, 10, 30, 10].enumerated() {
            Task(executorPreference: executor) {
                try await clock.sleep(for: .seconds(delay))
                woken.withLock { $0.append(number) }
            }
        }
        executor.runUntilIdle()
        #expect(clock.sleeperCount == 6)
        #expect(clock.nextDeadline == clock.now.advanced(by: .seconds(10)))
        clock.advance(by: .milliseconds(9_999))
        executor.runUntilIdle()
        #expect(woken.value == [])
        clock.advance(by: .milliseconds(1))
        executor.runUntilIdle()
        #expect(woken.value == [1, 3, 5])
        clock.advance(by: .seconds(100))
        executor.runUntilIdle()
        #expect(woken.value == [1, 3, 5, 2, 0, 4])
        #expect(clock.nextDeadline == nil)
        #expect(clock.advanceToNextDeadline() == nil)
    }

    @Test func `a deadline that has passed does not suspend`() async throws {
        let clock = ManualClock()
        try await clock.sleep(for: .zero)
        try await clock.sleep(until: clock.now.advanced(by: .seconds(-1)), tolerance: nil)
    }

    @Test func `cancellation ends a sleep at once and leaves nothing`() async throws {
        let clock = ManualClock()
        let task = Task { try await clock.sleep(for: .seconds(1)) }
        try await clock.waitForSleepers(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(clock.sleeperCount == 0)
    }

    @Test func `a task that is cancelled already does not sleep`() async {
        let clock = ManualClock()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.sleep(for: .seconds(1))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(clock.sleeperCount == 0)
    }

    @Test func `waiting for sleepers ends as soon as enough sleep`() async throws {
        let clock = ManualClock()
        let tasks = (1...50).map { number in
            Task { try await clock.sleep(for: .seconds(number)) }
        }
        try await clock.waitForSleepers(50)
        #expect(clock.sleeperCount == 50)
        clock.advance(by: .seconds(25))
        #expect(clock.sleeperCount == 25)
        clock.advance(by: .seconds(25))
        for task in tasks { try await task.value }
    }

    @Test func `waiting for sleepers that never come tells what was found`() async throws {
        let clock = ManualClock()
        let error = try await #require(throws: NobodySleeps.self) {
            try await clock.waitForSleepers(2, within: .milliseconds(20))
        }
        #expect(error.expected == 2)
        #expect(error.found == 0)
    }

    @Test func `a wait for sleepers can be cancelled`() async {
        let clock = ManualClock()
        let task = Task { try await clock.waitForSleepers(1) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `sleeping, waking, and cancelling at once loses nobody`() async throws {
        let clock = ManualClock()
        let ended = Recorded(0)
        let tasks = (0..<2_000).map { number in
            Task {
                try? await clock.sleep(for: .milliseconds(number % 7 + 1))
                ended.withLock { $0 += 1 }
            }
        }
        for (number, task) in tasks.enumerated() where number.isMultiple(of: 3) {
            task.cancel()
            if number.isMultiple(of: 30) { clock.advance(by: .nanoseconds(1)) }
        }
        while ended.withLock({ $0 }) < 2_000 {
            clock.advance(by: .milliseconds(10))
            await Task.yield()
        }
        #expect(clock.sleeperCount == 0)
    }

    @Test func `civil time steps both ways`() {
        let clock = ManualWallClock(now: WallTime(millisecondsSince1970: 1_000))
        clock.step(by: .seconds(5))
        #expect(clock.now.millisecondsSince1970 == 6_000)
        clock.step(by: .seconds(-7))
        #expect(clock.now.millisecondsSince1970 == -1_000)
        clock.set(WallTime(millisecondsSince1970: 42))
        #expect(clock.now.millisecondsSince1970 == 42)
    }
}
