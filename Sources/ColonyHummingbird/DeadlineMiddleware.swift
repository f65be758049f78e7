public import ColonyCore
public import ColonyResilience
import HTTPTypes
public import Hummingbird

/// Gives each request a deadline: the one that its sender asked for, within what the server allows.
///
/// The sender says in the header ``Deadline/headerName`` how many milliseconds are left. The handlers, and all that they call, see
/// it as ``Deadline/current``. A request whose time is already up is answered with 504 before a handler sees it, and one whose header is
/// no number with 400. An error with code `deadlineExceeded` that a handler throws becomes 504.
///
/// Add it before other middleware that should see the deadline. It cancels nothing by itself; a ``ColonyResilience/Timeout`` in a
/// ``ResilienceMiddleware`` does.
public struct DeadlineMiddleware<Context: RequestContext>: RouterMiddleware {
    /// How long a request may take at the most, and how long it may take if its sender says nothing.
    public let limit: Duration
    private let clock: any MonotonicClock

    /// Makes the middleware.
    ///
    /// - Parameter limit: Greater than zero. Thirty seconds is about as long as a person waits.
    /// - Throws: `ResilienceError` with code `invalidConfiguration`, which quotes the limit.
    public init(
        limit: Duration = .seconds(30), clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        guard limit > .zero else {
            throw ResilienceError(
                .invalidConfiguration, "a limit of \(limit) for requests is not possible: it must be greater than zero")
        }
        self.limit = limit
        self.clock = clock
    }

    /// Runs the handler under the deadline.
    @concurrent
    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var deadline = Deadline(after: self.limit, on: self.clock)
        if let header = request.headers[.colonyDeadline] {
            do {
                deadline = min(deadline, try Deadline(header: header, on: self.clock))
            } catch {
                return Response(error)
            }
        }
        do {
            return try await Deadline.$current.withValue(Deadline(Deadline.earlier(of: deadline.instant))) {
                try Deadline.check(on: self.clock)
                return try await next(request, context)
            }
        } catch let error as ResilienceError where error.code == .deadlineExceeded {
            return Response(error)
        }
    }
}

extension HTTPField.Name {
    /// How many milliseconds the sender of a request waits for its answer.
    static let colonyDeadline = HTTPField.Name(known: Deadline.headerName)
}
