import AsyncHTTPClient
import ColonyAsyncHTTPClient
import ColonyCore
import ColonyResilience
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A real server on loopback, whose answers the test writes, and a real client.
@Suite("Layers around the requests of an HTTP client")
struct ResilientHTTPClientTests {
    struct Answer {
        var status: HTTPResponse.Status = .ok
        var fields: HTTPFields = [:]
        var body = "fine"
    }

    /// Answers each request with what the script says for it, the last one for ever, and remembers what came.
    final class Script: Sendable {
        private let state: Mutex<(answers: [Answer], requests: [HTTPFields])>

        init(_ answers: Answer...) { self.state = Mutex((answers, [])) }

        var requests: [HTTPFields] { self.state.withLock { $0.requests } }

        func answer(_ fields: HTTPFields) -> Answer {
            self.state.withLock { state in
                state.requests.append(fields)
                return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
            }
        }
    }

    private func serve(_ script: Script, _ body: @Sendable (String) async throws -> Void) async throws {
        let router = Router()
        for path in ["thing", "other"] {
            for method in [HTTPRequest.Method.get, .post] {
                router.on(RouterPath(path), method: method) { request, _ in
                    let answer = script.answer(request.headers)
                    return Response(
                        status: answer.status, headers: answer.fields,
                        body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body)))
                }
            }
        }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)))
        try await application.test(.live) { client in
            let port = try #require(client.port)
            try await body("http://127.0.0.1:\(port)/thing")
        }
    }

    private static func retries(_ attempts: Int) throws -> Retry {
        let delays = try RetryDelays(.constant, from: .milliseconds(1))
        return Retry(try RetryOptions(attempts: attempts, delays: delays), name: "test")
    }

    @Test func `a failing answer is repeated until a good one comes`() async throws {
        let script = Script(Answer(status: .serviceUnavailable), Answer(status: .badGateway), Answer())
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Self.retries(4) }
            let (head, body) = try await client.response(to: HTTPClientRequest(url: url), upTo: 1_000)
            #expect(head.status == .ok && String(buffer: body) == "fine")
            #expect(script.requests.count == 3)
        }
    }

    @Test func `what may have had its effect is not sent twice, unless it has a key`() async throws {
        let script = Script(Answer(status: .internalServerError, body: "broken"))
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Self.retries(3) }
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            let (head, body) = try await client.response(to: request, upTo: 1_000)
            // The caller gets the answer as it came.
            #expect(head.status == .internalServerError && String(buffer: body) == "broken")
            #expect(script.requests.count == 1)
            request.headers.add(name: "Idempotency-Key", value: "order-7")
            #expect(try await client.execute(request).status == .internalServerError)
            #expect(script.requests.count == 4)
        }
    }

    @Test func `a server that is not available may have done it all the same`() async throws {
        let script = Script(Answer(status: .serviceUnavailable))
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Self.retries(3) }
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            #expect(try await client.execute(request).status == .serviceUnavailable)
            #expect(script.requests.count == 1)
        }
    }

    @Test func `the answer after a redirect is not that of the request`() async throws {
        let script = Script(
            Answer(status: .seeOther, fields: [.location: "/other"]), Answer(status: .tooManyRequests))
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Self.retries(3) }
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            #expect(try await client.execute(request).status == .tooManyRequests)
            #expect(script.requests.count == 2, "it was sent once, and followed once")
        }
    }

    @Test func `an attempt that ran out of time is repeated if its method is idempotent`() async throws {
        let clock = HostClock()
        let attempts = Mutex(0)
        let second = OneShotSignal()
        let router = Router()
        router.get("slow") { _, _ in
            let number = attempts.withLock { count in
                count += 1
                return count
            }
            // The first request hangs until it has been given up and the second one is there.
            if number == 1 {
                _ = try? await second.wait(until: clock.now.advanced(by: .seconds(40)), on: clock)
            } else {
                second.fire()
            }
            return "fine"
        }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)))
        try await application.test(.live) { server in
            let port = try #require(server.port)
            let client = try ResilientHTTPClient(.shared) {
                try Self.retries(3)
                try Timeout(.seconds(3))
            }
            let (head, _) = try await client.response(
                to: HTTPClientRequest(url: "http://127.0.0.1:\(port)/slow"), upTo: 100)
            #expect(head.status == .ok)
        }
        #expect(attempts.withLock { $0 } == 2)
    }

    @Test func `a refusal that says so is repeated also for a method that is not idempotent`() async throws {
        let script = Script(Answer(status: .tooManyRequests, fields: [.retryAfter: "0"]), Answer())
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Self.retries(3) }
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            #expect(try await client.execute(request).status == .ok)
            #expect(script.requests.count == 2)
        }
    }

    @Test func `advice beyond the deadline ends the call with the answer at once`() async throws {
        let script = Script(Answer(status: .serviceUnavailable, fields: [.retryAfter: "20"]))
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) {
                try Timeout(.seconds(15))
                try Self.retries(5)
            }
            let start = HostClock().now
            #expect(try await client.execute(HTTPClientRequest(url: url)).status == .serviceUnavailable)
            #expect(start.duration(to: HostClock().now) < .seconds(10))
            #expect(script.requests.count == 1)
        }
    }

    @Test func `a request carries what is left of its deadline`() async throws {
        let script = Script(Answer())
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Timeout(.seconds(7)) }
            _ = try await client.execute(HTTPClientRequest(url: url))
            let name = try #require(HTTPField.Name(Deadline.headerName))
            let left = try #require(script.requests[0][name].flatMap { Int($0) })
            #expect((1...7_000).contains(left))
        }
    }

    @Test func `answers that are no failure pass, and are not repeated`() async throws {
        for status in [HTTPResponse.Status.notFound, .found, .conflict] {
            let script = Script(Answer(status: status))
            try await self.serve(script) { url in
                let client = try ResilientHTTPClient(.shared) { try Self.retries(3) }
                #expect(try await client.execute(HTTPClientRequest(url: url)).status.code == status.code)
                #expect(script.requests.count == 1)
            }
        }
    }

    @Test func `a port where nobody listens is the error of the client in the end`() async throws {
        let attempts = Mutex(0)
        struct Counter: ResilienceLayer {
            let count: @Sendable () -> Void
            func execute<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
                self.count()
                return try await operation()
            }
        }
        let counter = Counter { attempts.withLock { $0 += 1 } }
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        let inner = HTTPClient(configuration: configuration)
        let client = try ResilientHTTPClient(inner, limit: .seconds(30)) {
            try Self.retries(3)
            counter
        }
        let error = await #expect(throws: (any Error).self) {
            try await client.execute(HTTPClientRequest(url: "http://127.0.0.1:1/"))
        }
        #expect(!(error is HTTPAttemptFailure) && !(error is ResilienceError), "\(String(describing: error))")
        #expect(attempts.withLock { $0 } == 3)
        // By its name the host is tried at each of its addresses, and the error says which host it was.
        var request = HTTPClientRequest(url: "http://localhost:1/")
        request.method = .POST
        await #expect(throws: (any Error).self) { try await client.execute(request) }
        #expect(attempts.withLock { $0 } == 6)
        try await inner.shutdown()
    }

    @Test func `a body that is too large is no failure of the other side`() async throws {
        let script = Script(Answer(body: String(repeating: "x", count: 5_000)))
        try await self.serve(script) { url in
            let client = try ResilientHTTPClient(.shared) { try Self.retries(3) }
            await #expect(throws: NIOTooManyBytesError.self) {
                try await client.response(to: HTTPClientRequest(url: url), upTo: 100)
            }
            #expect(script.requests.count == 1)
        }
    }

    @Test func `a limit that is not positive is refused`() {
        let error = #expect(throws: ResilienceError.self) {
            try ResilientHTTPClient(.shared, limit: .zero) { try Self.retries(1) }
        }
        #expect(error?.code == .invalidConfiguration)
    }
}

extension HTTPField.Name {
    static let retryAfter = HTTPField.Name("Retry-After") ?? .accept
}
