import ColonyHummingbird
import ColonyResilience
import ColonySimulation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@Suite("Limits of requests")
struct RateLimitMiddlewareTests {
    private static func name(_ text: String) -> HTTPField.Name { HTTPField.Name(text) ?? .accept }

    @Test func `each sender has a limit of his own, and is told what is left`() async throws {
        let clock = ManualClock()
        let limiter = try KeyedRateLimiter<String>(
            RateLimitRule(2, per: .seconds(10)), capacity: 100, name: "api", clock: clock)
        let router = Router()
        router.add(middleware: RateLimitMiddleware(limiter) { request, _ in request.headers[.authorization] })
        router.get("work") { _, _ in "fine" }
        try await Application(router: router).test(.router) { client in
            func ask(_ sender: String?) async throws -> TestResponse {
                var fields = HTTPFields()
                fields[.authorization] = sender
                return try await client.execute(uri: "/work", method: .get, headers: fields)
            }
            let first = try await ask("anna")
            #expect(first.status == .ok)
            #expect(first.headers[Self.name("RateLimit-Policy")] == "\"api\";q=2;w=10")
            #expect(first.headers[Self.name("RateLimit")] == "\"api\";r=1;t=5")
            #expect(try await ask("anna").status == .ok)
            let refused = try await ask("anna")
            #expect(refused.status == .tooManyRequests)
            #expect(refused.headers[Self.name("Retry-After")] == "5")
            #expect(String(buffer: refused.body).contains(#""code":"rate_limited""#))
            #expect(try await ask("ben").status == .ok)
            // Who has no key is not limited, and sees no fields.
            #expect(try await ask(nil).headers[Self.name("RateLimit")] == nil)
            clock.advance(by: .seconds(5))
            #expect(try await ask("anna").status == .ok)
        }
    }
}
