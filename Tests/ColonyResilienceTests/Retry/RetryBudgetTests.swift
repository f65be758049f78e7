import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Retry budget")
struct RetryBudgetTests {
    @Test func `a tenth of a hundred calls is ten retries`() throws {
        let clock = ManualClock()
        let budget = try RetryBudget(ratio: 0.1, minimumPerSecond: 0, clock: clock)
        for _ in 0..<100 { budget.deposit() }
        #expect((0..<20).filter { _ in budget.withdraw() }.count == 10)
        #expect(budget.statistics == (granted: 10, refused: 10))
        #expect(budget.balance < 1)
    }

    @Test func `the minimum is there without any call, for the whole window at once`() throws {
        let budget = try RetryBudget(ratio: 0, minimumPerSecond: 2, window: .seconds(10), clock: ManualClock())
        #expect((0..<50).filter { _ in budget.withdraw() }.count == 20)
    }

    @Test func `no window holds more retries than allowed, wherever it begins`() throws {
        let clock = ManualClock(now: MonotonicInstant(nanoseconds: 900_000_000))
        let budget = try RetryBudget(ratio: 0, minimumPerSecond: 2, window: .seconds(10), clock: clock)
        #expect((0..<50).filter { _ in budget.withdraw() }.count == 20)
        clock.advance(by: .milliseconds(9_100))
        #expect(!budget.withdraw(), "twenty were made within these ten seconds")
        clock.advance(by: .seconds(1))
        #expect((0..<50).filter { _ in budget.withdraw() }.count == 20)
    }

    @Test func `what lies longer ago than the window is forgotten`() throws {
        let clock = ManualClock()
        let budget = try RetryBudget(ratio: 1, minimumPerSecond: 0, window: .seconds(10), clock: clock)
        for _ in 0..<5 { budget.deposit() }
        clock.advance(by: .seconds(8))
        #expect(budget.withdraw())
        clock.advance(by: .seconds(2))
        #expect(!budget.withdraw(), "the calls are out of the window, and the retry is not")
        clock.advance(by: .seconds(10))
        budget.deposit()
        #expect(budget.withdraw())
        #expect(!budget.withdraw())
    }

    @Test(arguments: Seed(rawValue: 40).followed(by: 50))
    func `a naive model agrees over random schedules`(seed: Seed) throws {
        var generator = SeededGenerator(seed: seed)
        let clock = ManualClock(
            now: MonotonicInstant(nanoseconds: Int64.random(in: 0...5_000_000_000, using: &generator)))
        let budget = try RetryBudget(ratio: 0.5, minimumPerSecond: 0.3, window: .seconds(10), clock: clock)
        var deposits: [Int64] = []
        var withdrawals: [Int64] = []
        for _ in 0..<1_000 {
            clock.advance(by: .milliseconds(Int64.random(in: 0...400, using: &generator)))
            let slice = clock.now.nanoseconds / 1_000_000_000
            if generator.happens(withProbability: 0.6) {
                budget.deposit()
                deposits.append(slice)
            } else {
                let calls = deposits.filter { $0 > slice - 10 }.count
                let retries = withdrawals.filter { $0 > slice - 11 }.count
                let isExpected = calls + 6 - 2 * retries >= 2
                #expect(budget.withdraw() == isExpected)
                if isExpected { withdrawals.append(slice) }
            }
        }
    }

    @Test func `many threads put in and take out exactly what is there`() async throws {
        let budget = try RetryBudget(ratio: 0.5, minimumPerSecond: 0, window: .seconds(3_600), clock: ManualClock())
        let granted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<1_000).reduce(0) { sum, _ in
                        budget.deposit()
                        return sum + (budget.withdraw() ? 1 : 0)
                    }
                }
            }
            return await group.reduce(0, +)
        }
        let rest = (0..<8_000).prefix { _ in budget.withdraw() }.count
        #expect(granted + rest == 4_000)
    }

    @Test func `bad settings are refused with their value`() {
        func message(_ body: () throws -> RetryBudget) -> String? {
            let error = #expect(throws: ResilienceError.self) { _ = try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try RetryBudget(ratio: .nan) }?.contains("nan") == true)
        #expect(message { try RetryBudget(ratio: -0.5) }?.contains("-0.5") == true)
        #expect(message { try RetryBudget(ratio: .infinity) }?.contains("inf") == true)
        #expect(message { try RetryBudget(ratio: 0.1, minimumPerSecond: -1) }?.contains("-1") == true)
        #expect(message { try RetryBudget(ratio: 0.1, minimumPerSecond: .nan) }?.contains("nan") == true)
        #expect(message { try RetryBudget(ratio: 0.1, window: .zero) }?.contains("0.0 seconds") == true)
        #expect(
            message { try RetryBudget(ratio: 0.1, window: .seconds(Int64.max)) }?.contains("9.22")
                == true)
    }
}
