import ColonyCore
import Testing

@Suite("Backoff")
struct BackoffTests {
    @Test func `waits lie between zero and a bound that doubles up to the maximum`() {
        let backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(5), multiplier: 2)
        var generator = FixedGenerator(state: 1)
        for failures in 1...40 {
            let bound = min(Duration.milliseconds(50) * (1 << min(failures - 1, 20)), .seconds(5))
            var longest = Duration.zero
            for _ in 1...500 {
                let delay = backoff.delay(after: failures, using: &generator)
                #expect(delay >= .zero && delay <= bound)
                longest = max(longest, delay)
            }
            // With 500 draws the chance that none lies in the last twentieth is below 10⁻¹¹.
            #expect(longest > bound * 0.95)
        }
    }

    @Test func `waits are spread evenly`() {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(1))
        var generator = FixedGenerator(state: 2)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 1...100_000 {
            let delay = backoff.delay(after: 3, using: &generator)
            counts[min(9, Int(delay / .milliseconds(100)))] += 1
        }
        // Chi-square with nine degrees of freedom exceeds 33.7 with a probability of one in ten thousand.
        let chiSquare = counts.map { Double(($0 - 10_000) * ($0 - 10_000)) / 10_000 }.reduce(0, +)
        #expect(chiSquare < 33.7)
    }

    @Test func `a multiplier of one keeps the bound`() {
        let backoff = Backoff(initial: .milliseconds(10), maximum: .seconds(1), multiplier: 1)
        var generator = FixedGenerator(state: 3)
        for _ in 1...1_000 {
            #expect(backoff.delay(after: 1_000_000, using: &generator) <= .milliseconds(10))
        }
    }

    @Test func `bounds at the end of the range neither overflow nor take long`() {
        var generator = FixedGenerator(state: 4)
        for backoff in [
            Backoff(initial: .nanoseconds(1), maximum: .seconds(Int64.max)),
            Backoff(initial: .seconds(Int64.max), maximum: .seconds(Int64.max)),
            Backoff(initial: .nanoseconds(1), maximum: .seconds(1), multiplier: 1.000_000_1),
            Backoff(initial: Duration(secondsComponent: 0, attosecondsComponent: 1), maximum: .seconds(1)),
        ] {
            for failures in [1, 63, 64, 65, 1_000, .max] {
                #expect(backoff.delay(after: failures, using: &generator) >= .zero)
            }
        }
    }

    @Test func `the same seed gives the same waits`() {
        let backoff = Backoff()
        var first = FixedGenerator(state: 9)
        var second = FixedGenerator(state: 9)
        for failures in 1...20 {
            #expect(backoff.delay(after: failures, using: &first) == backoff.delay(after: failures, using: &second))
        }
    }
}
