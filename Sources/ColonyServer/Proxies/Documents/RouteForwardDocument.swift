import ColonyCore
import ColonyProxy
import ColonyResilience

/// `forward` of a route: to which upstream, and how. A name alone is an upstream.
struct RouteForwardDocument: Sendable {
    var upstream: String?
    var prefix: String?
    var host: String?
    var request = HeaderEdits.none
    var response = HeaderEdits.none
    var timeouts = RouteTimeouts()
    var retries: ProxyRetries?
    var breaker: CircuitBreakerOptions?
    var key: PickKey?
    var sticky: StickyCookie?

    private static let keys: [SectionKey<RouteForwardDocument>] = [
        .text("upstream", \.upstream),
        SectionKey("rewrite") { value, forward throws(DaemonError) in
            forward = try value.read(Self.rewriteKeys, into: forward) { _ = try $0.rewrite() }
        },
        SectionKey("timeouts") { value, forward throws(DaemonError) in
            forward.timeouts = try value.read(Self.timeoutKeys, into: RouteTimeouts()) { timeouts in
                _ = try RouteForward("upstream", timeouts: timeouts)
            }
        },
        SectionKey("retries") { value, forward throws(DaemonError) in
            forward.retries = try ProxyRetriesDocument.read(value)
        },
        SectionKey("breaker") { value, forward throws(DaemonError) in
            forward.breaker = value.isOff ? nil : try BreakerDocument.read(value)
        },
        SectionKey("key") { value, forward throws(DaemonError) in forward.key = try PickKeyDocument.read(value) },
        SectionKey("sticky_cookie") { value, forward throws(DaemonError) in
            forward.sticky = try StickyCookieDocument.read(value)
        },
    ]

    private static let rewriteKeys: [SectionKey<RouteForwardDocument>] = [
        .text("prefix", \.prefix), .text("host", \.host),
        SectionKey("request") { value, forward throws(DaemonError) in
            forward.request = try HeaderEditsDocument.read(value)
        },
        SectionKey("response") { value, forward throws(DaemonError) in
            forward.response = try HeaderEditsDocument.read(value)
        },
    ]

    private static let timeoutKeys: [SectionKey<RouteTimeouts>] = [
        .duration("answer", \.answer), .duration("endpoint_idle", \.endpointIdle), .duration("total", \.total),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> RouteForward {
        if value.scalar != nil {
            do {
                return try RouteForward(try value.text())
            } catch {
                throw value.refused(error)
            }
        }
        return try value.make(Self.keys, from: RouteForwardDocument()) { document in
            guard let upstream = document.upstream else {
                throw ProxyError(.invalidConfiguration, "there is no upstream to forward to")
            }
            return try RouteForward(
                upstream, rewrite: document.rewrite(), timeouts: document.timeouts, retries: document.retries,
                breaker: document.breaker, key: document.key, sticky: document.sticky)
        }
    }

    private func rewrite() throws(ProxyError) -> RouteRewrite {
        try RouteRewrite(prefix: self.prefix, host: self.host, request: self.request, response: self.response)
    }
}
