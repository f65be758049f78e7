import ColonyCore

/// What a figure must reach.
public struct MeasurementTarget: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Which side of the limit is good.
    public enum Direction: String, Sendable, Codable {
        /// The figure must be at least the limit, as a rate.
        case atLeast = "at_least"
        /// The figure must be at most the limit, as a time.
        case atMost = "at_most"
    }

    /// Which side of the limit is good.
    public let direction: Direction
    /// The limit, in ``unit``.
    public let limit: Double
    /// The unit, which is that of the measurement or of one of its ``Measurement/facts``.
    public let unit: String
    /// The fact that is compared, or `nil` for the figure itself.
    public let fact: String?

    /// A rate or share that must be at least `limit`.
    public static func atLeast(_ limit: Double, _ unit: String, of fact: String? = nil) -> Self {
        Self(direction: .atLeast, limit: limit, unit: unit, fact: fact)
    }

    /// A time or size that must be at most `limit`.
    public static func atMost(_ limit: Double, _ unit: String, of fact: String? = nil) -> Self {
        Self(direction: .atMost, limit: limit, unit: unit, fact: fact)
    }

    /// Whether `value` reaches the target.
    public func isMet(by value: Double) -> Bool {
        switch self.direction {
        case .atLeast: value >= self.limit
        case .atMost: value <= self.limit
        }
    }

    /// The target as people read it: `≥ 40,000 pairs/s`.
    public var description: String {
        let sign = self.direction == .atLeast ? "≥" : "≤"
        return "\(sign) \(Figure.text(self.limit)) \(self.unit)"
    }
}

/// The outcome of one workload.
public struct Measurement: Sendable, Codable {
    /// The name of the workload.
    public var workload: String
    /// What was measured and under which load.
    public var title: String
    /// The figure, in ``unit``: the median of the rounds for a rate, the 99th percentile for a waiting time.
    public var figure: Double
    /// The unit of ``figure``: `pairs/s`, `ms`, `MiB`.
    public var unit: String
    /// How many operations the figure rests on.
    public var count: Int
    /// How long one operation took, half of the time and in all but one of a hundred cases; in microseconds.
    public var latency: Percentiles?
    /// The smallest and the largest figure of the rounds: how far a repetition may be off.
    public var spread: ClosedRange<Double>?
    /// Further figures of the same run, such as the bound that it is compared with, each with its unit.
    public var facts: [Fact]
    /// What the figure must reach.
    public var target: MeasurementTarget?

    /// A figure beside the main one.
    public struct Fact: Sendable, Codable, Hashable {
        /// What it is, in a few words.
        public var name: String
        /// How much it is, in ``unit``.
        public var value: Double
        /// The unit of ``value``.
        public var unit: String

        /// Names a figure.
        public init(_ name: String, _ value: Double, _ unit: String) {
            self.name = name
            self.value = value
            self.unit = unit
        }
    }

    /// Makes a measurement.
    public init(
        workload: String, title: String, figure: Double, unit: String, count: Int, latency: Percentiles? = nil,
        spread: ClosedRange<Double>? = nil, facts: [Fact] = [], target: MeasurementTarget? = nil
    ) {
        self.workload = workload
        self.title = title
        self.figure = figure
        self.unit = unit
        self.count = count
        self.latency = latency
        self.spread = spread
        self.facts = facts
        self.target = target
    }

    /// Whether the target is reached, or `nil` if there is none.
    public var isTargetMet: Bool? {
        guard let target else { return nil }
        guard let name = target.fact else { return target.isMet(by: self.figure) }
        guard let fact = self.facts.first(where: { $0.name == name }) else { return false }
        return target.isMet(by: fact.value)
    }
}

/// A median and a 99th percentile.
public struct Percentiles: Hashable, Sendable, Codable {
    /// Half of the samples are at most this; in microseconds.
    public var medianMicroseconds: Double
    /// All but one of a hundred samples are at most this; in microseconds.
    public var p99Microseconds: Double

    /// Ranks samples by the nearest-rank method, which always names a sample that was really seen.
    ///
    /// - Parameter samples: At least one.
    /// - Complexity: O(*n* log *n*).
    public init(_ samples: some Collection<Duration>) {
        precondition(!samples.isEmpty, "percentiles need at least one sample")
        let sorted = samples.map(\.clampedNanoseconds).sorted()
        func rank(_ share: Double) -> Double {
            let position = Int((share * Double(sorted.count)).rounded(.up)) - 1
            return Double(sorted[max(0, min(sorted.count - 1, position))]) / 1_000
        }
        self.medianMicroseconds = rank(0.5)
        self.p99Microseconds = rank(0.99)
    }
}

/// Numbers as people read them.
package enum Figure {
    /// At most three significant digits after the leading ones, with commas between thousands: `1,534,021`, `0.183`.
    package static func text(_ value: Double) -> String {
        let magnitude = abs(value)
        if magnitude >= 1_000 { return Self.grouped(Int64(value.rounded())) }
        let digits = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int64((magnitude * scale).rounded())
        let whole = scaled / Int64(scale)
        var fraction = String(scaled % Int64(scale))
        if digits > 0 {
            fraction = String(repeating: "0", count: digits - fraction.count) + fraction
            while fraction.hasSuffix("0") { fraction.removeLast() }
        } else {
            fraction = ""
        }
        return (value < 0 ? "-" : "") + String(whole) + (fraction.isEmpty ? "" : "." + fraction)
    }

    private static func grouped(_ value: Int64) -> String {
        let digits = String(value.magnitude)
        var result = ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return value < 0 ? "-" + result : result
    }
}
