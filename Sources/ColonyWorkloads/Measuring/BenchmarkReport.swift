/// The measurements of one run with what they depend on, as a table for people or as JSON for programs.
public struct BenchmarkReport: Sendable, Codable {
    /// What the figures were measured on.
    public var machine: Machine
    /// The version of Colony and of every other system in the run.
    public var versions: [String: String]
    /// The command that repeats the run.
    public var command: String
    /// The share of a full run that was measured; below 1 the figures say little.
    public var scale: Double
    /// One entry per workload, in the order in which they ran.
    public var measurements: [Measurement]
    /// What could not be measured here, each with its reason. A workload on this list never counts as reached.
    public var skipped: [String: String]
    /// How busy the machine was around the run, if that is known.
    public var load: Load?

    /// The load averages of the minute before a run and of its last minute. The first should be near zero: what else runs
    /// on the machine takes from the figures.
    public struct Load: Sendable, Codable, Hashable {
        /// Before the first workload.
        public var before: Double
        /// After the last workload.
        public var after: Double

        /// Puts the two together; `nil` unless both are known.
        public init?(before: Double?, after: Double?) {
            guard let before, let after else { return nil }
            self.before = before
            self.after = after
        }
    }

    /// Makes a report.
    public init(
        machine: Machine, versions: [String: String], command: String, scale: Double, measurements: [Measurement],
        skipped: [String: String] = [:], load: Load? = nil
    ) {
        self.machine = machine
        self.versions = versions
        self.command = command
        self.scale = scale
        self.measurements = measurements
        self.skipped = skipped
        self.load = load
    }

    /// Whether every measured target was reached and nothing was skipped.
    public var allTargetsMet: Bool {
        self.skipped.isEmpty && self.measurements.allSatisfy { $0.isTargetMet != false }
    }

    /// The report as a table of fixed-width text, with each target beside its figure.
    public var table: String {
        var rows: [[String]] = [["workload", "figure", "target", "", "median", "p99", "spread", "count"]]
        for measurement in self.measurements {
            rows.append([
                measurement.workload,
                "\(Figure.text(measurement.figure)) \(measurement.unit)",
                measurement.target.map { target in
                    target.description + (target.fact.map { " (\($0))" } ?? "")
                } ?? "–",
                measurement.isTargetMet.map { $0 ? "reached" : "MISSED" } ?? "",
                measurement.latency.map { Self.time($0.medianMicroseconds) } ?? "–",
                measurement.latency.map { Self.time($0.p99Microseconds) } ?? "–",
                measurement.spread.map { "\(Figure.text($0.lowerBound)) … \(Figure.text($0.upperBound))" } ?? "–",
                Figure.text(Double(measurement.count)),
            ])
        }
        var text = "\(self.machine.description)\n"
        text += self.versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: " · ") + "\n"
        if let load {
            text += "load average \(Figure.text(load.before)) before the run, \(Figure.text(load.after)) at its end\n"
        }
        text += "command: \(self.command)\n\n"
        text += Self.aligned(rows)
        text += "\n"
        for measurement in self.measurements {
            text += "\(measurement.workload): \(measurement.title)\n"
            for fact in measurement.facts {
                text += "    \(fact.name): \(Figure.text(fact.value)) \(fact.unit)\n"
            }
        }
        for (workload, reason) in self.skipped.sorted(by: { $0.key < $1.key }) {
            text += "\(workload): not measured, \(reason)\n"
        }
        return text
    }

    private static func time(_ microseconds: Double) -> String {
        switch microseconds {
        case ..<1_000: "\(Figure.text(microseconds)) µs"
        case ..<1_000_000: "\(Figure.text(microseconds / 1_000)) ms"
        default: "\(Figure.text(microseconds / 1_000_000)) s"
        }
    }

    private static func aligned(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
