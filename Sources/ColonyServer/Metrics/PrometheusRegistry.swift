import ColonyCore
public import CoreMetrics
import NIOCore
import Synchronization

/// Keeps metrics and writes them in the text format of Prometheus, version 0.0.4.
///
/// It is a `MetricsFactory`, so a program may hand it to `MetricsSystem.bootstrap(_:)` to see the metrics of its
/// libraries beside those of the daemon. Labels become names by replacing what Prometheus does not allow with `_`.
///
/// The number of label combinations of one metric is bounded by ``maximumSeries``. Further ones are counted together,
/// with every label value replaced by `other`, because an unbounded label would let a client fill the memory.
///
/// - SeeAlso: *Exposition formats*, Prometheus documentation.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The most label combinations of one metric: more than twice as many as the routes of the API have classes of status.
    public static let maximumSeries = 1_000

    /// The upper bounds of the buckets of timers, in seconds: from a tenth of a millisecond to a minute.
    static let secondsBuckets: [Double] = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    enum Kind: String {
        case counter, gauge, histogram
    }

    protocol Series: AnyObject, Sendable {
        func write(name: String, labels: String, to buffer: inout ByteBuffer)
    }

    private struct Family {
        var kind: Kind
        var help: String
        var series: [String: any Series] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    public init() {}

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.counter(Self.suffixed(label, "_total"), dimensions, help: "")
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.gauge(label, dimensions, help: "")
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate {
            self.histogram(label, dimensions, buckets: Self.valueBuckets, help: "")
        } else {
            self.gauge(label, dimensions, help: "")
        }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.histogram(Self.suffixed(label, "_seconds"), dimensions, buckets: Self.secondsBuckets, help: "")
    }

    // Series live as long as the registry: a scraper must not see a counter come and go.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private static let valueBuckets: [Double] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000, 10_000_000,
    ]

    // MARK: Making series

    func counter(_ label: String, _ dimensions: [(String, String)], help: String) -> PrometheusCounter {
        self.series(label, dimensions, .counter, help) { PrometheusCounter() }
    }

    func gauge(_ label: String, _ dimensions: [(String, String)], help: String) -> PrometheusGauge {
        self.series(label, dimensions, .gauge, help) { PrometheusGauge() }
    }

    func histogram(
        _ label: String, _ dimensions: [(String, String)], buckets: [Double], help: String
    ) -> PrometheusHistogram {
        self.series(label, dimensions, .histogram, help) { PrometheusHistogram(buckets: buckets) }
    }

    private func series<Wanted: Series>(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, _ help: String, make: () -> Wanted
    ) -> Wanted {
        let name = Self.sanitized(label)
        return self.families.withLock { families in
            var family = families[name] ?? Family(kind: kind, help: help)
            // One name cannot be two kinds of metric. What comes second still counts, but nobody sees it.
            guard family.kind == kind else { return make() }
            var key = Self.labels(dimensions)
            if family.series[key] == nil, family.series.count >= Self.maximumSeries {
                key = Self.labels(dimensions.map { ($0.0, "other") })
            }
            if let present = family.series[key] as? Wanted { return present }
            let series = make()
            family.series[key] = series
            families[name] = family
            return series
        }
    }

    // MARK: Text

    /// Writes every metric, in the order of names.
    func write(to buffer: inout ByteBuffer) {
        let families = self.families.withLock { $0 }
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            Self.writeHeader(name, family.kind, help: family.help, to: &buffer)
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name: name, labels: labels, to: &buffer)
            }
        }
    }

    static func writeHeader(_ name: String, _ kind: Kind, help: String, to buffer: inout ByteBuffer) {
        if !help.isEmpty {
            let escaped = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
            buffer.writeString("# HELP \(name) \(escaped)\n")
        }
        buffer.writeString("# TYPE \(name) \(kind.rawValue)\n")
    }

    /// A label as a metric's name: letters, digits, and underscores, not starting with a digit.
    static func sanitized(_ label: String) -> String {
        var name = ""
        for character in label.unicodeScalars {
            let isAllowed = character.isASCII && (character.properties.isAlphabetic || ("0"..."9").contains(character))
            name.unicodeScalars.append(isAllowed || character == "_" || character == ":" ? character : "_")
        }
        if let first = name.unicodeScalars.first, ("0"..."9").contains(first) { name = "_" + name }
        return name.isEmpty ? "_" : name
    }

    private static func suffixed(_ label: String, _ suffix: String) -> String {
        label.hasSuffix(suffix) ? label : label + suffix
    }

    /// The inside of the braces, in the order of label names.
    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions
            .map { (Self.sanitized($0.0).replacing(":", with: "_"), Self.escaped($0.1)) }
            .sorted { $0.0 < $1.0 }
            .map { "\($0.0)=\"\($0.1)\"" }
            .joined(separator: ",")
    }

    static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// A number as Prometheus reads it.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), value.magnitude < 0x1p53 { return String(Int64(value)) }
        return "\(value)"
    }
}

