import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Retry delays")
struct RetryDelaysTests {
    private func delays(
        _ growth: RetryDelays.Growth, _ jitter: RetryDelays.Jitter, upTo maximum: Duration = .seconds(1)
    ) throws -> RetryDelays {
        try RetryDelays(growth, from: .milliseconds(100), upTo: maximum, jitter: jitter)
    }

    @Test func `without jitter each growth gives its sequence`() throws {
        var generator = SeededGenerator(seed: 1)
        func sequence(_ growth: RetryDelays.Growth) throws -> [Int64] {
            let delays = try self.delays(growth, .none)
            return (1...6).map { delays.delay(after: $0, using: &generator).clampedMilliseconds }
        }
        #expect(try sequence(.constant) == [100, 100, 100, 100, 100, 100])
        #expect(try sequence(.linear) == [100, 200, 300, 400, 500, 600])
        #expect(try sequence(.exponential(by: 2)) == [100, 200, 400, 800, 1_000, 1_000])
        #expect(try sequence(.exponential(by: 1)) == [100, 100, 100, 100, 100, 100])
    }

    @Test(arguments: [RetryDelays.Jitter.full, .equal])
    func `full and equal jitter are spread evenly over their range`(jitter: RetryDelays.Jitter) throws {
        let delays = try self.delays(.exponential(by: 2), jitter)
        var generator = SeededGenerator(seed: 7)
        var counts = [Int](repeating: 0, count: 10)
        let lowest = jitter == .equal ? 200.0 : 0
        for _ in 0..<100_000 {
            let delay = Double(delays.delay(after: 3, using: &generator).clampedNanoseconds) / 1e6
            #expect(delay >= lowest && delay <= 400)
            counts[min(9, Int((delay - lowest) / (400 - lowest) * 10))] += 1
        }
        // Chi-square with nine degrees of freedom exceeds 33.7 with a probability of one in ten thousand.
        let chiSquare = counts.map { Double(($0 - 10_000) * ($0 - 10_000)) / 10_000 }.reduce(0, +)
        #expect(chiSquare < 33.7)
    }

    @Test func `decorrelated jitter lies between the first wait and three times the one before`() throws {
        let delays = try self.delays(.exponential(by: 2), .decorrelated, upTo: .seconds(10))
        var generator = SeededGenerator(seed: 11)
        var sum = 0.0
        for _ in 0..<10_000 {
            var previous = Duration.zero
            for failures in 1...4 {
                let delay = delays.delay(after: failures, previous: previous, using: &generator)
                let highest = min(.seconds(10), max(.milliseconds(100), previous) * 3)
                #expect(delay >= .milliseconds(100) && delay <= highest)
                previous = delay
            }
            sum += Double(previous.clampedNanoseconds) / 1e6
        }
        // Each wait is on average 50 ms and one and a half times the one before, the first as if 100 ms were: 200, 350, 575, 912.5 ms.
        #expect(abs(sum / 10_000 - 912.5) < 30)
    }

    @Test func `the same seed gives the same waits`() throws {
        for jitter in RetryDelays.Jitter.allCases {
            let delays = try self.delays(.linear, jitter)
            var (first, second) = (SeededGenerator(seed: 3), SeededGenerator(seed: 3))
            var previous = Duration.zero
            for failures in 1...20 {
                let delay = delays.delay(after: failures, previous: previous, using: &first)
                #expect(delay == delays.delay(after: failures, previous: previous, using: &second))
                previous = delay
            }
        }
    }

    @Test func `counts and waits at the end of their range do not overflow`() throws {
        var generator = SeededGenerator(seed: 5)
        for growth in [RetryDelays.Growth.constant, .linear, .exponential(by: 100)] {
            for jitter in RetryDelays.Jitter.allCases {
                let delays = try RetryDelays(growth, from: .nanoseconds(1), upTo: RetryDelays.longest, jitter: jitter)
                for failures in [Int.min, 0, 1, 64, .max] {
                    let delay = delays.delay(after: failures, previous: .seconds(Int64.max), using: &generator)
                    #expect(delay >= .zero && delay <= RetryDelays.longest)
                }
            }
        }
        #expect(RetryDelays.none.delay(after: 3, using: &generator) == .zero)
    }

    @Test func `bad settings are refused with their value`() {
        func message(_ body: () throws -> RetryDelays) -> String? {
            let error = #expect(throws: ResilienceError.self) { try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try RetryDelays(from: .seconds(-1)) }?.contains("-1") == true)
        #expect(message { try RetryDelays(from: .seconds(2), upTo: .seconds(1)) }?.contains("1.0 seconds") == true)
        #expect(message { try RetryDelays(upTo: .seconds(Int64.max)) }?.contains("9.22") == true)
        #expect(message { try RetryDelays(.exponential(by: .nan)) }?.contains("nan") == true)
        #expect(message { try RetryDelays(.exponential(by: 0.5)) }?.contains("0.5") == true)
        #expect(message { try RetryDelays(.exponential(by: .infinity)) }?.contains("inf") == true)
    }
}
