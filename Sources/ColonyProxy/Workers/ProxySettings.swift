import ColonyCore
import ColonyResilience
import NIOSSL

/// The options as the workers need them, of one moment: durations in nanoseconds, names as bytes, and routes in a form that is quick to search.
///
/// It never changes. Others take its place on the loop of each worker: see ``ProxyWorker/adopt(_:)``.
final class ProxySettings: Sendable {
    let options: ProxyOptions
    let upstreams: [ProxyUpstream]
    /// The routes, in their order; without any, one for everything.
    let plans: [RoutePlan]
    /// `nil` without routes.
    let table: RouteTable?
    /// Of all routes that have none of their own.
    let budget: RetryBudget
    /// Makes the values of sticky cookies that have no secret: one for all routes, so that two that share a cookie understand each other.
    private let cookieKey: SipHash
    let requestHead: Int64
    let clientIdle: Int64
    let keepAlive: Int64
    let headLimits: HeadLimits
    /// What clients are shown in their handshakes; `nil` without TLS.
    let tls: NIOSSLContext?
    /// `Via` of messages, with its line end; empty if there is none.
    let via: [UInt8]
    /// What is left out of requests from somebody who is not trusted, and of those who are.
    let droppedFromOthers: FieldSet
    let droppedFromTrusted: FieldSet

    /// - Parameter earlier: The settings before: what they have counted goes on where its rules are the same.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the name of an upstream that is there twice, or not at all.
    init(
        _ options: ProxyOptions, upstreams: [ProxyUpstream], earlier: ProxySettings? = nil, clock: any MonotonicClock
    ) throws(ProxyError) {
        self.options = options
        self.upstreams = upstreams
        try Self.check(upstreams, options)
        if let earlier {
            self.cookieKey = earlier.cookieKey
        } else {
            // A secret is not to be had again from a seed.
            var system = SystemRandomNumberGenerator()
            self.cookieKey = SipHash(key: system.next(), system.next())
        }
        if let earlier, earlier.options.retries == options.retries {
            self.budget = earlier.budget
        } else {
            self.budget = try options.retries.makeBudget(clock: clock)
        }
        if options.routes.isEmpty {
            self.table = nil
            self.plans = [RoutePlan(everythingBy: options, budget: self.budget)]
        } else {
            let table = RouteTable(options.routes.map(\.match))
            let plansBefore = Dictionary((earlier?.plans ?? []).map { ($0.name, $0) }) { first, _ in first }
            var plans: [RoutePlan] = []
            for (number, route) in options.routes.enumerated() {
                plans.append(
                    try RoutePlan(
                        route, options, prefixCount: table.rules[number].prefixCount, budget: self.budget,
                        cookieKey: self.cookieKey, earlier: plansBefore[route.name], clock: clock, upstreams: upstreams)
                )
            }
            self.table = table
            self.plans = plans
        }
        self.requestHead = options.timeouts.requestHead.clampedNanoseconds
        self.clientIdle = options.timeouts.clientIdle.clampedNanoseconds
        self.keepAlive = options.timeouts.keepAlive.clampedNanoseconds
        self.headLimits = HeadLimits(
            maximumHeadBytes: options.limits.headBytes, maximumFields: options.limits.headFields,
            maximumTargetBytes: options.limits.requestLineBytes)
        self.tls = options.mode == .http ? options.tls?.served.http : options.tls?.served.tcp
        self.via = options.forwarding.via.map { Array("1.1 \($0)\r\n".utf8) } ?? []
        var others = FieldSet(
            .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xRealIP)
        var trusted = FieldSet()
        if options.forwarding.sendsXForwarded { trusted.insert(.xForwardedFor) }
        if options.forwarding.sendsForwarded { trusted.insert(.forwarded) }
        if options.forwarding.via != nil {
            others.insert(.via)
            trusted.insert(.via)
        }
        self.droppedFromOthers = others
        self.droppedFromTrusted = trusted
    }

    private static func check(_ upstreams: [ProxyUpstream], _ options: ProxyOptions) throws(ProxyError) {
        if options.mode == .tcp, let upstream = upstreams.first(where: { $0.tls != nil }) {
            throw ProxyError(
                .invalidConfiguration,
                "TLS with the endpoints of \"\(upstream.name)\" is not possible in TCP mode, which passes on what clients say"
            )
        }
        var names: Set<String> = []
        for upstream in upstreams {
            guard names.insert(upstream.name).inserted else {
                throw ProxyError(.invalidConfiguration, "two upstreams have the name \"\(upstream.name)\"")
            }
        }
        guard !options.routes.isEmpty || upstreams.count == 1 else {
            throw ProxyError(
                .invalidConfiguration, "without routes there must be one upstream, not \(upstreams.count)")
        }
    }

    /// A channel takes so much before it says that it is full, and says that it is not when it is down to the lower mark: the bound of
    /// what one direction of a connection keeps in memory, besides one round of reads.
    static let highWaterMark = 128 * 1_024
    static let lowWaterMark = 64 * 1_024
    /// The sizes of one read: small for connections that say little, up to what a large body is moved in.
    static let smallestRead = 1_024
    static let firstRead = 2_048
    static let largestRead = 64 * 1_024
}
