import ColonyCore
import ColonyHummingbird
import ColonyResilience
import ColonySimulation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@Suite("Deadlines of requests")
struct DeadlineMiddlewareTests {
    let clock = ManualClock()

    static let header = HTTPField.Name("Colony-Deadline-Ms") ?? .accept

    /// A server whose one route tells how many milliseconds it has.
    private func application() throws -> Application<RouterResponder<BasicRequestContext>> {
        let router = Router()
        router.add(middleware: try DeadlineMiddleware(limit: .seconds(10), clock: self.clock))
        router.get("left") { _, _ in
            String(Deadline.current?.remaining(on: self.clock).components.seconds ?? -1)
        }
        router.get("late") { _, _ -> String in
            self.clock.advance(by: .seconds(11))
            try Deadline.check(on: self.clock)
            return "in time"
        }
        return Application(router: router)
    }

    @Test func `a request has the time that its sender gives it, within what the server allows`() async throws {
        try await self.application().test(.router) { client in
            for (header, seconds) in [("4000", "4"), ("60000", "10"), (nil, "10")] {
                var fields = HTTPFields()
                fields[Self.header] = header
                try await client.execute(uri: "/left", method: .get, headers: fields) { response in
                    #expect(response.status == .ok)
                    #expect(String(buffer: response.body) == seconds)
                }
            }
        }
    }

    @Test func `a request whose time is up is answered before a handler sees it`() async throws {
        try await self.application().test(.router) { client in
            try await client.execute(uri: "/left", method: .get, headers: [Self.header: "0"]) { response in
                #expect(response.status == .gatewayTimeout)
                #expect(String(buffer: response.body).contains(#""code":"deadline_exceeded""#))
                #expect(response.headers[.contentType] == "application/problem+json")
            }
            try await client.execute(uri: "/late", method: .get) { response in
                #expect(response.status == .gatewayTimeout)
            }
        }
    }

    @Test(arguments: ["soon", "-1", "1.5", ""])
    func `a header that is no number is a bad request`(text: String) async throws {
        try await self.application().test(.router) { client in
            try await client.execute(uri: "/left", method: .get, headers: [Self.header: text]) { response in
                #expect(response.status == .badRequest)
                #expect(String(buffer: response.body).contains(#""code":"invalid_request""#))
            }
        }
    }

    @Test func `a limit that is not positive is refused`() {
        let error = #expect(throws: ResilienceError.self) {
            try DeadlineMiddleware<BasicRequestContext>(limit: .seconds(-2))
        }
        #expect(error?.message.contains("-2.0 seconds") == true)
    }
}
