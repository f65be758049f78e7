import ColonyBalancing
import NIOCore

/// What becomes of a request.
enum Direction: ~Copyable {
    /// It goes to an endpoint: see ``Exchange/begin(_:isComplete:)``.
    case forward(ForwardedRequest)
    /// The proxy answers.
    case answer(DirectedAnswer)
}

/// A request on its way to an endpoint: the head as it is sent, and what its route says.
struct ForwardedRequest: ~Copyable {
    let route: WorkerRoute
    let method: RequestMethod
    let hasBody: Bool
    /// Whether the client has asked for another protocol.
    let allowsUpgrade: Bool
    /// The most bytes that the body may have; one of unknown length is cut off beyond, with 413.
    let bodyLimit: UInt64
    let context: PickContext
    /// The head with the empty line; the first part of the body may be put behind it.
    var bytes: ByteBuffer
    /// When all of it must be done, in nanoseconds; `max` for never.
    let deadline: Int64
    /// Held until the request is done; `nil` if nothing could have refused it.
    var admission: RouteAdmission?
}

/// Decides what becomes of a request, whatever version of HTTP its client speaks.
///
/// A client parses the head with ``RequestHeadParser``, from bytes of HTTP/1.1, calls ``direct(_:_:of:on:start:)`` once, and does what the result
/// says: it begins an ``Exchange``, or writes the answer. Route, upstream, and limits are those of the worker's settings at that moment, and the
/// request keeps them.
enum RequestDirector {
    /// - Parameters:
    ///   - bytes: The head that `parser` has found complete, and what there is behind it.
    ///   - start: When the head was whole, in nanoseconds on the worker's clock.
    ///   - route: Gets the route, for what is counted at the end; `nil` if none matches.
    static func direct(
        _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer, of client: ClientIdentity,
        on worker: ProxyWorker, start: Int64, route: inout WorkerRoute?
    ) -> Direction {
        let head = parser.head
        if head.method == .connect {
            route = nil
            return .answer(
                DirectedAnswer(405, "This proxy is none that clients choose: it opens no tunnels.", closes: true))
        }
        let found: WorkerRoute
        if let table = worker.settings.table {
            switch table.find(parser, bytes, isSecure: client.origin.isSecure) {
            case .route(let number): found = worker.routes[number]
            case .none:
                route = nil
                return .answer(DirectedAnswer(404, "No route of this proxy is for this request."))
            case .twofoldPath:
                route = nil
                return .answer(DirectedAnswer(400, "The path could be read in two ways.", closes: true))
            }
        } else {
            found = worker.routes[0]
        }
        if route !== found { route = found }
        found.counts.traffic.requests &+= 1
        let plan = found.plan
        if case .length(let count) = head.framing, count > plan.bodyLimit {
            return .answer(
                DirectedAnswer(413, "The body of the request is longer than the limit.", closes: true))
        }
        let from = client.client(parser, bytes)
        var admission: RouteAdmission?
        if let guards = plan.guards {
            if let wait = guards.waitForRate(from, parser, bytes) {
                found.counts.traffic.refusedByRate &+= 1
                return .answer(DirectedAnswer(429, "Requests come too often.", retryAfter: wait))
            }
            if found.pool != nil {
                var refusal: RouteAdmission.Refusal?
                admission = RouteAdmission(guards, refusal: &refusal)
                if let refusal { return .answer(Self.answer(to: refusal, found.counts)) }
            }
        }
        switch plan.action {
        case .forward: break
        case .redirect(let redirect):
            guard let location = redirect.location(head, bytes, isSecure: client.origin.isSecure) else {
                return .answer(DirectedAnswer(400, "The request does not say for which host it is."))
            }
            var answer = DirectedAnswer(redirect.status, .none)
            answer.location = location
            return .answer(answer)
        case .respond(let content): return .answer(DirectedAnswer(content.status, .content(content)))
        }
        var context = from.context
        if let hash = plan.key?.hash(parser, bytes) { context.hash = hash }
        if let sticky = found.sticky { context.sticky = sticky.endpoint(parser, bytes, now: start) }
        return .forward(
            ForwardedRequest(
                route: found, method: head.method, hasBody: head.framing != .none,
                allowsUpgrade: head.requestsUpgrade, bodyLimit: plan.bodyLimit, context: context,
                bytes: Self.head(parser, bytes, of: client, plan, on: worker),
                deadline: plan.total == .max ? .max : start + plan.total, admission: admission.take()))
    }

    private static func answer(
        to refusal: RouteAdmission.Refusal, _ counts: RouteCounts
    ) -> DirectedAnswer {
        switch refusal {
        case .tooMany:
            counts.traffic.refusedByConcurrency &+= 1
            return DirectedAnswer(503, "Too many requests of this route are under way.", retryAfter: .seconds(1))
        case .open(let wait):
            counts.traffic.refusedByBreaker &+= 1
            return DirectedAnswer(503, "The upstream has failed too often.", retryAfter: wait ?? .seconds(1))
        }
    }

    /// The head as the endpoint gets it.
    private static func head(
        _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer, of client: ClientIdentity,
        _ plan: RoutePlan, on worker: ProxyWorker
    ) -> ByteBuffer {
        let head = parser.head
        var rewrite = RequestRewrite()
        rewrite.dropping = client.forwarded.dropped
        rewrite.passesUpgrade = head.requestsUpgrade
        if plan.rewritesRequest { plan.rewrite.apply(to: &rewrite, head, bytes) }
        var request = worker.spares.take()
        parser.write(
            bytes, to: &request, rewrite: rewrite,
            reserving: client.forwarded.bound + plan.rewrite.request.lines.count)
        client.forwarded.write(parser, bytes, to: &request)
        if plan.rewritesRequest { request.writeBytes(plan.rewrite.request.lines) }
        HeadEnd.write(to: &request)
        return request
    }
}
