import ColonyResilience
import Testing

@Suite("The rule of a limit")
struct RateLimitRuleTests {
    @Test func `a rule says how much in which time and at once`() throws {
        let rule = try RateLimitRule(100, per: .seconds(1))
        #expect(rule.burst == 100)
        #expect(rule.description == "100 in 1.0 seconds, burst 100")
    }

    @Test(arguments: [
        (0, Duration.seconds(1), 1), (-1, .seconds(1), 1), (1_000_000_001, .seconds(60), 1), (1, .zero, 1),
        (1, .seconds(-1), 1), (1, .nanoseconds(999), 1), (1, .seconds(400 * 86_400), 1), (1, .seconds(1), 0),
        (1, .seconds(1), -5), (2_000, .microseconds(1), 1), (1, .seconds(86_400), 367), (1, .seconds(1), .max),
    ])
    func `numbers that cannot work are refused and quoted`(permits: Int, period: Duration, burst: Int) {
        let error = #expect(throws: ResilienceError.self) { try RateLimitRule(permits, per: period, burst: burst) }
        #expect(error?.code == .invalidConfiguration)
        let message = error?.message ?? ""
        #expect(
            message.contains("\(permits)") || message.contains("\(period)") || message.contains("\(burst)"),
            "\(message)")
    }
}
