public import ColonyResilience
public import Hummingbird
import Synchronization

/// Runs the handlers of requests in a pipeline: a shedder, a limiter, a bulkhead, a breaker, a timeout.
///
/// ```swift
/// router.add(middleware: ResilienceMiddleware {
///     Bulkhead(try BulkheadOptions(limit: 200, maximumWaiting: 100))
///     try Timeout(.seconds(5))
/// })
/// ```
///
/// What a layer refuses is answered with a problem document: 429 for a rate limit, 503 for a full bulkhead, an open breaker, or a shed
/// request, 504 for a deadline, each with `Retry-After` where the layer knows.
///
/// Errors of the handlers pass through. One that is an answer below 500, such as `HTTPError(.notFound)`, is no failure for the layers: else
/// anybody could open a breaker by asking for what is not there.
///
/// A layer sees the handler, and not the sending of the body of its response, which Hummingbird begins afterwards.
///
/// - Important: A request can be handled once only, so a `Retry` or a `Hedge` has no place here. A second run is refused with
///   `invalidConfiguration`, which the sender sees as 500.
public struct ResilienceMiddleware<Context: RequestContext, Layers: ResilienceLayer>: RouterMiddleware {
    /// The layers around the handlers.
    public let pipeline: Pipeline<Layers>

    /// Makes the middleware from layers, the outermost first.
    public init(
        context: Context.Type = Context.self, @PipelineBuilder _ layers: () throws -> Layers
    ) rethrows {
        self.pipeline = try Pipeline(layers)
    }

    /// Runs the handler under the protection of the layers.
    @concurrent
    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        try await withoutActuallyEscaping(next) { next in
            let handling = Handling(request: request, context: context, next: next)
            let outcome: Result<Response, any Error>
            do {
                outcome = try await self.pipeline.execute { try await handling.run() }
            } catch let error as ResilienceError {
                // One that a handler threw is about a call that the server made, and no refusal of its sender.
                if handling.hasThrown(error) { throw error }
                return Response(error)
            }
            return try outcome.get()
        }
    }
}

/// A handler on its way through the layers.
///
/// - Note: `@unchecked Sendable` because the first `run()` alone touches what may not be shared, and whoever made this waits for it: a
///   layer returns when the operation has ended.
private final class Handling<Context>: @unchecked Sendable {
    private let request: Request
    private let context: Context
    private let next: @concurrent (Request, Context) async throws -> Response
    private let hasRun = Atomic(false)

    init(request: Request, context: Context, next: @escaping @concurrent (Request, Context) async throws -> Response) {
        self.request = request
        self.context = context
        self.next = next
    }

    private let failure = Mutex<ResilienceError?>(nil)

    /// Whether an error came from the handler, and not from a layer around it.
    func hasThrown(_ error: ResilienceError) -> Bool {
        self.failure.withLock { $0.map { $0.code == error.code && $0.message == error.message } ?? false }
    }

    /// - Returns: A response, or an error that is the sender's and none of the server.
    @concurrent
    func run() async throws -> Result<Response, any Error> {
        guard !self.hasRun.exchange(true, ordering: .acquiringAndReleasing) else {
            throw ResilienceError(
                .invalidConfiguration,
                "a request can be handled once only: no retry or hedge can stand around its handler")
        }
        do {
            return .success(try await self.next(self.request, self.context))
        } catch let error as any HTTPResponseError where error.status.code < 500 {
            return .failure(error)
        } catch let error as ResilienceError {
            self.failure.withLock { $0 = error }
            throw error
        }
    }
}
