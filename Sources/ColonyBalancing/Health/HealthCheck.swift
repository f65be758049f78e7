import ColonyCore

/// How it is found out whether endpoints work: what is asked, how often, and how many answers make a verdict.
///
/// ```swift
/// let check = try HealthCheck("ready", .http(HealthCheck.HTTP(path: "/readyz")), interval: .seconds(2), fall: 2)
/// ```
///
/// The state of health is kept for each pair of check and endpoint, so two checks of one address do not disturb each other.
public struct HealthCheck: Hashable, Sendable {
    /// What is assumed of an endpoint that has not been probed yet.
    public enum Assumption: String, Hashable, Sendable, CaseIterable {
        /// It works until a probe says otherwise. A checker that does not run then takes nothing away.
        case healthy
        /// It does not work until a probe says otherwise.
        case unhealthy
    }

    /// The legal times between two probes.
    public static var intervals: ClosedRange<Duration> { .milliseconds(10) ... .seconds(86_400) }
    /// The legal times that a probe may take.
    public static var timeouts: ClosedRange<Duration> { .milliseconds(1) ... .seconds(300) }
    /// The legal thresholds.
    public static var thresholds: ClosedRange<Int> { 1...1_000 }
    /// The legal shares of jitter.
    public static var jitters: ClosedRange<Double> { 0...0.5 }

    /// What the check is called: half of the key under which health is kept.
    public let name: String
    /// What is asked.
    public let kind: Kind
    /// The time from the start of a probe to the start of the next, before jitter.
    public let interval: Duration
    /// The same while the endpoint is unhealthy.
    public let unhealthyInterval: Duration
    /// How long a probe may take before it counts as failed.
    public let timeout: Duration
    /// By which share of itself an interval is made longer or shorter by chance.
    public let jitter: Double
    /// How many successes in a row make an unhealthy endpoint healthy.
    public let rise: Int
    /// How many failures in a row make a healthy endpoint unhealthy.
    public let fall: Int
    /// What is assumed before the first verdict.
    public let initially: Assumption
    /// Whether the first result of a new endpoint is a verdict at once, without regard to the thresholds.
    public let firstResultDecides: Bool
    /// The port that is probed in place of the endpoint's own. It means nothing for a socket in the file system.
    public let port: Int?

    /// Makes settings from values that may come from outside.
    ///
    /// - Parameters:
    ///   - name: 1 to 255 bytes without control characters.
    ///   - interval: Within ``intervals``. Five seconds: three failures then make an endpoint unhealthy within fifteen, and the probes
    ///     of a hundred clients are twenty a second.
    ///   - unhealthyInterval: Within ``intervals``; the interval unless said otherwise.
    ///   - timeout: Within ``timeouts``. Two seconds is far more than a health page of a working service needs.
    ///   - jitter: Within ``jitters``. A tenth spreads clients that started together within a few rounds.
    ///   - rise: Within ``thresholds``. Two, so that one lucky answer of a flapping endpoint does not bring it back.
    ///   - fall: Within ``thresholds``. Three, so that single blips do not take an endpoint away.
    ///   - initially: Healthy, so that endpoints without a running checker can be used.
    ///   - firstResultDecides: True, so that an endpoint that is dead from the start gets calls for no longer than one probe takes. Turn it
    ///     off where the first probe of a new endpoint may fail by accident.
    ///   - port: From 1 to 65,535.
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ name: String, _ kind: Kind, interval: Duration = .seconds(5), unhealthyInterval: Duration? = nil,
        timeout: Duration = .seconds(2), jitter: Double = 0.1, rise: Int = 2, fall: Int = 3,
        initially: Assumption = .healthy, firstResultDecides: Bool = true, port: Int? = nil
    ) throws(BalancingError) {
        if let defect = NameRules.defect(in: name) {
            throw BalancingError(
                .invalidConfiguration, "\(NameRules.quoted(name)) is not possible as the name of a check: \(defect)")
        }
        try SettingBounds.check(interval, in: Self.intervals, "the interval of a check")
        if let unhealthyInterval {
            try SettingBounds.check(unhealthyInterval, in: Self.intervals, "the interval of a check")
        }
        try SettingBounds.check(timeout, in: Self.timeouts, "the timeout of a check")
        try SettingBounds.check(jitter, in: Self.jitters, "the jitter of a check")
        try SettingBounds.check(rise, in: Self.thresholds, "the rise of a check")
        try SettingBounds.check(fall, in: Self.thresholds, "the fall of a check")
        if let port { try SettingBounds.check(port, in: 1...65_535, "the port of a check") }
        self.name = name
        self.kind = kind
        self.interval = interval
        self.unhealthyInterval = unhealthyInterval ?? interval
        self.timeout = timeout
        self.jitter = jitter
        self.rise = rise
        self.fall = fall
        self.initially = initially
        self.firstResultDecides = firstResultDecides
        self.port = port
    }
}
