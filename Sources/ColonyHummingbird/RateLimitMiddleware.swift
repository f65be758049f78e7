import ColonyCore
public import ColonyResilience
import HTTPTypes
public import Hummingbird

/// Limits how many requests each sender may make, and tells every sender how much is left.
///
/// ```swift
/// let limiter = try KeyedRateLimiter<String>(RateLimitRule(100, per: .seconds(60), burst: 20), capacity: 100_000)
/// router.add(middleware: RateLimitMiddleware(limiter) { request, _ in request.headers[.authorization] })
/// ```
///
/// Who has used up the limit is answered with 429 and `Retry-After`. Each response, but not an error that a handler throws, has the fields `RateLimit-Policy` and `RateLimit` of the
/// IETF's draft *RateLimit header fields for HTTP*.
///
/// - Important: Take as the key what a sender cannot choose: an authenticated account, or the address of the connection. A header that
///   anybody can write limits nobody.
public struct RateLimitMiddleware<Context: RequestContext, Key: Hashable & Sendable>: RouterMiddleware {
    private let limiter: KeyedRateLimiter<Key>
    private let key: @Sendable (Request, Context) -> Key?

    /// Makes the middleware.
    ///
    /// - Parameters:
    ///   - limiter: Counts for each key. It may be shared by several routes.
    ///   - key: Who sends a request; `nil` for one that is not limited.
    public init(
        _ limiter: KeyedRateLimiter<Key>, context: Context.Type = Context.self,
        by key: @escaping @Sendable (Request, Context) -> Key?
    ) {
        self.limiter = limiter
        self.key = key
    }

    /// Lets the request through if its sender has a permit left.
    @concurrent
    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let key = self.key(request, context) else { return try await next(request, context) }
        let decision = try self.limiter.take(for: key)
        var response: Response
        if decision.isAllowed {
            response = try await next(request, context)
        } else {
            response = Response(
                ResilienceError(
                    .rateLimited, "\(self.limiter.name) has no permits left", retryAfter: decision.retryAfter))
        }
        let rule = self.limiter.rule
        response.headers[.rateLimitPolicy] =
            "\"\(self.limiter.name)\";q=\(rule.permits);w=\(rule.period.wholeSeconds)"
        response.headers[.rateLimit] =
            "\"\(self.limiter.name)\";r=\(decision.remaining);t=\(decision.resetAfter.wholeSeconds)"
        return response
    }
}

extension HTTPField.Name {
    static let rateLimit = HTTPField.Name(known: "RateLimit")
    static let rateLimitPolicy = HTTPField.Name(known: "RateLimit-Policy")
}