// MARK: Kinds of series

/// A number that only rises.
final class PrometheusCounter: CounterHandler, PrometheusRegistry.Series {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        self.value.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        self.value.store(0, ordering: .relaxed)
    }

    var current: Int64 { self.value.load(ordering: .relaxed) }

    func write(name: String, labels: String, to buffer: inout ByteBuffer) {
        buffer.writeString(labels.isEmpty ? "\(name) \(self.current)\n" : "\(name){\(labels)} \(self.current)\n")
    }
}

/// A number that is set.
final class PrometheusGauge: MeterHandler, RecorderHandler, PrometheusRegistry.Series {
    private let value = Mutex(0.0)

    func set(_ value: Int64) { self.value.withLock { $0 = Double(value) } }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { self.value.withLock { $0 += amount } }
    func decrement(by amount: Double) { self.value.withLock { $0 -= amount } }
    func record(_ value: Int64) { self.set(value) }
    func record(_ value: Double) { self.set(value) }

    func write(name: String, labels: String, to buffer: inout ByteBuffer) {
        let text = PrometheusRegistry.text(self.value.withLock { $0 })
        buffer.writeString(labels.isEmpty ? "\(name) \(text)\n" : "\(name){\(labels)} \(text)\n")
    }
}

/// How often values lay below each of some bounds.
final class PrometheusHistogram: TimerHandler, RecorderHandler, PrometheusRegistry.Series {
    private struct State {
        var counts: [Int]
        var sum = 0.0
    }

    private let buckets: [Double]
    private let state: Mutex<State>

    /// - Parameter buckets: Upper bounds in rising order, without infinity.
    init(buckets: [Double]) {
        self.buckets = buckets
        self.state = Mutex(State(counts: Array(repeating: 0, count: buckets.count + 1)))
    }

    func observe(_ value: Double) {
        // Most values are small, so the search from below is short.
        var index = 0
        while index < self.buckets.count, value > self.buckets[index] { index += 1 }
        self.state.withLock { state in
            state.counts[index] += 1
            state.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { self.observe(Double(duration) / 1e9) }
    func record(_ value: Int64) { self.observe(Double(value)) }
    func record(_ value: Double) { self.observe(value) }

    func write(name: String, labels: String, to buffer: inout ByteBuffer) {
        let (counts, sum) = self.state.withLock { ($0.counts, $0.sum) }
        let prefix = labels.isEmpty ? "" : "\(labels),"
        var total = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < self.buckets.count ? PrometheusRegistry.text(self.buckets[index]) : "+Inf"
            buffer.writeString("\(name)_bucket{\(prefix)le=\"\(bound)\"} \(total)\n")
        }
        let braces = labels.isEmpty ? "" : "{\(labels)}"
        buffer.writeString("\(name)_sum\(braces) \(PrometheusRegistry.text(sum))\n")
        buffer.writeString("\(name)_count\(braces) \(total)\n")
    }
}
