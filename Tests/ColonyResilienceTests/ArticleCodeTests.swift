import ColonyResilience
import Testing

/// The code of the articles *Circuit breakers* and *Bulkheads and limits*, with what surrounds it.
@Suite("The code of the articles")
struct ArticleCodeTests {
    struct Answer {
        let status: Int
        var isServerError: Bool { self.status >= 500 }
    }

    func charge(_ order: Int) async throws -> Int { order }
    func fetch(_ host: String) async throws -> String { host }
    func render(_ id: Int) async throws -> Int { id }

    @Test func `that on breakers does what it says`() async throws {
        let options = try CircuitBreakerOptions(
            window: .time(.seconds(30)), failureRate: 0.5, minimumCalls: 20,
            wait: .init(.seconds(5), multiplier: 2, maximum: .seconds(60), jitter: 0.3), probes: 3)
        let breaker = CircuitBreaker(options, name: "payments")
        #expect(try await breaker.execute { try await self.charge(7) } == 7)

        let answer = Answer(status: 503)
        let permit = try breaker.acquire()
        if answer.isServerError { permit.fail() } else { permit.succeed() }
        #expect(breaker.snapshot.tally == CircuitTally(calls: 2, failures: 1))

        let breakers = try CircuitBreakers<String>(options, maximumCount: 5_000)
        let host = "example.org"
        #expect(try await breakers[host].execute { try await self.fetch(host) } == host)
    }

    @Test func `that on bulkheads and limits does what it says`() async throws {
        let bulkhead = Bulkhead(
            try BulkheadOptions(limit: 20, maximumWaiting: 50, maximumWait: .seconds(1)), name: "reports")
        #expect(try await bulkhead.execute { try await self.render(3) } == 3)
        try bulkhead.resize(to: 40)

        let limit = AdaptiveConcurrencyLimit(
            try AdaptiveConcurrencyOptions(limits: 4...500), try VegasAlgorithm(), name: "search")
        #expect(try await limit.execute { try await self.render(4) } == 4)

        let shedder = LoadShedder(
            try LoadShedderOptions(), by: try .queueDelay(of: bulkhead, target: .milliseconds(20)), name: "api")
        let page = try await CallPriority.$current.withValue(.sheddable) {
            try await shedder.execute { try await bulkhead.execute { try await self.render(5) } }
        }
        #expect(page == 5)
    }

    @Test func `the layers stand in one pipeline`() async throws {
        let pipeline = try Pipeline {
            try CircuitBreaker()
            try Bulkhead(20)
        }
        #expect(try await pipeline.execute { 1 } == 1)
    }
}
