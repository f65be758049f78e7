import ColonyResilience
import Testing

@Suite("The switch of a circuit breaker")
struct CircuitBreakerSwitchTests {
    @Test func `it moves the breaker, and a repeat changes nothing`() async throws {
        let breaker = try CircuitBreaker(name: "payments")
        #expect(breaker.switchID.description == "breaker/payments")
        _ = try? await breaker.execute { throw Broken() }
        breaker.apply(.automatic)
        #expect(breaker.snapshot.tally == CircuitTally(calls: 1, failures: 1))
        breaker.apply(.refusing)
        breaker.apply(.refusing)
        _ = try? await breaker.execute {}
        #expect(breaker.switchReport.position == .refusing)
        #expect(breaker.switchReport.state == "forced open")
        breaker.apply(.passing)
        #expect(breaker.switchReport.position == .passing)
        breaker.apply(.automatic)
        try await breaker.execute {}
        let report = breaker.switchReport
        #expect(report.position == .automatic)
        #expect([report.successes, report.failures, report.refusals] == [1, 1, 1])
    }

    @Test(arguments: [
        ("", "breaker/unnamed"), ("a\u{7}b\n", "breaker/ab"),
        (String(repeating: "é", count: 300), "breaker/" + String(repeating: "é", count: 100)),
    ])
    func `every name has a switch`(name: String, expected: String) throws {
        #expect(try CircuitBreaker(name: name).switchID.description == expected)
    }
}
