import ColonyCore
import ColonyHummingbird
import ColonyResilience
import ColonySimulation
import Hummingbird
import HummingbirdTesting
import Testing

@Suite("Layers around requests")
struct ResilienceMiddlewareTests {
    let clock = ManualClock()

    /// Refuses everything with one error.
    struct Refusal: ResilienceLayer {
        let error: ResilienceError

        func execute<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
            throw self.error
        }
    }

    /// Runs everything twice.
    struct Twice: ResilienceLayer {
        func execute<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
            _ = try await operation()
            return try await operation()
        }
    }

    private func answer(
        _ layer: some ResilienceLayer, handler: @escaping @Sendable () async throws -> String = { "fine" }
    ) async throws -> TestResponse {
        let router = Router()
        router.add(middleware: ResilienceMiddleware { layer })
        router.get("work") { _, _ in try await handler() }
        return try await Application(router: router).test(.router) { client in
            try await client.execute(uri: "/work", method: .get)
        }
    }

    @Test func `a request that every layer lets through is handled`() async throws {
        let response = try await self.answer(try Timeout(.seconds(5)))
        #expect(response.status == .ok)
        #expect(String(buffer: response.body) == "fine")
    }

    @Test(arguments: [
        (ResilienceError.Code.rateLimited, 429, "rate_limited"), (.bulkheadFull, 503, "bulkhead_full"),
        (.circuitOpen, 503, "circuit_open"), (.shed, 503, "shed"), (.unavailable, 502, "unavailable"),
        (.deadlineExceeded, 504, "deadline_exceeded"),
        (.keyReused, 422, "key_reused"), (.inFlight, 409, "in_flight"),
        (.invalidConfiguration, 500, "invalid_configuration"),
    ])
    func `a refusal is a problem document with a status of its own`(
        code: ResilienceError.Code, status: Int, name: String
    ) async throws {
        let refusal = Refusal(
            error: ResilienceError(code, "db7.internal is full", retryAfter: .milliseconds(1_200)))
        let response = try await self.answer(refusal)
        #expect(response.status.code == status)
        #expect(response.headers[.init("Retry-After") ?? .accept] == "2")
        let body = String(buffer: response.body)
        #expect(body.contains("\"code\":\"\(name)\"") && body.contains("\"status\":\(status)"))
        // What the server is made of stays inside.
        #expect(!body.contains("db7"))
    }

    @Test func `errors of handlers pass through`() async throws {
        let response = try await self.answer(try Timeout(.seconds(5))) { throw HTTPError(.gone) }
        #expect(response.status == .gone)
    }

    @Test func `a refusal that a handler has met elsewhere is not the sender's`() async throws {
        let response = try await self.answer(try Timeout(.seconds(5))) {
            throw ResilienceError(.rateLimited, "our own quota is used up")
        }
        #expect(response.status == .internalServerError)
    }

    @Test func `what is the sender's fault opens no breaker`() async throws {
        let breaker = try CircuitBreaker()
        for _ in 0..<50 {
            let response = try await self.answer(breaker) { throw HTTPError(.notFound) }
            #expect(response.status == .notFound)
        }
        #expect(breaker.state == .closed && breaker.snapshot.totalFailures == 0)
        for _ in 0..<50 { _ = try await self.answer(breaker) { throw HTTPError(.badGateway) } }
        #expect(breaker.state == .open)
    }

    @Test func `a handler that takes too long is cancelled, and answered with 504`() async throws {
        let clock = self.clock
        let call = Task {
            try await self.answer(try Timeout(.seconds(1), clock: clock)) {
                try await clock.sleep(for: .seconds(60))
                return "late"
            }
        }
        try await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        #expect(try await call.value.status == .gatewayTimeout)
    }

    @Test func `a layer that would handle a request twice is refused`() async throws {
        #expect(try await self.answer(Twice()).status == .internalServerError)
    }
}
