import ColonyBalancing
import ColonyCore

/// `outliers`: how endpoints whose calls go wrong are taken out.
struct OutliersDocument: Sendable {
    var interval = Duration.seconds(10)
    var consecutiveErrors: Int? = 5
    var consecutiveConnectErrors: Int?
    var successRate: OutlierOptions.SuccessRate? = .standard
    var failureShare: OutlierOptions.FailureShare?
    var latency: OutlierOptions.Latency?
    var ejectionTime = OutlierOptions.EjectionTime.standard
    var maximumEjectedShare = 0.5
    var mayEjectOneAlways = false
    var enforcing = 1.0
    var passingCheckEndsEjection = false

    private static let keys: [SectionKey<OutliersDocument>] = [
        .duration("interval", \.interval),
        SectionKey("consecutive_errors") { value, outliers throws(DaemonError) in
            outliers.consecutiveErrors = value.isOff ? nil : try value.integer()
        },
        SectionKey("consecutive_connect_errors") { value, outliers throws(DaemonError) in
            outliers.consecutiveConnectErrors = value.isOff ? nil : try value.integer()
        },
        SectionKey("success_rate") { value, outliers throws(DaemonError) in
            outliers.successRate = value.isOff ? nil : try SuccessRateDocument.read(value)
        },
        SectionKey("failure_share") { value, outliers throws(DaemonError) in
            outliers.failureShare = value.isOff ? nil : try FailureShareDocument.read(value)
        },
        SectionKey("latency") { value, outliers throws(DaemonError) in
            outliers.latency = value.isOff ? nil : try LatencyRuleDocument.read(value)
        },
        SectionKey("ejection_time") { value, outliers throws(DaemonError) in
            outliers.ejectionTime = try EjectionTimeDocument.read(value)
        },
        .number("maximum_ejected_share", \.maximumEjectedShare),
        .flag("may_eject_one_always", \.mayEjectOneAlways), .number("enforcing", \.enforcing),
        .flag("passing_check_ends_ejection", \.passingCheckEndsEjection),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> OutlierOptions {
        try value.make(Self.keys, from: OutliersDocument()) { try $0.options() }
    }

    private func options() throws(BalancingError) -> OutlierOptions {
        try OutlierOptions(
            interval: self.interval, consecutiveErrors: self.consecutiveErrors,
            consecutiveConnectErrors: self.consecutiveConnectErrors, successRate: self.successRate,
            failureShare: self.failureShare, latency: self.latency, ejectionTime: self.ejectionTime,
            maximumEjectedShare: self.maximumEjectedShare, mayEjectOneAlways: self.mayEjectOneAlways,
            enforcing: self.enforcing, passingCheckEndsEjection: self.passingCheckEndsEjection)
    }
}
