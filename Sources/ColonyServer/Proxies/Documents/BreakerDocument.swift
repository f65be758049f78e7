import ColonyCore
import ColonyProxy
import ColonyResilience

/// `breaker` of a route: when its upstream is left alone for a while.
struct BreakerDocument: Sendable {
    var windowCalls: Int?
    var windowTime: Duration?
    var failureRate = 0.5
    var slowAfter: Duration?
    var slowRate = 1.0
    var minimumCalls: Int?
    var wait = Duration.seconds(30)
    var waitMultiplier = 1.0
    var waitMaximum: Duration?
    var waitJitter = 0.0
    var probes = 5
    var probeTimeout = Duration.seconds(60)

    private static let keys: [SectionKey<BreakerDocument>] = [
        .integer("window_calls", \.windowCalls), .duration("window_time", \.windowTime),
        .number("failure_rate", \.failureRate), .duration("slow_after", \.slowAfter),
        .number("slow_rate", \.slowRate), .integer("minimum_calls", \.minimumCalls), .duration("wait", \.wait),
        .number("wait_multiplier", \.waitMultiplier), .duration("wait_maximum", \.waitMaximum),
        .number("wait_jitter", \.waitJitter), .integer("probes", \.probes), .duration("probe_timeout", \.probeTimeout),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> CircuitBreakerOptions {
        try value.make(Self.keys, from: BreakerDocument()) { try $0.options() }
    }

    private func options() throws(ResilienceError) -> CircuitBreakerOptions {
        let window: CircuitBreakerOptions.Window
        switch (self.windowCalls, self.windowTime) {
        case (_?, _?):
            throw ResilienceError(.invalidConfiguration, "window_calls and window_time exclude each other")
        case (nil, let time?): window = .time(time)
        case (let calls, nil): window = .calls(calls ?? 100)
        }
        return try CircuitBreakerOptions(
            window: window, failureRate: self.failureRate,
            slowCalls: self.slowAfter.map { CircuitBreakerOptions.SlowCalls(longerThan: $0, rate: self.slowRate) },
            minimumCalls: self.minimumCalls,
            wait: CircuitBreakerOptions.Wait(
                self.wait, multiplier: self.waitMultiplier, maximum: self.waitMaximum, jitter: self.waitJitter),
            probes: self.probes, probeTimeout: self.probeTimeout)
    }
}
