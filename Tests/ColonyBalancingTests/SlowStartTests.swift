import ColonyBalancing
import Testing

@Suite("Slow start")
struct SlowStartTests {
    @Test("with an aggression of one the share is the part of the window that has passed, from the minimum to one")
    func straightLine() throws {
        let slowStart = try SlowStart(window: .seconds(10), aggression: 1, minimumShare: 0.1)
        let shares = [-5, 0, 1, 5, 9, 10, 100].map { slowStart.share(sinceHealthy: .seconds($0)) }
        #expect(shares == [0.1, 0.1, 0.1, 0.5, 0.9, 1, 1])
    }

    @Test("another aggression bends the line as the formula says")
    func bentLine() throws {
        let fast = try SlowStart(window: .seconds(16), aggression: 2, minimumShare: 0.01)
        #expect(abs(fast.share(sinceHealthy: .seconds(4)) - 0.5) < 1e-12)
        let late = try SlowStart(window: .seconds(16), aggression: 0.5, minimumShare: 0.01)
        #expect(abs(late.share(sinceHealthy: .seconds(4)) - 0.0625) < 1e-12)
    }

    @Test("the share never falls and stays above zero and at most one", arguments: [0.01, 0.3, 1, 1.5, 100])
    func shareIsMonotone(aggression: Double) throws {
        for minimum in [0.001, 0.1, 1] {
            let slowStart = try SlowStart(window: .seconds(30), aggression: aggression, minimumShare: minimum)
            var last = 0.0
            for millisecond in stride(from: -10, through: 30_010, by: 7) {
                let share = slowStart.share(sinceHealthy: .milliseconds(millisecond))
                #expect(share > 0 && share <= 1 && share >= last)
                last = share
            }
            #expect(last == 1)
        }
        let slowStart = try SlowStart()
        #expect(slowStart.share(sinceHealthy: .seconds(Int64.max)) == 1)
    }

    @Test("settings that cannot work are refused, and the value is quoted")
    func badSettingsAreQuoted() {
        let zero = #expect(throws: BalancingError.self) { try SlowStart(window: .zero) }
        #expect(zero?.message.contains("0.0 seconds") == true)
        let aggression = #expect(throws: BalancingError.self) { try SlowStart(aggression: .infinity) }
        #expect(aggression?.message.contains("inf") == true)
        let share = #expect(throws: BalancingError.self) { try SlowStart(minimumShare: 0) }
        #expect(share?.code == .invalidConfiguration)
    }
}
