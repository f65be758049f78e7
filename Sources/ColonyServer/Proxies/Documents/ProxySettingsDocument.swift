import ColonyCore
import ColonyProxy

/// What is said of a proxy as a whole.
struct ProxySettingsDocument: Sendable {
    var mode = ProxyOptions.Mode.http
    var listen: [ListenAddress] = []
    var workers: Int?
    var backlog = 1_024
    var sharesPort = false
    var tls: ProxyTLS?
    var timeouts = ProxyTimeouts()
    var limits = ProxyLimits()
    var retries = ProxyRetries()
    var forwarding = ForwardingOptions()
    var proxyProtocol = ProxyProtocolOptions()
    var drain = Duration.seconds(30)
    var accessLog: AccessLogDocument?
    var routes: [ProxyRoute] = []

    func options(accessLog: AccessLog?) throws(ProxyError) -> ProxyOptions {
        try ProxyOptions(
            mode: self.mode, listen: self.listen, workers: self.workers ?? ProxyFleet.processorCount,
            backlog: self.backlog, sharesPort: self.sharesPort, timeouts: self.timeouts, limits: self.limits,
            retries: self.retries, forwarding: self.forwarding, proxyProtocol: self.proxyProtocol, tls: self.tls,
            drain: self.drain,
            accessLog: accessLog, routes: self.routes)
    }
}
