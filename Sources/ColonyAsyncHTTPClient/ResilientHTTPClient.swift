public import AsyncHTTPClient
public import ColonyCore
public import ColonyResilience
public import NIOCore
import NIOHTTP1

/// Sends the requests of an HTTP client through a pipeline of layers.
///
/// ```swift
/// let client = try ResilientHTTPClient(HTTPClient.shared) {
///     try Timeout(.seconds(5))
///     Retry(try RetryOptions(attempts: 3), name: "users")
///     CircuitBreaker(try CircuitBreakerOptions(), name: "users")
///     try Timeout(.seconds(1))
/// }
/// let (head, body) = try await client.response(to: HTTPClientRequest(url: url), upTo: 1 << 20)
/// ```
///
/// - A status of ``failingStatuses`` is a failure for the layers: a breaker counts it, a retry repeats what may be repeated, and waits as long as
///   `Retry-After` says. If it is the last word, the caller gets the answer as it came.
/// - What may be repeated is known from the request: one of the methods that are idempotent by RFC 9110, section 9.2.2, or with the header
///   `Idempotency-Key`, or one that certainly was not begun. Everything else is sent once, unless the options of the retry ask for more.
/// - Each request carries what is left of ``Deadline/current`` in the header ``Deadline/headerName``, and is given up when it has passed.
///
/// A connection that was refused counts as not begun only if the error names the host of the request, because the client follows redirects.
/// A client of AsyncHTTPClient tries by itself to connect until its deadline. Set `connectionPool.retryConnectionEstablishment` to `false`
/// in its configuration, and the layers see at once that nobody listens.
///
/// A body that is a stream of the caller's is asked for a new iterator in each attempt. One that can be read once only must not be retried.
public struct ResilientHTTPClient<Layers: ResilienceLayer>: Sendable {
    /// The layers around each request.
    public let pipeline: Pipeline<Layers>
    /// The answers that count as failures of the other side.
    public let failingStatuses: Set<UInt>

    private let client: HTTPClient
    private let limit: Duration
    private let clock: any MonotonicClock

    /// The answers that count as failures unless said otherwise: 408, 429, 500, 502, 503, and 504.
    public static var standardFailingStatuses: Set<UInt> { [408, 429, 500, 502, 503, 504] }

    /// The largest body of a failed answer that is read to keep its connection.
    private static var largestDrained: Int { 65_536 }

    /// Wraps a client, which stays its owner's: whoever made it shuts it down.
    ///
    /// - Parameters:
    ///   - limit: How long an attempt may wait for the head of its answer where no deadline says less. Greater than zero.
    ///   - layers: The layers, the outermost first.
    /// - Throws: `ResilienceError` with code `invalidConfiguration`, which quotes the limit, and what `layers` throws.
    public init(
        _ client: HTTPClient, limit: Duration = .seconds(30),
        failingStatuses: Set<UInt> = Self.standardFailingStatuses, clock: any MonotonicClock = HostClock(),
        @PipelineBuilder _ layers: () throws -> Layers
    ) throws {
        guard limit > .zero else {
            throw ResilienceError(
                .invalidConfiguration,
                "a limit of \(limit) for an attempt is not possible: it must be greater than zero")
        }
        self.client = client
        self.limit = limit
        self.failingStatuses = failingStatuses
        self.clock = clock
        self.pipeline = try Pipeline(layers)
    }

    /// Sends a request, and returns as soon as the head of the answer is there.
    ///
    /// The layers see the call until then. Reading the body is outside them, also of a ``ColonyResilience/Timeout``.
    ///
    /// - Throws: `ResilienceError` of a layer, `CancellationError`, or the error of the client.
    public func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        try await self.finish {
            try await self.pipeline.execute { try await self.attempt(request) }
        } answer: {
            $0
        }
    }

    /// Sends a request, and reads the whole answer under the protection of the layers.
    ///
    /// - Parameter maximumBytes: The largest body; a larger one is an error of NIO that no layer repeats.
    /// - Returns: The answer, and its body.
    /// - Throws: `ResilienceError` of a layer, `CancellationError`, or the error of the client.
    public func response(
        to request: HTTPClientRequest, upTo maximumBytes: Int
    ) async throws -> (head: HTTPClientResponse, body: ByteBuffer) {
        try await self.finish {
            try await self.pipeline.execute { try await self.wholeAttempt(request, upTo: maximumBytes) }
        } answer: { response in
            (response, try await response.body.collect(upTo: maximumBytes))
        }
    }

    // MARK: One attempt

    private func attempt(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        var request = request
        var left = self.limit
        if let deadline = Deadline.current {
            try Deadline.check(on: self.clock)
            left = min(left, deadline.remaining(on: self.clock))
            request.headers.replaceOrAdd(name: Deadline.headerName, value: deadline.headerValue(on: self.clock))
        }
        var response: HTTPClientResponse
        do {
            response = try await self.client.execute(request, timeout: .nanoseconds(left.clampedNanoseconds))
        } catch {
            throw self.failure(error, request)
        }
        guard self.failingStatuses.contains(response.status.code) else { return response }
        // What was not read would cost the connection, and the next attempt would have to make a new one.
        if let text = response.headers.first(name: "Content-Length"), let length = Int(text),
            length <= Self.largestDrained
        {
            do {
                response.body = .bytes(try await response.body.collect(upTo: Self.largestDrained))
            } catch {
                throw self.failure(error, request)
            }
        }
        throw HTTPAttemptFailure(response, to: request)
    }

    /// An attempt with the body of its answer, also of one that counts as a failure: what was not read here would be read where no layer
    /// watches over it.
    private func wholeAttempt(
        _ request: HTTPClientRequest, upTo maximumBytes: Int
    ) async throws -> (head: HTTPClientResponse, body: ByteBuffer) {
        do {
            let response = try await self.attempt(request)
            return (response, try await self.body(of: response, request, upTo: maximumBytes))
        } catch let failure as HTTPAttemptFailure {
            guard case .status(var response) = failure.reason else { throw failure }
            response.body = .bytes(try await self.body(of: response, request, upTo: maximumBytes))
            throw HTTPAttemptFailure(response, to: request)
        }
    }

    private func body(
        of response: HTTPClientResponse, _ request: HTTPClientRequest, upTo maximumBytes: Int
    ) async throws -> ByteBuffer {
        do {
            return try await response.body.collect(upTo: maximumBytes)
        } catch let error as NIOTooManyBytesError {
            throw error
        } catch {
            throw self.failure(error, request)
        }
    }

    private func failure(_ error: any Error, _ request: HTTPClientRequest) -> any Error {
        // A cancelled task is no failure of the other side, unless it was cancelled because the other side took too long.
        if error is CancellationError || error as? HTTPClientError == .cancelled,
            Deadline.current?.hasPassed(on: self.clock) != true
        {
            return CancellationError()
        }
        return HTTPAttemptFailure(error, to: request)
    }

    // MARK: The last word

    /// Turns a failure that no layer has mended into what the client would have given.
    private func finish<Value: Sendable>(
        _ call: () async throws -> Value, answer: (HTTPClientResponse) async throws -> Value
    ) async throws -> Value {
        let failure: HTTPAttemptFailure
        do {
            return try await call()
        } catch let error as HTTPAttemptFailure {
            failure = error
        } catch let error as ResilienceError where error.code == .budgetExhausted {
            guard let cause = error.cause as? HTTPAttemptFailure else { throw error }
            failure = cause
        }
        switch failure.reason {
        case .status(let response): return try await answer(response)
        case .transport(let error): throw error
        }
    }
}
