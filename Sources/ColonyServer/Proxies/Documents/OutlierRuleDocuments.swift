import ColonyBalancing
import ColonyCore

/// `success_rate` of `outliers`.
struct SuccessRateDocument: Sendable {
    var deviations = 1.9
    var minimumDifference = 0.05
    var minimumHosts = 5
    var minimumCalls = 100

    private static let keys: [SectionKey<SuccessRateDocument>] = [
        .number("deviations", \.deviations), .number("minimum_difference", \.minimumDifference),
        .integer("minimum_hosts", \.minimumHosts), .integer("minimum_calls", \.minimumCalls),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> OutlierOptions.SuccessRate {
        try value.make(Self.keys, from: SuccessRateDocument()) { document in
            try OutlierOptions.SuccessRate(
                deviations: document.deviations, minimumDifference: document.minimumDifference,
                minimumHosts: document.minimumHosts, minimumCalls: document.minimumCalls)
        }
    }
}

/// `failure_share` of `outliers`.
struct FailureShareDocument: Sendable {
    var threshold = 0.85
    var minimumHosts = 5
    var minimumCalls = 50

    private static let keys: [SectionKey<FailureShareDocument>] = [
        .number("threshold", \.threshold), .integer("minimum_hosts", \.minimumHosts),
        .integer("minimum_calls", \.minimumCalls),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> OutlierOptions.FailureShare {
        try value.make(Self.keys, from: FailureShareDocument()) { document in
            try OutlierOptions.FailureShare(
                threshold: document.threshold, minimumHosts: document.minimumHosts,
                minimumCalls: document.minimumCalls)
        }
    }
}

/// `latency` of `outliers`.
struct LatencyRuleDocument: Sendable {
    var factor = 3.0
    var minimumDifference = Duration.milliseconds(20)
    var minimumHosts = 3
    var minimumCalls = 100

    private static let keys: [SectionKey<LatencyRuleDocument>] = [
        .number("factor", \.factor), .duration("minimum_difference", \.minimumDifference),
        .integer("minimum_hosts", \.minimumHosts), .integer("minimum_calls", \.minimumCalls),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> OutlierOptions.Latency {
        try value.make(Self.keys, from: LatencyRuleDocument()) { document in
            try OutlierOptions.Latency(
                factor: document.factor, minimumDifference: document.minimumDifference,
                minimumHosts: document.minimumHosts, minimumCalls: document.minimumCalls)
        }
    }
}

/// `ejection_time` of `outliers`.
struct EjectionTimeDocument: Sendable {
    var base = Duration.seconds(30)
    var maximum = Duration.seconds(300)
    var jitter = 0.1

    private static let keys: [SectionKey<EjectionTimeDocument>] = [
        .duration("base", \.base), .duration("maximum", \.maximum), .number("jitter", \.jitter),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> OutlierOptions.EjectionTime {
        try value.make(Self.keys, from: EjectionTimeDocument()) { document in
            try OutlierOptions.EjectionTime(
                base: document.base, maximum: document.maximum, jitter: document.jitter)
        }
    }
}
