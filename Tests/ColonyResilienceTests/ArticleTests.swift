import ColonyCore
import ColonyMemory
import ColonyResilience
import Testing

/// The code of the articles about retries, failover, and idempotency, as it stands there, with what it takes for granted around it.
@Suite("Articles")
struct ArticleTests {
    private struct Service {
        func fetch(_ id: Int) async throws -> Int { id }
        func prices() async throws -> [Int] { throw ResilienceError(.circuitOpen, "open") }
        func latest() async throws -> [Int] { [1, 2] }
        func charge(_ order: Int) async throws -> String { "receipt \(order)" }
    }

    @Test func `retries and hedges`() async throws {
        let (prices, profiles, id) = (Service(), Service(), 7)
        let budget = RetryBudget()
        let retry = try Retry(RetryOptions(attempts: 3, retriesUnknownOutcomes: true, budget: budget), name: "prices")

        let price = try await Deadline.within(.seconds(2)) {
            try await retry.execute { try await prices.fetch(id) }
        }
        #expect(price == 7)

        let hedge = try Hedge(HedgeOptions(), name: "profiles")
        let profile = try await hedge.execute { try await profiles.fetch(id) }
        #expect(profile == 7)
    }

    @Test func `failover, fallback, and degradation`() async throws {
        typealias Prices = [Int]
        let (primary, secondary, service, cache, order) = (Service(), Service(), Service(), Service(), 3)
        let failover = try Failover(
            over: [primary, secondary], FailoverOptions(retriesUnknownOutcomes: true), name: "payments")
        let receipt = try await failover.execute { provider in try await provider.charge(order) }
        #expect(receipt == "receipt 3")

        let retry = try Retry(RetryOptions(delays: .none), name: "prices")
        let fallback = Fallback<Prices>("prices") { error in try await cache.latest() }
        let shown = try await fallback.execute { try await retry.execute { try await service.prices() } }
        #expect(shown == [1, 2])

        let recommendations = DegradationSwitch(
            "recommendations", grades: try LoadGrades(reducedFrom: 0.7, minimalFrom: 0.85))
        recommendations.report(load: 0.9)
        #expect(recommendations.level == .minimal)
    }

    @Test func `idempotency`() async throws {
        typealias Receipt = String
        let (bank, order, key) = (Service(), 3, IdempotencyKey("customer 5, order 3"))
        let digest = try IdempotencyFingerprint(Array("charge 3".utf8))
        let store = try MemoryIdempotencyStore()
        let payments = Idempotency<Receipt>("payments", on: store, codec: .json, try IdempotencyOptions())
        let receipt = try await payments.execute(key, fingerprint: digest) { try await bank.charge(order) }
        #expect(receipt == "receipt 3")
    }
}
