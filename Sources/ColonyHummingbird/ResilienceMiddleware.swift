public import ColonyResilience
public import Hummingbird
import Synchronization

/// Runs the handlers of requests in a pipeline: a shedder, a limiter, a bulkhead, a breaker, a timeout.
///
/// ```swift
/// router.add(middleware: ResilienceMiddleware {
///     try Bulkhead(200, queue: 100)
///     try Timeout(.seconds(5))
/// })
/// ```
///
/// What a layer refuses is answered with a problem document: 429 for a rate limit, 503 for a full bulkhead, an open breaker, or a shed
/// request, 504 for a deadline, each with `Retry-After` where the layer knows. Errors of the handlers pass through.
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
        do {
            return try await withoutActuallyEscaping(next) { next in
                let handling = Handling(request: request, context: context, next: next)
                return try await self.pipeline.execute { try await handling.run() }
            }
        } catch let error as ResilienceError {
            return Response(error)
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

    @concurrent
    func run() async throws -> Response {
        guard !self.hasRun.exchange(true, ordering: .acquiringAndReleasing) else {
            throw ResilienceError(
                .invalidConfiguration,
                "a request can be handled once only: no retry or hedge can stand around its handler")
        }
        return try await self.next(self.request, self.context)
    }
}
