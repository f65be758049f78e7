import ColonySimulation
import Testing

@Suite("Manual executor", .timeLimit(.minutes(5)))
struct ManualExecutorTests {
    private func order(_ order: ManualExecutor.Order) -> [Int] {
        let executor = ManualExecutor(order: order)
        let ran = Recorded<[Int]>([])
        for number in 1...20 {
            Task(executorPreference: executor) { ran.withLock { $0.append(number) } }
        }
        #expect(executor.readyCount == 20)
        #expect(executor.runUntilIdle() == 20)
        #expect(executor.readyCount == 0)
        return ran.value
    }

    @Test func `nothing runs before it is told to`() {
        let executor = ManualExecutor()
        let ran = Recorded(false)
        Task(executorPreference: executor) { ran.withLock { $0 = true } }
        #expect(!ran.value)
        #expect(executor.runOne())
        #expect(ran.value)
        #expect(!executor.runOne())
    }

    @Test func `first come, first served`() {
        #expect(self.order(.firstInFirstOut) == Array(1...20))
    }

    @Test func `a seed decides the order, always in the same way`() {
        let orders = Seed(rawValue: 1).followed(by: 20).map { self.order(.seeded($0)) }
        #expect(Set(orders).count == 20)
        #expect(orders == Seed(rawValue: 1).followed(by: 20).map { self.order(.seeded($0)) })
        #expect(orders.allSatisfy { $0.sorted() == Array(1...20) })
    }

    @Test func `each ready job is as likely as any other`() {
        var first = [Int](repeating: 0, count: 21)
        for seed in Seed(rawValue: 1).followed(by: 4_000) { first[self.order(.seeded(seed))[0]] += 1 }
        // 200 are expected of each; six standard deviations are 83.
        #expect(first.dropFirst().allSatisfy { (117...283).contains($0) })
    }

    @Test func `it runs as many jobs as it is told to`() {
        let executor = ManualExecutor()
        for _ in 1...10 { Task(executorPreference: executor) {} }
        #expect(executor.runUntilIdle(limit: 3) == 3)
        #expect(executor.runUntilIdle(limit: 3) == 3)
        #expect(executor.runUntilIdle(limit: 100) == 4)
    }

    @Test func `a task that gives way is ready again`() {
        let executor = ManualExecutor()
        let laps = Recorded(0)
        Task(executorPreference: executor) {
            while laps.withLock({
                $0 += 1; return $0
            }) < 50 { await Task.yield() }
        }
        #expect(executor.runUntilIdle() >= 50)
        #expect(laps.value == 50)
    }

    @Test func `all of a task runs on the thread that says so`() async {
        let executor = ManualExecutor()
        let task = Task(executorPreference: executor) {
            await withTaskGroup(of: Int.self) { group in
                for number in 1...5 { group.addTask { number } }
                return await group.reduce(0, +)
            }
        }
        executor.runUntilIdle()
        #expect(await task.value == 15)
    }
}
